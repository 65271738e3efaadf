"""Every single-bit flip of a small bundle and 10,000 random mutations of a larger one are refused.

All of them are read by the verifier, which an import asks before anything is visible; a sample (all, in the long form)
is imported. Of the flips, the short form takes one bit of every byte.

All or nothing, the store and the database are byte-identical to what they were before. Otherwise, of a bundle whose
front is undamaged, blobs that have their digests are kept with the record of a pending generation: never imported,
what is trusted and served identical.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.mutations import Trial, believed, bit_flips, not_refused, random_mutations
from tests.support.relay_bundles import BundleForge
from tests.support.relay_homes import import_bundle, make_home


def second_bundle(tmp_path: Path, files: dict[str, bytes], deflated: tuple[str, ...]) -> Trial:
    """Make a relay that holds version 1, and version 2 as the bundle to mutate."""
    forge = BundleForge()
    forge.files |= {"rules/old.rules": b"# old\n"}
    home = make_home(tmp_path / "home", forge.root)
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files = files
    bundle = forge.seal(tmp_path / "2.zip", deflated=deflated)
    good = make_home(tmp_path / "good", forge.root)
    assert import_bundle(good, bundle, forge.clock()).outcome == "imported"
    return Trial(home.path, bundle.read_bytes(), forge.clock()())


def small_bundle(tmp_path: Path) -> Trial:
    files = {"rules/a.rules": b"alert tcp any any\n" * 8, "rules/b.bin": b"\x00\x01\x02"}
    return second_bundle(tmp_path, files, deflated=("rules/a.rules",))


def larger_bundle(tmp_path: Path) -> Trial:
    dice = random.Random(20261121)
    files = {f"rules/{number}.rules": b"alert tcp any any\n" * dice.randrange(1, 90) for number in range(40)}
    files |= {f"patterns/{number}.bin": dice.randbytes(3000) for number in range(20)}
    return second_bundle(tmp_path, files, deflated=tuple(path for path in files if path.endswith(".rules")))


@pytest.mark.parametrize(
    "bits", [1, pytest.param(8, marks=pytest.mark.long)], ids=["one bit of each byte", "every bit"]
)
def test_every_single_bit_flip_of_a_small_bundle_is_refused(tmp_path: Path, bits: int) -> None:
    trial = small_bundle(tmp_path)
    flips = [flip for place, flip in enumerate(bit_flips(trial.bundle)) if bits == 8 or place % 8 == place // 8 % 8]
    tried, survivors = believed(trial, flips)
    assert survivors == []
    assert tried == bits * len(trial.bundle)


@pytest.mark.parametrize("count", [500, pytest.param(None, marks=pytest.mark.long)], ids=["500", "every"])
def test_the_import_of_a_flipped_bit_leaves_no_trace(tmp_path: Path, count: int | None) -> None:
    trial = small_bundle(tmp_path)
    flips = list(bit_flips(trial.bundle))
    chosen = flips if count is None else random.Random(count).sample(flips, count)
    tried, survivors = not_refused(trial, chosen)
    assert survivors == []
    assert tried == len(chosen)


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("all_or_nothing", [True, False], ids=["leave no trace", "move no trust"])
def test_random_mutations_of_a_larger_bundle_are_refused(tmp_path: Path, count: int, all_or_nothing: bool) -> None:
    trial = replace(larger_bundle(tmp_path), all_or_nothing=all_or_nothing)
    tried, survivors = not_refused(trial, random_mutations(trial.bundle, count, seed=7))
    assert survivors == []
    assert tried == count


def test_10000_random_mutations_of_a_larger_bundle_are_not_believed(tmp_path: Path) -> None:
    trial = larger_bundle(tmp_path)
    tried, survivors = believed(trial, random_mutations(trial.bundle, 10_000, seed=7))
    assert survivors == []
    assert tried == 10_000
