"""Damaged bundles: what is undamaged is kept; what is served and what is trusted stay as they are."""

from __future__ import annotations

import random

import pytest

from manifests.errors import (
    DamagedBundleError,
    IncompleteError,
    MalformedError,
    NotAuthenticError,
    RollbackError,
    SealiftError,
)
from relay.importing.importer import import_or_quarantine
from relay.importing.refusals import Refusal
from relay.rings.policy import DEFAULT_RING
from relay.state import State
from relay.store.outstanding import list_outstanding
from tests.support.relay_bundles import BundleForge, Forgery, new_signer
from tests.support.relay_cargo import digest_of
from tests.support.relay_homes import (
    fingerprint,
    import_bundle,
    make_context,
    make_home,
)

DICE = random.Random(11)
FILES = {f"rules/{number}": DICE.randbytes(20_000) for number in range(5)} | {"clamav/text": b"pattern " * 20_000}


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = {"rules/old": b"old"}
    return forge


@pytest.fixture
def home(tmp_path, forge):
    """A relay that holds generation 1."""
    home = make_home(tmp_path / "relay", forge.root)
    import_bundle(home, forge.seal(tmp_path / "1.zip"), forge.clock())
    forge.files = dict(FILES)
    return home


def sealed(forge, path):
    return forge.seal(path, deflated=["clamav/text"])


def believed(home):
    with State(home.database) as state:
        served = [(path, blob, at) for path, blob, at in state.publications.list_files(DEFAULT_RING)]
        return (
            state.trusted.load_trusted(),
            state.generations.find_newest_number(),
            served,
            state.trusted.load_metadata(),
            state.trusted.load_clock_floor(),
        )


def held(home):
    return {path for path, data in FILES.items() if home.store.path(digest_of(data)).exists()}


def salvage(home, forge, path):
    """Import a damaged bundle; return the refusal after looking that nobody is served anything else."""
    before = believed(home)
    with pytest.raises(IncompleteError) as caught:
        import_bundle(home, path, forge.clock())
    assert believed(home) == before
    for data in (data for target, data in FILES.items() if target in held(home)):
        assert home.store.path(digest_of(data)).read_bytes() == data
    assert (caught.value.code, caught.value.exit_code) == ("bundle.damaged", 24)
    return caught.value


def place_of(path, data):
    return path.read_bytes().index(data)


def overwrite(path, at, data):
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


