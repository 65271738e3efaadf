from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bundler import config
from bundler.kinds import KINDS as SHIPPED
from bundler.kinds import kind_class
from bundler.sources.common import COMMON_KEYS, CommonOptions
from bundler.sources.globs import GlobSet
from manifests.errors import ConfigurationError

KINDS = config.Kinds(
    ("directory", "http"),
    {
        "directory": {"required": ["path"], "properties": {"path": {"type": "string"}}},
        "http": {"properties": {"urls": {"type": "array", "items": {"type": "string"}}}},
    }.__getitem__,
)


def read(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "bundler.toml"
    path.write_text(text, "utf-8")
    return config.load_config(path, KINDS)


def refusal(tmp_path: Path, text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    return caught.value


def test_a_file_with_only_a_publisher_takes_every_default(tmp_path):
    found = read(tmp_path, 'publisher = "acme"\n')
    assert found == config.Config("acme")
    assert found.lifetime == timedelta(days=30)
    assert found.runway == timedelta(days=60)
    assert found.expiries.of("clamav") == timedelta(days=180)
    assert found.expiries.of("root") == timedelta(days=365)


def test_every_key_of_the_file_arrives(tmp_path):
    found = read(
        tmp_path,
        'publisher = "acme"\nlifetime_days = 7\nrunway_days = 8\nretention_generations = 11\n'
        "[expiry_days]\nroot = 100\ntargets = 50\nsources = 40\nsnapshot = 9\ntimestamp = 10\n"
        '[pkcs11]\nmodule = "/m.so"\n'
        '[[source]]\nname = "b"\nkind = "http"\nurls = ["u"]\n'
        '[[source]]\nname = "a"\nkind = "directory"\npath = "/x"\n',
    )
    assert found == config.Config(
        "acme",
        (
            config.SourceConfig("b", "http", {"urls": ["u"]}),
            config.SourceConfig("a", "directory", {"path": "/x"}),
        ),
        7,
        8,
        config.Expiries(100, 50, 40, 9, 10),
        11,
        "/m.so",
    )


@pytest.mark.parametrize(
    ("table", "code", "key"),
    [
        ('name = "a"\nkind = "directory"\npath = "/"\npaht = 1\n', "config.unknown-key", "source[1].paht"),
        ('name = "a"\nkind = "directory"\n', "config.missing-key", "source[1].path"),
        ('name = "a"\nkind = "http"\nurls = [1]\n', "config.value", "source[1].urls[1]"),
        ('name = "a"\nkind = "https"\n', "config.value", "source[1].kind"),
        ('name = "targets"\nkind = "http"\n', "config.value", "source[1].name"),
        ('name = "A b"\nkind = "http"\n', "config.value", "source[1].name"),
        ('kind = "http"\n', "config.missing-key", "source[1].name"),
    ],
)
def test_a_wrong_source_table_is_refused_with_its_place(tmp_path, table, code, key):
    error = refusal(tmp_path, f'publisher = "acme"\n[[source]]\n{table}')
    assert (error.code, error.details["key"]) == (code, key)


def test_every_kind_takes_the_common_keys_beside_its_own(tmp_path):
    (source,) = read(
        tmp_path,
        'publisher = "acme"\n[[source]]\nname = "a"\nkind = "directory"\npath = "/x"\n'
        'include = ["*.cvd"]\nexclude = ["x/**"]\nfresh_days = 7\nlicence = "ours"\nmount = "/"\n'
        'deliver = "ds_agent"\nallow_older = true\n',
    ).sources
    assert source.options == {"path": "/x"}
    assert source.common == CommonOptions(GlobSet(("*.cvd",), ("x/**",)), 7, "ours", "/", "ds_agent", allow_older=True)


def test_without_a_common_key_everything_is_taken_and_nothing_is_said(tmp_path):
    (source,) = read(tmp_path, 'publisher = "acme"\n[[source]]\nname = "a"\nkind = "http"\n').sources
    assert (
        source.common == CommonOptions() == CommonOptions(GlobSet(("**",)), None, None, None, None, allow_older=False)
    )


@pytest.mark.parametrize("kind", sorted(SHIPPED))
def test_no_kind_has_a_key_of_its_own_that_is_common(kind):
    assert not set(kind_class(kind).OPTIONS_SCHEMA["properties"]) & {*COMMON_KEYS, "name", "kind"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("fresh_days = 0", "fresh_days"),
        ('fresh_days = "7"', "fresh_days"),
        ('mount = "/au"', "mount"),
        ('deliver = "/opt/ds_agent"', "deliver"),
        ('licence = ""', "licence"),
        ('include = "*.cvd"', "include"),
        ("include = []", "include"),
        ('exclude = [""]', "exclude[1]"),
        ('allow_older = "yes"', "allow_older"),
    ],
)
def test_a_common_key_with_a_value_that_means_nothing_is_refused(tmp_path, line, key):
    error = refusal(tmp_path, f'publisher = "acme"\n[[source]]\nname = "a"\nkind = "http"\n{line}\n')
    assert (error.code, error.details["key"]) == ("config.value", f"source[1].{key}")


def test_a_mistyped_common_key_is_named_with_the_nearest(tmp_path):
    error = refusal(tmp_path, 'publisher = "acme"\n[[source]]\nname = "a"\nkind = "http"\nlicense = "x"\n')
    assert (error.code, error.todo) == ("config.unknown-key", "did you mean 'licence'?")


def test_the_same_source_twice_is_refused(tmp_path):
    table = '[[source]]\nname = "a"\nkind = "http"\n'
    assert refusal(tmp_path, f'publisher = "acme"\n{table}{table}').code == "config.duplicate-source"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("lifetime_days = 61\n", "runway_days"),
        ("[expiry_days]\ntimestamp = 29\n", "expiry_days.timestamp"),
        ("[expiry_days]\nsnapshot = 29\n", "expiry_days.snapshot"),
        ("[expiry_days]\ntargets = 59\n", "expiry_days.targets"),
        ("[expiry_days]\nsources = 59\n", "expiry_days.sources"),
        ("[expiry_days]\nroot = 59\n", "expiry_days.root"),
    ],
)
def test_lifetimes_that_no_bundle_could_keep_are_refused(tmp_path, text, key):
    error = refusal(tmp_path, f'publisher = "acme"\n{text}')
    assert (error.code, error.details["key"]) == ("config.value", key)


