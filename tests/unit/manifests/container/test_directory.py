"""The structural check: whatever is not exactly what the writer writes is refused."""

from __future__ import annotations

import io
import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.container import (
    read_directory,
)
from manifests.errors import DamagedContainerError
from manifests.limits import DEFAULT_LIMITS
from tests.support.containers import container
from tests.support.zip_forge import Entry, Forge, good, read_all


def test_more_members_than_the_limit_are_refused():
    file = io.BytesIO(container(("a", b""), ("b", b""), ("c", b"")))
    assert len(read_directory(file, replace(DEFAULT_LIMITS, members=3))) == 3
    with pytest.raises(DamagedContainerError) as refusal:
        read_directory(file, replace(DEFAULT_LIMITS, members=2))
    assert refusal.value.code == "zip.too-many-members"


def test_ten_thousand_members_are_checked_quickly():
    data = container(*((f"blobs/{number:064x}", b"x") for number in range(10_000)))
    begun = time.process_time()
    assert len(read_directory(io.BytesIO(data))) == 10_000
    assert time.process_time() - begun < 1.5  # 0.2 on an idle machine


def refused(data: bytes) -> str | None:
    """Return the code with which a container is refused, or None."""
    try:
        read_all(data)
    except DamagedContainerError as error:
        return error.code
    return None


SMALL = container(("manifest.json", b"{}\n"), ("blobs/abc", b"some content"), ("tuf/1.root.json", b"[1, 2]\n"))


def test_every_flipped_bit_of_a_stored_container_is_refused():
    spans = [range(member.data_offset, member.data_end) for member in read_directory(io.BytesIO(SMALL))]
    for place in range(len(SMALL)):
        in_payload = any(place in span for span in spans)
        for bit in range(8):
            changed = bytearray(SMALL)
            changed[place] ^= 1 << bit
            code = refused(bytes(changed))
            assert code is not None, (place, bit)
            assert (code == "zip.crc") == in_payload, (place, bit, code)


@pytest.mark.parametrize("change", ["insert", "delete", "cut"])
def test_every_byte_too_many_or_too_few_is_refused(change: str):
    for place in range(len(SMALL)):
        head, tail = SMALL[:place], SMALL[place:]
        variants = {
            "insert": [head + bytes([extra]) + tail for extra in (0, SMALL[place], 255)],
            "delete": [head + tail[1:]],
            "cut": [head],
        }
        for changed in variants[change]:
            assert refused(changed) is not None, place


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a container in one to four places, as a fuzzer does."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((1, 1, 2, 4, 8, 30))
        match rng.randrange(5):
            case 0:
                changed[place : place + length] = rng.randbytes(length)
            case 1:
                changed[place:place] = rng.randbytes(length)
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place : place + length] = rng.choice((b"\0", b"\xff")) * length
            case _:
                source = rng.randrange(len(changed) + 1)
                changed[place : place + length] = changed[source : source + length]
    return bytes(changed)


def fuzz(count: int, seed: int) -> int:
    """Return how many mutants were read, with the very bytes of the original, while the others were refused."""
    rng = random.Random(seed)
    originals = [SMALL, good().build()]
    same = 0
    for _ in range(count):
        original = rng.choice(originals)
        mutant = mutate(original, rng)
        if refused(mutant) is None:
            assert mutant == original or read_all(mutant) == read_all(original)
            same += mutant != original
    return same


def test_random_changes_are_refused_and_nothing_else_is_ever_raised():
    assert fuzz(3000, seed=1) <= 3  # padding behind the last DEFLATE block


@pytest.mark.long
def test_many_random_changes_are_refused_and_nothing_else_is_ever_raised():
    assert fuzz(100_000, seed=2) <= 100


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_arbitrary_bytes_are_refused(data: bytes):
    assert refused(data) is not None


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_arbitrary_bytes_between_a_true_beginning_and_a_true_end_are_refused(middle: bytes, stream: bytes):
    assert refused(SMALL[:4] + middle + SMALL[-22:]) is not None
    forged = Forge([Entry(b"a", b"not what the stream gives, ever", deflated=True, data=stream)])
    assert refused(forged.build()) in {
        "zip.deflate",
        "zip.deflate-truncated",
        "zip.deflate-trailing",
        "zip.length",
        "zip.crc",
    }
