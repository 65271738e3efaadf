"""``bundle init``: what is founded opens, and what fails leaves nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bundler import config
from bundler.fetch.options import FETCH_OPTIONS
from bundler.home import Home, open_home
from bundler.jobs.init import NewPublisher, configuration_text, create_publisher
from bundler.kinds import KINDS, kind_class
from bundler.repository.repository import Repository
from bundler.sources.common import COMMON_KEYS
from tests.support.ceremony import Site, refused
from tests.support.tuf_publisher import NOW


def test_a_founded_home_opens_and_its_first_root_holds(tmp_path):
    site = Site(tmp_path, 3, 2)
    assert open_home(site.home.path) == site.home
    assert (site.root.version, site.root.roles["root"].threshold, len(site.keyids("root"))) == (1, 2, 3)
    assert site.root.expires == NOW + timedelta(days=365)
    assert config.load_config(site.home.config) == config.Config("acme")
    assert site.home.keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in site.home.keys.glob("*.pem")} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "stick"]


def test_every_line_of_the_commented_configuration_is_true(tmp_path):
    lines = configuration_text("acme", config.Expiries()).splitlines()
    settings = [line[1:] if re.match(r"#(?! \S)", line) else line for line in lines]
    (tmp_path / "bundler.toml").write_text("\n".join(settings))
    found = config.load_config(tmp_path / "bundler.toml")
    assert {source.kind for source in found.sources} == set(KINDS)
    assert found == config.Config("acme", found.sources, pkcs11_module="/usr/lib/softhsm/libsofthsm2.so")
    shown = {(source.kind, key) for source in found.sources for key in source.options}
    shown |= {(kind, key) for kind in KINDS for key in FETCH_OPTIONS if ("http", key) in shown}
    named = re.findall(r"; or (\w+_url), or (\w+_url)\.", "\n".join(lines))
    shown |= {("http", key) for keys in named for key in keys}
    own = {(kind, key) for kind in KINDS for key in kind_class(kind).OPTIONS_SCHEMA["properties"]}
    assert own - shown == set()
    assert [key for key in COMMON_KEYS if f"\n{key} = " not in "\n".join(settings)] == []


def test_other_expiries_are_written_to_the_configuration(tmp_path):
    wanted = config.Expiries(root=730, timestamp=45)
    home = create_publisher(tmp_path / "home", NewPublisher("acme", expiries=wanted), NOW)
    assert config.load_config(home.config).expiries == wanted
    assert Repository.load(home.metadata).root.expires == NOW + timedelta(days=730)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (NewPublisher("Acme!"), "init.publisher"),
        (NewPublisher("acme", 2, 3), "init.threshold"),
        (NewPublisher("acme", 0, 0), "init.threshold"),
        (NewPublisher("acme", expiries=config.Expiries(root=5)), "config.value"),
    ],
)
def test_a_failed_founding_leaves_nothing(tmp_path, wanted, code):
    with refused(code):
        create_publisher(tmp_path / "home", wanted, NOW)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_home_or_any_other_thing_is_not_touched(tmp_path):
    site = Site(tmp_path)
    before = site.state()
    with refused("home.exists"):
        create_publisher(site.home.path, NewPublisher("other"), NOW)
    assert site.state() == before
    (tmp_path / "file").write_text("x")
    with refused("home.exists"):
        create_publisher(tmp_path / "file", NewPublisher("other"), NOW)
    (tmp_path / "empty").mkdir()
    assert create_publisher(tmp_path / "empty", NewPublisher("other"), NOW) == Home(tmp_path / "empty")