WRONG = """publisher = "plant"
lifetime = 3
[expiry_days]
rot = 1
[[source]]
name = "A b"
kind = "directory"
[[source]]
kind = "htp"
[[source]]
name = "good"
kind = "directory"
path = "/x"
[[source]]
name = "h"
kind = "http"
urls = ["ftp://x"]
foo = 1
bar = 2
"""


def test_every_error_is_found_at_once_and_the_good_sources_are_named_apart(tmp_path):
    (tmp_path / "bundler.toml").write_text(WRONG)
    reading = config.read_config(tmp_path / "bundler.toml")
    assert [error.details["key"] for error in reading.general] == ["lifetime", "expiry_days.rot"]
    assert [(one.name, [error.details["key"] for error in one.errors]) for one in reading.broken] == [
        ("A b", ["source[1].name", "source[1].path"]),
        ("source[2]", ["source[2].name", "source[2].kind"]),
        ("h", ["source[4].foo", "source[4].bar", "source[4].urls[1]"]),
    ]
    with pytest.raises(ConfigurationError) as caught:
        config.load_config(tmp_path / "bundler.toml")
    assert str(caught.value) == str(reading.errors[0])
    (tmp_path / "bundler.toml").write_text(WRONG.replace("lifetime = 3\n[expiry_days]\nrot = 1\n", ""))
    reading = config.read_config(tmp_path / "bundler.toml")
    assert [source.name for source in reading.sound_part.sources] == ["good"]


@pytest.mark.parametrize("value", ["source = 3", "source = [3]", "source = [[]]", '[source]\nname = "a"'])
def test_sources_that_are_no_tables_are_refused(tmp_path, value):
    assert refusal(tmp_path, f'publisher = "acme"\n{value}\n').code == "config.value"


def test_every_lifetime_that_no_bundle_could_keep_is_named(tmp_path):
    (tmp_path / "bundler.toml").write_text('publisher = "acme"\n[expiry_days]\nroot = 59\ntimestamp = 29\n')
    reading = config.read_config(tmp_path / "bundler.toml")
    assert [error.details["key"] for error in reading.errors] == ["expiry_days.timestamp", "expiry_days.root"]
