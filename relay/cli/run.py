"""``relay run``: the service."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import click

from manifests.clock import instant_text, system_clock
from manifests.console.commands import Settings


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Serve there instead of where relay.toml says.")
@click.option(
    "--log",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write events on stderr, one per line.",
)
@click.pass_obj
def command(settings: Settings, listen: str | None, form: str) -> None:
    """Watch the inboxes, import what comes, serve it over HTTPS; until SIGTERM or Ctrl-C."""
    from relay.config import load_config, parse_listen
    from relay.home import open_home
    from relay.service.service import run_service

    home = open_home(settings.home)
    config = load_config(home.path)
    if listen is not None:
        host, port = parse_listen(listen)
        config = replace(config, host=host, port=port)
    run_service(
        home,
        config,
        clock=system_clock,
        report=_EventLines(as_json=form == "json"),
        notify_address=os.environ.get("NOTIFY_SOCKET"),
    )


class _EventLines:
    """One line per event on stderr, from any thread. Names of files cannot forge lines or drive a terminal.

    Args:
        as_json: One JSON object per line instead of time and sentence.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lock = threading.Lock()

    def __call__(self, event: str, text: str, **fields: str | int | None) -> None:
        """Write one event."""
        from manifests.text import printable

        now = instant_text(system_clock())
        if self._as_json:
            given = {name: value for name, value in fields.items() if value is not None}
            line = json.dumps({"time": now, "event": event, "text": text, **given})
        else:
            line = f"{now} {printable(text)}"
        with self._lock, suppress(OSError):  # a log that is gone is no reason to stop serving
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
