"""The kinds of source: one file each, registered in one table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from bundler.sources.base import Source
from manifests.errors import ConfigurationError

KINDS: Mapping[str, str] = {
    "directory": "bundler.kinds.directory:DirectorySource",
    "http": "bundler.kinds.http.source:HttpSource",
    "activeupdate": "bundler.kinds.activeupdate.source:ActiveUpdateSource",
    "clamav": "bundler.kinds.clamav.source:ClamavSource",
    "suricata": "bundler.kinds.suricata.source:SuricataSource",
    "rulepack": "bundler.kinds.rulepack:RulepackSource",
    "command": "bundler.kinds.command:CommandSource",
    "dsm-rules": "bundler.kinds.dsm_rules.source:DsmRulesSource",
    "dsa": "bundler.kinds.dsa.source:DsaSource",
    "tuf": "bundler.kinds.tuf:TufSource",
}
"""Kind to ``module:class``. A new kind is a new file and one more line here."""

DELIVERED: Mapping[str, str] = {"dsa": "ds_agent"}
"""Kind to the place that its files are delivered into where ``deliver`` says nothing."""


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
    module, _, name = KINDS[kind].partition(":")
    found: type[Source] = getattr(import_module(module), name)
    return found
