"""A year of carrying: one publisher, five sites, and sticks that are lost, late, swapped, repeated and damaged.

Everything that happens is drawn from a seed. People do only what the product tells them: a site that refuses a
stick asks for what the refusal says, and the publisher types that.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bundler.jobs.create import CreatedBundles
from bundler.sites.registry import Sites
from manifests.errors import SealiftError
from manifests.recovery import side_name
from tests.support.year_content import SOURCES, Scale, Year
from tests.support.year_sides import Publisher, Site

START = datetime(2030, 1, 1, 6, 0, tzinfo=UTC)
"""Far after every file that is written, so that each counts as settled."""

SITES = {"north": 0.9, "east": 0.7, "south": 0.5, "west": 0.0, "isle": 0.0}
"""The sites, and how likely a receipt is brought back from each; from two of them none ever is."""

MISHAPS = {"lost": 5, "late": 5, "swapped": 4, "repeated": 3, "damaged": 8}
"""What becomes of a stick that does not simply arrive; as often, beside each other."""

KEPT_AT_PUBLISHER, KEPT_AT_SITES = 40, 5
"""Generations that are kept; older ones go every fifth day."""
SEED = 3
_COMMAND = re.compile(r"bundle create (--full|--(?:again|since) [0-9A-Z]+)")


@dataclass(frozen=True)
class Sealed:
    """The files of one run of ``bundle create``.

    ``base_day`` is the day whose content a reader must have. Bytes: ``carried`` in all, ``documents`` of them that are
    no content, and ``whole`` in the full bundle of that day in its place.
    """

    version: int
    day: int
    base_day: int | None
    files: tuple[Path, ...]
    carried: int
    documents: int
    whole: int


@dataclass(frozen=True)
class Trip:
    """One stick on its way."""

    site: str
    day: int
    fate: str
    sealed: Sealed


@dataclass(frozen=True)
class Refusal:
    """What a site said no to, and what it said to do."""

    site: str
    day: int
    fate: str
    code: str
    todo: str | None


@dataclass
class Record:
    """What happened."""

    trips: list[Trip] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)

    @property
    def carried(self) -> int:
        return sum(trip.sealed.carried for trip in self.trips)

    @property
    def whole(self) -> int:
        return sum(trip.sealed.whole for trip in self.trips)

    def text(self) -> str:
        """Say in a few lines what happened and what it cost."""
        fates = {fate: sum(trip.fate == fate for trip in self.trips) for fate in ("setup", "good", *MISHAPS, "last")}
        first = sum(trip.sealed.carried for trip in self.trips if trip.fate == "setup")
        codes = sorted({refusal.code for refusal in self.refusals})
        return (
            f"{len(self.trips)} sticks: " + ", ".join(f"{count} {fate}" for fate, count in fates.items()) + "\n"
            f"{len(self.refusals)} refusals: {', '.join(codes)}\n"
            f"outcomes: {_counted(self.outcomes)}; receipts: {_counted(self.receipts)}\n"
            f"orders: {_counted(self.orders)}\n"
            f"carried {self.carried:,} bytes ({first:,} of them to set up) instead of {self.whole:,}: "
            f"{100 * self.carried / self.whole:.2f} %"
        )


class Simulation:
    """Days, one after the other.

    Args:
        base: An empty directory for everything.
        scale: How much.
        seed: Decides all that happens.
    """

    def __init__(self, base: Path, scale: Scale, seed: int) -> None:
        self.scale = scale
        self.record = Record()
        self._base = base
        self._now = START
        self._dice = random.Random(f"ways {seed}")
        self._fates = random.Random(f"fates {seed}")  # drawn alike, whatever the sites make of them
        self._late: dict[int, list[Trip]] = defaultdict(list)
        self._days: dict[int, int] = {}
        self._documents = 0
        self._assumed: dict[str, int] = {}
        self._receipts: dict[str, list[bytes]] = defaultdict(list)
        self.content = Year(base / "content", scale, seed)
        for source in SOURCES:
            (base / "content" / source).mkdir(parents=True)
        self.publisher = Publisher(base / "dmz", base / "content", SOURCES, self._clock, retention=KEPT_AT_PUBLISHER)
        self.sites = {name: Site.found(base / name, self.publisher.root, self._clock) for name in SITES}

    def run(self) -> Record:
        """Let all days pass."""
        self.content.advance(1)
        self._set_up()
        for day in range(2, self.scale.days + 1):
            self._now = START + timedelta(days=day)
            self.content.advance(day)
            self._one_day(day)
            if day % 5 == 0:
                self.publisher.collect()
                for site in self.sites.values():
                    site.collect(KEPT_AT_SITES)
        self._now += timedelta(days=1)
        for site in self.sites.values():
            self._reach(site)
        return self.record

    def _clock(self) -> datetime:
        return self._now

    def _set_up(self) -> None:
        """Bring the first content to every site in person, on volumes, and each site's first receipt back."""
        sealed = self._seal("--full", 1, pull=True, volume_size=self.scale.volume_bytes)
        for site in self.sites.values():
            self._assumed[site.name] = sealed.version
            self._deliver(Trip(site.name, 1, "setup", sealed), sealed.files)
            if SITES[site.name]:
                self._report(site)

    def _one_day(self, day: int) -> None:
        trips = self._late.pop(day, [])
        for name, sealed, fate in self._sticks(day):
            trip = Trip(name, day, fate, sealed)
            self.record.trips.append(trip)
            if fate == "late":
                self._late[day + self._fates.randint(1, 4)].append(trip)
            elif fate != "lost":
                trips.append(trip)
        for trip in self._dice.sample(trips, len(trips)):
            for _ in range(2 if trip.fate == "repeated" else 1):
                self._deliver(trip, self._files_on(trip))
            if self._dice.random() < SITES[trip.site]:
                self._report(self.sites[trip.site])

    def _sticks(self, day: int) -> list[tuple[str, Sealed, str]]:
        """Seal what each site is to get, and draw what becomes of each stick; swapped ones change places."""
        sealed = self._seal_for(self.sites.values(), day)
        fates = {name: self._fate() for name in self.sites}
        for name in [name for name, fate in fates.items() if fate == "swapped"]:
            other = self._fates.choice([other for other in self.sites if other != name])
            sealed[name], sealed[other] = sealed[other], sealed[name]
            fates[other] = "swapped"
        return [(name, sealed[name], fates[name]) for name in self.sites]

    def _fate(self) -> str:
        if self._fates.randrange(100) >= self.scale.mishaps:
            return "good"
        return self._fates.choices([*MISHAPS], weights=[*MISHAPS.values()])[0]

    # The publisher

    def _seal_for(self, sites: Iterable[Site], day: int, *, pull: bool = True) -> dict[str, Sealed]:
        """Seal one bundle for all sites that can share it: those that have the content of the same day."""
        everybody = self._dice.random() < 0.15
        orders: dict[str, list[Site]] = defaultdict(list)
        for site in sites:
            orders[self._order_for(site, everybody=everybody)].append(site)
        shared: dict[int | str, list[str]] = defaultdict(list)
        for order in orders:
            since = re.fullmatch(r"--since (\d+)", order)
            shared[self._days[int(since[1])] if since else order].append(order)
        result = {}
        for same in shared.values():
            order = min(same, key=lambda order: (len(order), order))
            in_volumes = self._documents * 11 // 10 + self.scale.pattern_bytes // 80
            sealed = self._seal(
                order,
                day,
                pull=pull,
                volume_size=in_volumes if self._dice.random() < 0.15 else None,
                recovery=5.0 if self._dice.random() < 0.3 else None,
            )
            pull = pull and order.startswith("--again")
            for site in (site for one in same for site in orders[one]):
                result[site.name] = sealed
                self._assumed[site.name] = sealed.version
                site.asks = None
        return result

    def _order_for(self, site: Site, *, everybody: bool) -> str:
        """Return the options that a person in the DMZ types: what was asked for, else what is known of the site."""
        if site.asks is not None:
            return site.asks
        if not SITES[site.name]:
            return f"--since {self._assumed[site.name]}"
        if everybody:
            return ""
        receipt = Sites.load(self.publisher.home).find_site(site.name).receipt
        plain = receipt.newest and not receipt.without and not receipt.pending_holds and not receipt.pending_parts
        return f"--since {receipt.newest if plain else site.name}"

    def _seal(
        self, order: str, day: int, *, pull: bool, volume_size: int | None = None, recovery: float | None = None
    ) -> Sealed:
        self.record.orders.append(re.sub(r"\d+", "VERSION", order) or "(registered sites)")
        option, _, value = order.partition(" ")
        if option == "--again":
            created = self.publisher.again(int(value))
            day = self._days[int(value)]
        else:
            created = self.publisher.create(
                value or None, full=option == "--full", pull=pull, volume_size=volume_size, recovery=recovery
            )
        return self._sealed(created, day)

    def _sealed(self, created: CreatedBundles, day: int) -> Sealed:
        manifest = created.files[0].manifest
        self._days[manifest.snapshot_version] = day
        # What is not content: documents, manifests, and the zip's own records.
        carried_content = sum(
            member.stored_length if hasattr(member, "stored_length") else member.patch_length
            for file in created.files
            for member in (*file.manifest.blobs, *file.manifest.patches)
        )
        length = sum(file.length for file in created.files)
        sides = [file.path.with_name(side_name(file.path.name)) for file in created.files]
        self._documents = (length - carried_content) // len(created.files)
        return Sealed(
            version=manifest.snapshot_version,
            day=day,
            base_day=None if manifest.since is None else self._days[manifest.since],
            files=tuple(file.path for file in created.files),
            carried=length + sum(side.stat().st_size for side in sides if side.exists()),
            documents=length - carried_content,
            whole=self._documents + self.publisher.content_length(manifest),
        )

    # The way, and the sites

    def _files_on(self, trip: Trip) -> tuple[Path, ...]:
        """Return the files as they arrive: in any order, sometimes one volume short, or damaged."""
        files = self._dice.sample(trip.sealed.files, len(trip.sealed.files))
        if len(files) > 1 and self._dice.random() < 0.3:
            files.pop()
        if trip.fate != "damaged":
            return tuple(files)
        stick = self._base / "stick"
        shutil.rmtree(stick, ignore_errors=True)
        stick.mkdir()
        for path in files:
            shutil.copy(path, stick)
            side = path.with_name(side_name(path.name))
            if side.exists():
                shutil.copy(side, stick)
        self._flip(stick / self._dice.choice(files).name)
        return tuple(stick / path.name for path in files)

    def _flip(self, path: Path) -> None:
        """Change one byte at a few places."""
        with path.open("r+b") as file:
            for _ in range(self._dice.randint(1, 8)):
                place = self._dice.randrange(path.stat().st_size)
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ self._dice.randint(1, 255)]))

    def _deliver(self, trip: Trip, files: Iterable[Path]) -> None:
        site = self.sites[trip.site]
        if trip.fate in {"setup", "last"}:
            self.record.trips.append(trip)
        for path in files:
            try:
                result = site.take(path)
            except SealiftError as error:
                self.record.refusals.append(Refusal(site.name, trip.day, trip.fate, error.code, error.todo))
                self._ask(site, error.todo)
            else:
                self.record.outcomes.append(result.outcome)
                if result.outcome == "imported":
                    site.asks = None
                elif result.outstanding is not None:
                    self._ask(site, result.outstanding.todo)

    def _ask(self, site: Site, todo: str | None) -> None:
        """Phone the DMZ with the command that was printed; a receipt goes by hand, from where one is ever brought."""
        commands = [command for command in _COMMAND.findall(todo or "") if not command.endswith("RECEIPT")]
        if "RECEIPT" in (todo or "") and SITES[site.name]:
            self._report(site)
        elif commands:
            site.asks = commands[0]

    def _report(self, site: Site) -> None:
        """Bring a receipt to the DMZ; now and then an old one turns up as well."""
        known = self._receipts[site.name]
        known.append(site.receipt())
        self.record.receipts.append(self.publisher.take_receipt(known[-1]).outcome)
        if self._dice.random() < 0.1:
            self.record.receipts.append(self.publisher.take_receipt(self._dice.choice(known)).outcome)

    def _reach(self, site: Site) -> None:
        """Bring sticks to a site in person until it has the newest content; it says itself what it needs."""
        for _ in range(3):
            sealed = self._seal_for([site], self.scale.days, pull=False)[site.name]
            self._deliver(Trip(site.name, self.scale.days + 1, "last", sealed), sealed.files)
            if self._days.get(site.served()) == self.scale.days:
                return


def _counted(words: Iterable[str]) -> str:
    listed = list(words)
    return ", ".join(f"{listed.count(word)} {word}" for word in dict.fromkeys(listed))