def test_all_but_the_damaged_blob_is_kept_and_the_command_named(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    overwrite(path, place_of(path, FILES["rules/3"]) + 700, b"\0" * 512)
    error = salvage(home, forge, path)
    assert held(home) == FILES.keys() - {"rules/3"}
    assert error.what.startswith("The bundle is damaged: 1 of its members cannot be read (zip.crc: ")
    assert error.have == "5 of 6 files of generation 2"
    assert error.need == "1 file, 20,000 bytes"
    assert error.todo == (
        "import forge-000002-full.zip from an undamaged copy (in the DMZ: bundle create --again 2); for just the "
        "rest: relay receipt, and with it in the DMZ: bundle create --since RECEIPT"
    )


def test_a_local_header_that_is_damaged_costs_no_content(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    overwrite(path, place_of(path, FILES["rules/3"]) - 90, b"\0" * 40)
    salvage(home, forge, path)
    assert held(home) == FILES.keys()


@pytest.mark.parametrize("kept", [0, 1, 3, 5])
def test_of_a_torn_copy_everything_before_the_cut_is_kept(home, forge, tmp_path, kept):
    path = sealed(forge, tmp_path / "2.zip")
    order = sorted(FILES, key=lambda target: path.read_bytes().find(FILES[target]))[1:]  # the deflated one is first
    cut = place_of(path, FILES[order[kept]]) if kept < 5 else path.stat().st_size - 40
    path.write_bytes(path.read_bytes()[:cut])
    error = salvage(home, forge, path)
    assert held(home) == {"clamav/text", *order[:kept]}
    assert error.details["cause"] == "zip.end"


def test_an_undamaged_copy_then_makes_the_generation(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    good = path.read_bytes()
    path.write_bytes(good[:-30_000])
    salvage(home, forge, path)
    path.write_bytes(good)
    assert import_bundle(home, path, forge.clock()).outcome == "imported"
    with State(home.database) as state:
        assert list_outstanding(state, home.store) == ()


def test_two_copies_that_are_damaged_in_different_places_make_the_generation(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    good = path.read_bytes()
    overwrite(path, good.index(FILES["rules/3"]), b"damage")
    salvage(home, forge, path)
    path.write_bytes(good)
    overwrite(path, good.index(FILES["rules/4"]), b"damage")
    result = import_bundle(home, path, forge.clock())
    assert result.outcome == "imported"
    assert "content here already made up for 1 damaged member" in result.text


def test_just_the_rest_makes_the_generation_when_the_publisher_sends_it(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    overwrite(path, place_of(path, FILES["rules/3"]), b"damage")
    salvage(home, forge, path)
    forge._history[1] |= {digest_of(data) for target, data in FILES.items() if target in held(home)}
    rest = forge.seal(tmp_path / "rest.zip", since=1, again=True)
    assert rest.stat().st_size < 32_000
    assert import_bundle(home, rest, forge.clock()).outcome == "imported"


def test_a_damaged_volume_gives_its_parts(home, forge, tmp_path):
    forge.files["rules/large"] = DICE.randbytes(90_000)
    volumes = forge.seal_volumes(tmp_path, 2, parts={"rules/large": 15_000})
    assert import_bundle(home, volumes[1], forge.clock()).outcome == "stored"
    good = volumes[0].read_bytes()
    overwrite(volumes[0], place_of(volumes[0], forge.files["rules/large"][:15_000]) + 9, b"damage")
    error = salvage(home, forge, volumes[0])
    assert error.details["missing"] == 1
    assert error.need == "1 file, 15,000 bytes"
    assert "import forge-000002-full-v1-of-2.zip from an undamaged copy" in error.todo
    volumes[0].write_bytes(good)
    assert import_bundle(home, volumes[0], forge.clock()).outcome == "imported"
    assert home.store.path(digest_of(forge.files["rules/large"])).read_bytes() == forge.files["rules/large"]


def test_a_damaged_patch_is_never_given_to_an_engine(home, forge, tmp_path):
    base = FILES["rules/1"]
    import_bundle(home, sealed(forge, tmp_path / "2.zip"), forge.clock())
    forge.files |= {"rules/1": base + b"new", "rules/new": b"new too"}
    path = forge.seal(tmp_path / "3.zip", since=2, patched={"rules/1": base})
    overwrite(path, path.read_bytes().index(b"patches/", path.read_bytes().index(b"blobs/")) + 120, b"\xff\xff")
    error = salvage(home, forge, path)
    assert error.details["damaged"] == 1
    assert home.store.path(digest_of(b"new too")).exists()
    assert not home.store.path(digest_of(base + b"new")).exists()


def test_nothing_to_keep_is_a_plain_refusal_without_a_trace(home, forge, tmp_path):
    forge.files = {"rules/only": FILES["rules/1"]}
    path = forge.seal(tmp_path / "2.zip")
    overwrite(path, place_of(path, FILES["rules/1"]), b"damage")
    before = fingerprint(home)
    with pytest.raises(MalformedError) as caught:
        import_bundle(home, path, forge.clock())
    assert caught.value.code == "zip.crc"
    assert fingerprint(home) == before


@pytest.mark.parametrize("member", ["manifest.json", "manifest.sig.json", "tuf/timestamp.json", "tuf/1.root.json"])
def test_a_damaged_front_is_refused_without_a_trace(home, forge, tmp_path, member):
    path = sealed(forge, tmp_path / "2.zip")
    data = path.read_bytes()
    overwrite(path, data.index(member.encode()) + len(member) + 50, b"~")
    path.write_bytes(path.read_bytes()[:-5])
    before = fingerprint(home)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, path, forge.clock())
    assert caught.value.code == "zip.end"
    assert fingerprint(home) == before


@pytest.mark.parametrize("role", ["manifest", "timestamp", "targets", "rules"])
def test_a_stranger_gains_nothing_by_damage(home, forge, tmp_path, role):
    path = forge.seal(tmp_path / "2.zip", Forgery(signers={role: [new_signer()]}))
    path.write_bytes(path.read_bytes()[:-5])
    before = fingerprint(home)
    with pytest.raises(SealiftError):
        import_bundle(home, path, forge.clock())
    assert fingerprint(home) == before


def test_an_older_bundle_is_refused_as_that_and_not_salvaged(home, forge, tmp_path):
    old = sealed(forge, tmp_path / "2.zip")
    forge.files = {"rules/new": b"new"}
    import_bundle(home, forge.seal(tmp_path / "3.zip"), forge.clock())
    old.write_bytes(old.read_bytes()[:-30_000])
    before = fingerprint(home)
    with pytest.raises(RollbackError):
        import_bundle(home, old, forge.clock())
    assert fingerprint(home) == before


def test_swapped_content_is_left_out_although_its_crc_is_right(home, forge, tmp_path):
    """An attacker who rewrites the container around a blob of his own gains no more than damage does."""

    def swap(members):
        return [(name, b"evil" * 5000 if data == FILES["rules/2"] else data) for name, data in members]

    path = forge.seal(tmp_path / "2.zip", Forgery(members=swap))
    error = salvage(home, forge, path)
    assert error.details["cause"] == "blob.digest"
    assert held(home) == FILES.keys() - {"rules/2"}
    assert not home.store.path(digest_of(b"evil" * 5000)).exists()


def test_what_was_salvaged_is_not_quarantined_for_the_rest_may_yet_be_read(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    path.write_bytes(path.read_bytes()[:-30_000])
    for _ in range(2):  # a second look finds nothing new and says the same
        ended = import_or_quarantine(make_context(home, forge.clock()), path)
        assert isinstance(ended, Refusal)
        assert isinstance(ended.error, DamagedBundleError)
        assert (ended.error.code, ended.quarantined_as) == ("bundle.damaged", None)
    assert list(home.quarantine.glob("*.json")) == []


def test_an_unhurt_signature_over_damaged_documents_does_not_count(home, forge, tmp_path):
    path = sealed(forge, tmp_path / "2.zip")
    overwrite(path, path.read_bytes().index(b'"x-sealift"') + 27, b"9")
    before = fingerprint(home)
    with pytest.raises((MalformedError, NotAuthenticError)):
        import_bundle(home, path, forge.clock())
    assert fingerprint(home) == before
