"""Which deliveries are to be made and removed: what should be in each place, compared with what was done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from manifests.errors import ConfigurationError, SealiftError
from relay.config import DeliveryConfig
from relay.deliveries.advice import table_for_place
from relay.state import Delivery, DeliveryProblem, Wanted

Key = tuple[Path, str]


@dataclass(frozen=True)
class DeliveryPlan:
    """Which deliveries to remove, to keep and to make, in this order.

    Args:
        remove: Deliveries that the served generation no longer has.
        withdraw: Deliveries whose time is up.
        keep: Deliveries that are as they should be.
        deliver: Files that are not there yet, and the places that they are for.
        problems: What cannot be done at all.
    """

    remove: tuple[Delivery, ...]
    withdraw: tuple[Delivery, ...]
    keep: tuple[Delivery, ...]
    deliver: tuple[tuple[DeliveryConfig, Wanted], ...]
    problems: tuple[DeliveryProblem, ...]


def plan_deliveries(
    wanted: Sequence[Wanted],
    places: Iterable[DeliveryConfig],
    rows: Iterable[Delivery],
    config_file: Path,
    now: datetime,
) -> DeliveryPlan:
    """Compare what the generation that is served means for places with what was delivered so far.

    Args:
        wanted: The targets that the generation means for places.
        places: What ``relay.toml`` defines.
        rows: What was done so far; none of it half-done.
        config_file: Where places are defined.
        now: The system's time.
    """
    by_name = {place.name: place for place in places}
    problems = [*_undefined(wanted, by_name, config_file, now), *_not_taken(wanted, by_name, now)]
    chosen, colliding = _choose(wanted, by_name, now)
    surviving = {row.key: row for row in rows if row.key in chosen and row.wanted.sha256 == chosen[row.key][1].sha256}
    expired = {key for key, row in surviving.items() if _expired(row, chosen[key][0], now)}
    return DeliveryPlan(
        remove=tuple(row for row in rows if row.key not in surviving),
        withdraw=tuple(row for key, row in surviving.items() if key in expired),
        keep=tuple(row for key, row in surviving.items() if key not in expired),
        deliver=tuple(pair for key, pair in chosen.items() if key not in surviving),
        problems=(*problems, *colliding),
    )


def problem_of(
    wanted: Wanted, file_name: str, error: SealiftError, now: datetime, *, lines: str | None = None
) -> DeliveryProblem:
    """Return why a target is not where it should be.

    Args:
        wanted: The target and its place.
        file_name: The name it should have there; empty when all of its source is concerned.
        error: What keeps it from there.
        now: The system's time.
        lines: What to write into ``relay.toml``, where that is what has to be done.
    """
    return DeliveryProblem(
        place=wanted.place,
        source=wanted.source,
        file_name=file_name,
        code=error.code,
        what=error.what,
        have=error.have,
        need=error.need,
        todo=error.todo,
        lines=lines,
        since=now,
    )


def _undefined(
    wanted: Sequence[Wanted], places: Mapping[str, DeliveryConfig], config_file: Path, now: datetime
) -> Iterator[DeliveryProblem]:
    asking = {(one.place, one.source): one for one in wanted if one.place not in places}
    for (place, source), one in asking.items():
        error = ConfigurationError(
            "delivery.undefined",
            f"The source {source} is meant for the place {place}, which relay.toml does not define",
            need=f'a table [[delivery]] with name = "{place}" and its directory in {config_file}',
            todo="append the lines that relay status shows, correct the directory, and restart relay run",
        )
        yield problem_of(one, "", error, now, lines=table_for_place(place))


def _not_taken(
    wanted: Sequence[Wanted], places: Mapping[str, DeliveryConfig], now: datetime
) -> Iterator[DeliveryProblem]:
    for one in wanted:
        place = places.get(one.place)
        if place is not None and not place.takes(one.file_name):
            error = ConfigurationError(
                "delivery.not-taken",
                f"The place {one.place} takes no file of the name {one.file_name!r}",
                have=one.path,
                need=f"a name such as {', '.join(place.include)}",
                todo="in the DMZ: exclude it from its source; or, if it is meant, add to include in relay.toml",
            )
            yield problem_of(one, one.file_name, error, now)


def _choose(
    wanted: Sequence[Wanted], places: Mapping[str, DeliveryConfig], now: datetime
) -> tuple[dict[Key, tuple[DeliveryConfig, Wanted]], list[DeliveryProblem]]:
    """Give every name in a directory to one file; where two differ, to none."""
    chosen: dict[Key, tuple[DeliveryConfig, Wanted]] = {}
    colliding: dict[Key, dict[Wanted, None]] = {}
    for one in wanted:
        if one.place not in places or not places[one.place].takes(one.file_name):
            continue
        key = (places[one.place].directory, one.file_name)
        first = chosen.setdefault(key, (places[one.place], one))[1]
        if first.sha256 != one.sha256:
            colliding.setdefault(key, {first: None})[one] = None
    problems = []
    for key, several in colliding.items():
        del chosen[key]
        error = ConfigurationError(
            "delivery.collision",
            f"Different files would get the name {key[1]!r} in {key[0]}: none is delivered",
            have=", ".join(one.path for one in several),
            need="one file for one name",
            todo="in the DMZ: exclude all but one, or give their sources different places",
        )
        problems += [problem_of(one, one.file_name, error, now) for one in several]
    return chosen, problems


def _expired(row: Delivery, place: DeliveryConfig, now: datetime) -> bool:
    remove_at = replace(row, hold_days=place.hold_days).remove_at
    return remove_at is not None and now >= remove_at
