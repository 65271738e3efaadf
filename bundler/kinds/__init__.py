"""The kinds of source: one folder or file each, registered in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from bundler.sources.base import Source
from manifests.errors import ConfigurationError


@dataclass(frozen=True)
class Kind:
    """One kind of source.

    Args:
        module: Where its class is; imported only when a source of the kind is configured.
        class_name: Its class, a :class:`bundler.sources.base.Source`.
        deliver: The place that its files are delivered into where ``deliver`` says nothing.
    """

    module: str
    class_name: str
    deliver: str | None = None


KINDS: Mapping[str, Kind] = {
    "directory": Kind("bundler.kinds.directory", "DirectorySource"),
    "http": Kind("bundler.kinds.http.source", "HttpSource"),
    "activeupdate": Kind("bundler.kinds.activeupdate.source", "ActiveUpdateSource"),
    "clamav": Kind("bundler.kinds.clamav.source", "ClamavSource"),
    "suricata": Kind("bundler.kinds.suricata.source", "SuricataSource"),
    "rulepack": Kind("bundler.kinds.rulepack", "RulepackSource"),
    "command": Kind("bundler.kinds.command", "CommandSource"),
    "dsm-rules": Kind("bundler.kinds.dsm_rules.source", "DsmRulesSource"),
    "dsa": Kind("bundler.kinds.dsa.source", "DsaSource", deliver="ds_agent"),
    "tuf": Kind("bundler.kinds.tuf", "TufSource"),
}
"""By what ``kind`` says. A new kind is a new file and one more line here."""


@cache
def kind_class(kind: str) -> type[Source]:
    """Return the class of a kind; its module is imported only now.

    Raises:
        ConfigurationError: ``source.kind``.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            "source.kind", f"There is no kind of source {kind!r}", need=f"one of {', '.join(KINDS)}"
        )
    known = KINDS[kind]
    found: type[Source] = getattr(import_module(known.module), known.class_name)
    return found
