"""The list of features to disable, as a table, JSON, a ``dsm_c`` script and REST requests.

``json`` and ``rest`` are for machines: they carry both languages and do not depend on the reader's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import StringIO
from typing import Any, Literal, get_args

from manifests.features.catalogue import Bilingual, FeatureItem, FeatureList, Language, RestSwitch

FeatureFormat = Literal["table", "json", "dsm-c", "rest"]
FEATURE_FORMATS: tuple[FeatureFormat, ...] = get_args(FeatureFormat)

TABLE_COLUMNS = 80

_ADVICE = Bilingual(
    "Advice: nothing here was applied, and Sealift never applies it.",
    "これは助言です。Sealiftは設定を一切変更していません。今後も変更しません。",
)
_NOTHING = Bilingual("Nothing to disable.", "無効にする機能はありません。")
_FEATURES = Bilingual("Features to disable", "無効にする機能")
_SETTINGS = Bilingual("Settings to change", "変更する設定")
_HEADINGS = (
    Bilingual("What", "項目"),
    Bilingual("Protection lost", "失われる保護"),
    Bilingual("Switch in the console", "コンソールでの設定"),
)
_SURENESS = {
    "verified-name": Bilingual("name verified", "名称確認済み"),
    "documented": Bilingual("documented", "文書に記載"),
    "inferred": Bilingual("inferred, try it first", "推定。先に試験を"),
}
_MORE = Bilingual(
    "How to revert, reasons, REST bodies, dsm_c lines: --format json | rest | dsm-c.",
    "元に戻す方法、理由、RESTの本文、dsm_cの行: --format json | rest | dsm-c",
)


def render_features(features: FeatureList, form: FeatureFormat, language: Language = "en") -> str:
    """Write the list in one form, ending with a newline.

    Args:
        features: What to disable.
        form: ``table`` fits 80 columns; ``json`` follows ``features-list.schema.json``; ``dsm-c`` is a shell
            script that a person runs on the manager; ``rest`` is one JSON document of requests.
        language: Of ``table`` and ``dsm-c``; the others carry both.
    """
    return _RENDERERS[form](features, language)


def features_to_json(features: FeatureList) -> dict[str, Any]:
    """Return the list as the JSON document that ``features-list.schema.json`` describes."""
    catalogue = features.catalogue
    return {
        "format": "sealift-features/1",
        "product": catalogue.product,
        "connectivity": features.reach.id,
        "connectivity_name": asdict(features.reach.name),
        "advice": asdict(_ADVICE),
        "rest": {"base_url": catalogue.rest_base_url, "headers": dict(catalogue.rest_headers)},
        "hosts_basis": asdict(catalogue.hosts_basis),
        "unreachable_services": [
            {"id": service.id, "name": asdict(service.name), "hosts": list(service.hosts)}
            for service in features.services
        ],
        "items": [_item_to_json(item) for item in features.items],
    }


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _json(features: FeatureList, _: Language) -> str:
    return _dump(features_to_json(features))


def _item_to_json(item: FeatureItem) -> dict[str, Any]:
    value = asdict(item)
    value["services"] = list(item.services)
    value["switches"] = {name: switch for name, switch in value["switches"].items() if switch is not None}
    if item.switches.rest is not None:
        value["switches"]["rest"] = _rest_to_json(item.switches.rest)
    return value


def _rest_to_json(rest: RestSwitch) -> dict[str, Any]:
    value: dict[str, Any] = {
        "method": rest.method,
        "endpoint": rest.endpoint,
        "body": json.loads(rest.body),
        "revert_body": json.loads(rest.revert_body),
    }
    if rest.for_each is not None:
        value["for_each"] = asdict(rest.for_each)
    return value


def _rest(features: FeatureList, _: Language) -> str:
    catalogue = features.catalogue
    return _dump(
        {
            "format": "sealift-rest-advice/1",
            "product": catalogue.product,
            "connectivity": features.reach.id,
            "advice": asdict(_ADVICE),
            "base_url": catalogue.rest_base_url,
            "headers": dict(catalogue.rest_headers),
            "requests": [
                {"item": item.id, "confidence": item.confidence, **_rest_to_json(item.switches.rest)}
                for item in features.items
                if item.switches.rest is not None
            ],
            "without_rest": [
                {
                    "item": item.id,
                    "why": asdict(item.switches.no_rest),
                    "dsm_c": None if item.switches.dsm_c is None else asdict(item.switches.dsm_c),
                }
                for item in features.items
                if item.switches.no_rest is not None
            ],
        }
    )


def _table(features: FeatureList, language: Language) -> str:
    from rich.console import Console
    from rich.table import Table

    out = StringIO()
    console = Console(file=out, width=TABLE_COLUMNS, color_system=None, highlight=False, markup=False, emoji=False)
    console.print(features.catalogue.product)
    console.print(features.reach.name.in_(language))
    for kind, title in (("feature", _FEATURES), ("setting", _SETTINGS)):
        items = [item for item in features.items if item.kind == kind]
        if not items:
            continue
        table = Table(title=f"{title.in_(language)}: {len(items)}", title_justify="left", width=TABLE_COLUMNS)
        for heading, share in zip(_HEADINGS, (20, 26, 26), strict=True):
            table.add_column(heading.in_(language), width=share, overflow="fold")
        for item in items:
            table.add_row(*_cells(item, language), end_section=True)
        console.print()
        console.print(table)
    console.print()
    console.print((_MORE if features.items else _NOTHING).in_(language))
    console.print(_ADVICE.in_(language))
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def _cells(item: FeatureItem, language: Language) -> tuple[str, str, str]:
    console = item.switches.console
    return (
        f"{item.name.in_(language)}\n({_SURENESS[item.confidence].in_(language)})",
        item.protection_lost.in_(language),
        f"{console.path.in_(language)}: {console.value.in_(language)}",
    )


def _dsm_c(features: FeatureList, language: Language) -> str:
    lines = ["#!/bin/sh", *_dsm_c_header(features, language), "set -eu", 'PATH="$PATH:/opt/dsm"', ""]
    for item in features.items:
        lines += _dsm_c_item(item, language)
    return "\n".join(lines).rstrip("\n") + "\n"


def _dsm_c_header(features: FeatureList, language: Language) -> Iterator[str]:
    english = language == "en"
    yield f"# {features.catalogue.product}"
    yield f"# {features.reach.name.in_(language)}"
    yield f"# {_ADVICE.in_(language)}"
    yield (
        "# Read it, then run it yourself on the host of the manager, in the manager's directory."
        if english
        else "# 内容を確認したうえで、Managerのホスト上、Managerのインストール先で実行してください。"
    )
    rest = [item.name.in_(language) for item in features.items if item.switches.dsm_c is None]
    if rest:
        yield (
            "# No dsm_c line exists for (use --format rest or the console):"
            if english
            else ("# 次の項目にはdsm_cの行がありません (--format rest またはコンソールを使ってください):")
        )
        yield from (f"#   {name}" for name in rest)
    if len(rest) == len(features.items):
        yield f"# {_NOTHING.in_(language)}" if not rest else "#"


def _dsm_c_item(item: FeatureItem, language: Language) -> list[str]:
    if item.switches.dsm_c is None:
        return []
    revert = "Revert" if language == "en" else "元に戻す"
    return [
        f"# {item.name.in_(language)}: {item.protection_lost.in_(language)}",
        item.switches.dsm_c.line,
        f"# {revert}: {item.switches.dsm_c.revert_line}",
        "",
    ]


_RENDERERS: dict[FeatureFormat, Callable[[FeatureList, Language], str]] = {
    "table": _table,
    "json": _json,
    "dsm-c": _dsm_c,
    "rest": _rest,
}
