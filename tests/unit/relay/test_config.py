from pathlib import Path

import pytest

from manifests.errors import ConfigurationError
from manifests.limits import MIB
from relay.config import Config, InboxConfig, TlsFiles, find_config_errors, load_config, parse_listen


def config_of(tmp_path: Path, text: str) -> Config:
    (tmp_path / "relay.toml").write_text(text)
    return load_config(tmp_path)


def test_the_least_configuration_watches_the_inbox_and_listens_on_loopback(tmp_path):
    config = config_of(tmp_path, 'connectivity = "proxy"')
    assert config == Config("proxy", (InboxConfig(tmp_path / "inbox", "delete", 2.0, 10.0),))
    assert (config.host, config.port) == ("127.0.0.1", 4122)
    assert (config.reserve_bytes, config.quarantine_bytes) == (64 * MIB, 4096 * MIB)


def test_every_key_is_read(tmp_path):
    config = config_of(
        tmp_path,
        """
        connectivity = "local-sps"
        languages = ["ja"]
        stale_after_days = 7
        default_inbox = false
        [serve]
        listen = "[::1]:8443"
        mount_at_root = "activeupdate"
        [serve.tls]
        certificate = "mine.pem"
        key = "/etc/mine.key"
        [store]
        reserve_mib = 1
        quarantine_mib = 2
        [[inbox]]
        path = "/media/stick"
        dispose = "keep"
        settle_seconds = 0.5
        rescan_seconds = 3
        [[inbox]]
        path = "second"
        """,
    )
    assert config == Config(
        connectivity="local-sps",
        inboxes=(InboxConfig(Path("/media/stick"), "keep", 0.5, 3.0), InboxConfig(tmp_path / "second")),
        host="::1",
        port=8443,
        mount_at_root="activeupdate",
        tls=TlsFiles(tmp_path / "mine.pem", Path("/etc/mine.key")),
        stale_after_days=7,
        reserve_bytes=MIB,
        quarantine_bytes=2 * MIB,
        languages=("ja",),
    )


def test_a_table_for_the_first_inbox_replaces_its_defaults(tmp_path):
    config = config_of(tmp_path, 'connectivity = "proxy"\n[[inbox]]\npath = "inbox"\ndispose = "archive"')
    assert config.inboxes == (InboxConfig(tmp_path / "inbox", "archive"),)


@pytest.mark.parametrize(("text", "value"), [("", True), ("true", True), ("false", False), ('"au"', "au")])
def test_the_root_is_for_whoever_asks_for_nobody_or_for_one_by_name(tmp_path, text, value):
    key = f"[serve]\nmount_at_root = {text}\n" if text else ""
    assert config_of(tmp_path, f'connectivity = "proxy"\n{key}').mount_at_root == value


@pytest.mark.parametrize("text", ['"/"', "1", '"A b"'])
def test_no_source_can_have_another_name_at_the_root(tmp_path, text):
    with pytest.raises(ConfigurationError) as caught:
        config_of(tmp_path, f'connectivity = "proxy"\n[serve]\nmount_at_root = {text}\n')
    assert (caught.value.code, caught.value.details["key"]) == ("config.value", "serve.mount_at_root")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "config.missing-key"),
        ("conectivity = 1", "config.unknown-key"),
        ('connectivity = "telegraph"', "config.value"),
        ('connectivity = "proxy"\n[serve]\nlisten = "nowhere"', "config.listen"),
        ('connectivity = "proxy"\n[serve]\nlisten = "host:70000"', "config.listen"),
        ("connectivity =", "config.syntax"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, code):
    with pytest.raises(ConfigurationError) as caught:
        config_of(tmp_path, text)
    assert caught.value.code == code
    assert code in {error.code for error in find_config_errors(tmp_path)}


def test_every_error_of_the_file_is_found_at_once(tmp_path):
    text = """stale = 3
connectivity = "telegraph"
[serve]
lisen = "x"
listen = 5
[[inbox]]
dispose = "burn"
"""
    (tmp_path / "relay.toml").write_text(text)
    assert {error.details["key"] for error in find_config_errors(tmp_path)} == {
        "stale", "connectivity", "serve.lisen", "serve.listen", "inbox[1].path", "inbox[1].dispose"
    }  # fmt: skip


def test_what_the_schema_cannot_see_is_found_at_once_too(tmp_path):
    places = "".join(f'[[delivery]]\nname = "{name}"\ndirectory = "{path}"\n' for name, path in
                     (("a", "x"), ("b", "/y/../z"), ("c", "/good"), ("c", "/better")))  # fmt: skip
    (tmp_path / "relay.toml").write_text(f'connectivity = "proxy"\n{places}[serve]\nlisten = "nowhere"\n')
    assert [error.code for error in find_config_errors(tmp_path)] == ["config.listen", *["config.delivery"] * 2]


def test_a_sound_file_has_no_errors(tmp_path):
    (tmp_path / "relay.toml").write_text('connectivity = "proxy"\n')
    assert find_config_errors(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:0", "127.0.0.1", 0), ("[::]:4122", "::", 4122), ("r.site:1", "r.site", 1)]
)
def test_an_address_to_listen_on_is_host_and_port(text, host, port):
    assert parse_listen(text) == (host, port)
