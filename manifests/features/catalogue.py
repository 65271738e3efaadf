"""The catalogue of cloud-dependent features, as types, and the pure rule from connectivity to list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

Connectivity = Literal["proxy", "local-sps", "isolated"]
ItemKind = Literal["feature", "setting"]
Confidence = Literal["verified-name", "documented", "inferred"]
Language = Literal["en", "ja"]

CONNECTIVITIES: tuple[Connectivity, ...] = get_args(Connectivity)


@dataclass(frozen=True)
class Bilingual:
    """One sentence in each language."""

    en: str
    ja: str

    def in_(self, language: Language) -> str:
        """Return the sentence in one language."""
        return self.ja if language == "ja" else self.en


@dataclass(frozen=True)
class CloudService:
    """A service that agents ask. ``hosts`` are patterns to look for in proxy and DNS logs."""

    id: str
    name: Bilingual
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Reachability:
    """Which services one kind of connectivity leaves reachable."""

    id: Connectivity
    name: Bilingual
    reachable: frozenset[str]


@dataclass(frozen=True)
class ConsoleSwitch:
    """Where a person finds the switch, what to set it to, and what it was."""

    path: Bilingual
    value: Bilingual
    revert: Bilingual


@dataclass(frozen=True)
class RestSwitch:
    """One request of the manager's API. The bodies are JSON text; ``for_each`` says what to repeat it for."""

    method: str
    endpoint: str
    body: str
    revert_body: str
    for_each: Bilingual | None = None


@dataclass(frozen=True)
class CommandSwitch:
    """One line of the manager's command line."""

    line: str
    revert_line: str


@dataclass(frozen=True)
class Switches:
    """Every known way to one switch; where no REST field exists, ``no_rest`` says so."""

    console: ConsoleSwitch
    rest: RestSwitch | None = None
    dsm_c: CommandSwitch | None = None
    no_rest: Bilingual | None = None


@dataclass(frozen=True)
class FeatureItem:
    """One feature or setting that cannot work, or does harm, without the services it needs."""

    id: str
    kind: ItemKind
    name: Bilingual
    services: tuple[str, ...]
    reason: Bilingual
    protection_lost: Bilingual
    switches: Switches
    confidence: Confidence
    basis: Bilingual


@dataclass(frozen=True)
class Catalogue:
    """All that is known about one product. ``rest_headers`` are the headers of every request."""

    product: str
    rest_base_url: str
    rest_headers: tuple[tuple[str, str], ...]
    hosts_basis: Bilingual
    services: tuple[CloudService, ...]
    reaches: tuple[Reachability, ...]
    items: tuple[FeatureItem, ...]


@dataclass(frozen=True)
class FeatureList:
    """What to disable for one connectivity, features first, in the order of the catalogue."""

    catalogue: Catalogue
    reach: Reachability
    items: tuple[FeatureItem, ...]

    @property
    def services(self) -> tuple[CloudService, ...]:
        """The services that these items need and that cannot be reached."""
        needed = {service for item in self.items for service in item.services} - self.reach.reachable
        return tuple(service for service in self.catalogue.services if service.id in needed)


def features_to_disable(catalogue: Catalogue, connectivity: Connectivity) -> FeatureList:
    """Return what to disable: every item that needs a service out of reach.

    Args:
        catalogue: What is known.
        connectivity: How the site reaches the vendor's services.
    """
    reach = next(reach for reach in catalogue.reaches if reach.id == connectivity)
    items = tuple(item for item in catalogue.items if not reach.reachable.issuperset(item.services))
    return FeatureList(catalogue, reach, items)


@cache
def load_catalogue() -> Catalogue:
    """Read the catalogue that ships in this package.

    It is not validated again at run time: tests hold it against ``features.schema.json``.
    """
    value = json.loads(files("manifests").joinpath("data", "features.json").read_text("utf-8"))
    return Catalogue(
        product=value["product"],
        rest_base_url=value["rest"]["base_url"],
        rest_headers=tuple(value["rest"]["headers"].items()),
        hosts_basis=Bilingual(**value["hosts_basis"]),
        services=tuple(CloudService(s["id"], Bilingual(**s["name"]), tuple(s["hosts"])) for s in value["services"]),
        reaches=tuple(
            Reachability(c["id"], Bilingual(**c["name"]), frozenset(c["reachable"])) for c in value["connectivities"]
        ),
        items=tuple(_item(item) for item in value["items"]),
    )


def _item(value: dict[str, Any]) -> FeatureItem:
    return FeatureItem(
        id=value["id"],
        kind=value["kind"],
        name=Bilingual(**value["name"]),
        services=tuple(value["services"]),
        reason=Bilingual(**value["reason"]),
        protection_lost=Bilingual(**value["protection_lost"]),
        switches=_switches(value["switches"]),
        confidence=value["confidence"],
        basis=Bilingual(**value["basis"]),
    )


def _switches(value: dict[str, Any]) -> Switches:
    console = ConsoleSwitch(**{key: Bilingual(**text) for key, text in value["console"].items()})
    return Switches(
        console=console,
        rest=_rest(value["rest"]) if "rest" in value else None,
        dsm_c=CommandSwitch(**value["dsm_c"]) if "dsm_c" in value else None,
        no_rest=Bilingual(**value["no_rest"]) if "no_rest" in value else None,
    )


def _rest(value: dict[str, Any]) -> RestSwitch:
    return RestSwitch(
        method=value["method"],
        endpoint=value["endpoint"],
        body=json.dumps(value["body"]),
        revert_body=json.dumps(value["revert_body"]),
        for_each=Bilingual(**value["for_each"]) if "for_each" in value else None,
    )
