"""Damage as media do it: whole pages of a file, scattered or in a burst, that turn into something else."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096


@dataclass(frozen=True)
class Pattern:
    """What a seed does: the share of pages lost, whether in bursts, and what comes in their place."""

    rate: float
    burst: int
    kind: str

    @classmethod
    def drawn(cls, seed: int, highest_rate: float) -> Pattern:
        """Draw a pattern, from a fifth of the highest rate up."""
        dice = random.Random(seed)
        return cls(
            rate=dice.uniform(highest_rate / 5, highest_rate),
            burst=dice.choice((1, 1, 2, 5, 1000)),
            kind=dice.choice(("zeros", "ones", "noise", "flip", "shift")),
        )

    def pages(self, dice: random.Random, total: int) -> set[int]:
        """Choose the pages that are lost, of ``total``; in bursts that are as long as the pattern says."""
        wanted, chosen = int(total * self.rate), set[int]()
        while len(chosen) < wanted:
            start = dice.randrange(total)
            chosen.update(range(start, min(start + min(self.burst, wanted - len(chosen)), total)))
        return chosen

    def spoil(self, dice: random.Random, page: bytes) -> bytes:
        """Return what stands in the place of a page."""
        if self.kind == "zeros":
            return bytes(len(page))
        if self.kind == "ones":
            return b"\xff" * len(page)
        if self.kind == "noise":
            return dice.randbytes(len(page))
        if self.kind == "flip":
            at = dice.randrange(len(page))
            return page[:at] + bytes([page[at] ^ 1 << dice.randrange(8)]) + page[at + 1 :]
        return page[512:] + page[:512]


def pages_of(length: int) -> range:
    """Return the numbers of a file's pages."""
    return range(-(-length // PAGE))


def spoil_pages(path: Path, pages: Collection[int], *, kind: str = "noise", seed: int = 0) -> None:
    """Replace pages of a file where it lies."""
    dice, pattern = random.Random(seed), Pattern(0, 1, kind)
    with path.open("r+b") as file:
        for number in sorted(pages):
            file.seek(number * PAGE)
            page = file.read(PAGE)
            file.seek(number * PAGE)
            file.write(pattern.spoil(dice, page))


def fat_clusters(image: Path, name: str) -> list[int]:
    """Return the offsets of a file's clusters in a FAT32 image, in order, wherever the file system put them.

    Source: Microsoft FAT specification, boot sector; ``mshowfat`` says the chain.
    """
    with image.open("rb") as file:
        boot = file.read(512)
    sector = int.from_bytes(boot[11:13], "little")
    cluster_bytes = boot[13] * sector
    reserved, fats, fat_sectors = int.from_bytes(boot[14:16], "little"), boot[16], int.from_bytes(boot[36:40], "little")
    data = (reserved + fats * fat_sectors) * sector
    shown = subprocess.run(["mshowfat", "-i", image, f"::{name}"], capture_output=True, text=True, check=True).stdout
    runs = [(int(first), int(last or first)) for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", shown)]
    return [data + (number - 2) * cluster_bytes for first, last in runs for number in range(first, last + 1)]
