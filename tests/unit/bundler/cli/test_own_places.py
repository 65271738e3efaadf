"""Places of ours that a command knows of."""

from __future__ import annotations

from pathlib import Path

from bundler.cli.own_places import own_places_of
from bundler.config import Config, SourceConfig


def test_secrets_of_the_command_line_the_environment_and_upstreams_and_where_bundles_go() -> None:
    source = SourceConfig("a", "http", {"credentials": {"host": "x", "password_file": "/etc/pw"}, "urls": ["x"]})
    config = Config("acme", (source,))
    places = own_places_of(
        config, Path("/pass"), None, out=Path("/out"), environment={"SEALIFT_PIN_FILE": "/pin", "HOME": "/root"}
    )
    assert [place.path for place in places] == [Path("/pass"), Path("/pin"), Path("/etc/pw"), Path("/out")]
    assert places[-1].names == tuple(f"acme-000001-full{end}" for end in (".zip", ".zip.par2", ".txt", ".html"))
    assert own_places_of(Config("acme"), None, environment={}) == ()
