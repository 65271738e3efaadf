"""What readers hold: only what was said, for all of them, and the generation that it takes."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.history import Generation, History, SealedVolume
from bundler.home import Home
from bundler.plan.present import held
from bundler.plan.readers import EVERYBODY, Readers, readers
from bundler.report.slip import files as slips
from bundler.sites.holdings import NOTHING, Holdings
from bundler.sites.registry import Sites
from manifests import manifest as m
from manifests.errors import ConfigurationError, MalformedError, UsageError
from manifests.receipt import to_texts
from tests.support.relay_bundles import BundleForge
from tests.support.sites import ours, publisher_home, yes

NOW = datetime(2026, 11, 21, tzinfo=UTC)
A, B, C, D = (letter * 64 for letter in "abcd")


def sealed(version: int, digests: str, volumes: int = 1) -> Generation:
    targets = tuple(m.Target(f"rules/{number}", 10, digest * 64) for number, digest in enumerate(digests))
    blobs = tuple(m.BlobMember(digest, 10, "stored", digest, 10) for digest in sorted({t.sha256 for t in targets}))
    manifests = [
        m.Manifest(
            publisher="plant",
            snapshot_version=version,
            root_version=1,
            created=NOW,
            tool="t",
            sources=(m.SourceRecord("rules", "directory", NOW, ""),),
            targets=targets,
            documents=(m.Document("tuf/1.root.json", 1, D),),
            blobs=blobs,
            volume_index=index,
            volume_count=volumes,
        )
        for index in range(1, volumes + 1)
    ]
    return Generation(version, tuple(SealedVolume(one, m.encode(one), b"sig") for one in manifests), 4096, 5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    for version, digests in ((1, "ab"), (2, "ac"), (4, "bc")):
        History(home).stage(sealed(version, digests))
        History(home).publish(version)
    return home


def what(home: Home, *holdings: Holdings) -> dict[str, int]:
    return dict(held(History(home), Readers(holdings)).generations)


def of(*generations: int, without: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Holdings:
    return Holdings(frozenset(generations), frozenset(without), frozenset(extra))


def test_a_generation_is_kept_as_it_was_sealed(home: Home) -> None:
    wanted = sealed(7, "abc", volumes=3)
    history = History(home)
    history.stage(wanted)
    assert history.versions() == (1, 2, 4)
    history.publish(7)
    assert history.versions() == (1, 2, 4, 7)
    assert history.generation(7) == wanted
    assert history.targets(7) == wanted.volumes[0].manifest.targets
    assert set(history.needed(7)) == {A, B, C, D}


def test_what_was_staged_and_never_published_is_not_known(home: Home) -> None:
    history = History(home)
    history.stage(sealed(7, "a"))
    history.discard_staged()
    history.publish(7)
    assert history.versions() == (1, 2, 4)


def test_a_forgotten_generation_is_refused_with_those_that_are_kept(home: Home) -> None:
    history = History(home)
    history.forget(2)
    with pytest.raises(UsageError) as caught:
        history.generation(2)
    assert caught.value.code == "history.unknown"
    assert caught.value.have == "versions 1, 4"


def test_half_forgotten_is_forgotten(home: Home) -> None:
    history = History(home)
    (home.generations / "000002" / "order.json").unlink()
    with pytest.raises(UsageError):
        history.targets(2)
    history.sweep()
    assert history.versions() == (1, 4)


@pytest.mark.parametrize("name", ["order.json", "manifest-0001.json"])
def test_a_damaged_record_is_refused(home: Home, name: str) -> None:
    (home.generations / "000002" / name).write_text("{}")
    with pytest.raises(ConfigurationError) as caught:
        History(home).generation(2)
    assert caught.value.code == "history.damaged"


def test_a_manifest_of_another_version_is_refused(home: Home) -> None:
    manifest = home.generations / "000002" / "manifest-0001.json"
    manifest.write_bytes((home.generations / "000001" / "manifest-0001.json").read_bytes())
    with pytest.raises(ConfigurationError) as caught:
        History(home).generation(2)
    assert caught.value.code == "history.damaged"


def test_nobody_is_taken_to_have_anything_without_word_of_it(home: Home) -> None:
    assert held(History(home), EVERYBODY).generations == {}
    assert what(home, NOTHING) == {}


def test_the_newest_generation_that_has_it_vouches_for_a_digest(home: Home) -> None:
    assert what(home, of(1)) == {A: 1, B: 1}
    assert what(home, of(1, 2)) == {A: 2, B: 1, C: 2}
    assert what(home, of(1, 2, 4)) == {A: 2, B: 4, C: 4}


def test_what_is_missing_or_damaged_is_not_held(home: Home) -> None:
    assert what(home, of(1, 2, without=(A,))) == {B: 1, C: 2}


def test_what_has_arrived_of_a_generation_that_is_not_whole_is_held(home: Home) -> None:
    assert what(home, of(1, extra=(C,))) == {A: 1, B: 1, C: 4}


def test_a_generation_that_is_not_kept_counts_for_nothing(home: Home) -> None:
    assert what(home, of(3)) == {}
    assert what(home, of(1, 3)) == {A: 1, B: 1}


def test_several_readers_hold_what_each_of_them_holds(home: Home) -> None:
    assert what(home, of(1), of(2)) == {A: 1}
    assert what(home, of(4), of(2)) == {C: 2}
    assert what(home, of(4), of(2), NOTHING) == {}


def begun(digest: str, *ranges: tuple[int, int]) -> Holdings:
    return Holdings(parts={digest: ranges})


def test_bytes_of_what_is_not_whole_are_held_as_far_as_all_readers_have_them(home: Home) -> None:
    history = History(home)
    found = held(history, Readers((begun(C, (0, 4), (6, 9)),)))
    assert (found.generations, dict(found.parts), dict(found.begun)) == ({}, {C: ((0, 4), (6, 9))}, {C: 4})
    assert found.since([C]) == 4
    several = held(history, Readers((begun(C, (0, 4), (6, 9)), begun(C, (2, 8)), of(2))))
    assert several.parts == {C: ((2, 4), (6, 8))}
    assert held(history, Readers((begun(C, (0, 4)), begun(C, (4, 9))))).parts == {}
    assert held(history, Readers((begun(C, (0, 4)), NOTHING))).parts == {}
    assert held(history, Readers((begun(D, (0, 4)),))).parts == {}  # of no generation that is kept


def test_the_rest_is_carried_only_where_it_is_less_than_the_whole(home: Home) -> None:
    found = held(History(home), Readers((begun(C, (0, 4), (6, 9)),)))
    target = m.Target("rules/x", 10, C)
    assert found.missing(target) == 3
    assert found.missing(m.Target("rules/y", 10, D)) == 10
    assert found.rest([target], lambda _: 4) == {C: ((0, 4), (6, 9))}
    assert found.rest([target], lambda _: 3) == {}
    assert found.rest([m.Target("rules/x", 10, C, "patch")], lambda _: 4) == {}


def test_a_receipt_that_claims_all_bytes_or_more_is_not_believed(home: Home) -> None:
    found = held(History(home), Readers((begun(C, (0, 99)),)))
    assert found.rest([m.Target("rules/x", 10, C)], lambda _: 10) == {}


def test_since_is_the_lowest_generation_that_is_made_use_of(home: Home) -> None:
    found = held(History(home), Readers((of(1, 2, 4),)))
    assert found.since([B, C]) == 4
    assert found.since([A, B, C]) == 2
    assert found.since([]) is None


def test_bases_are_what_all_readers_have_newest_first(home: Home) -> None:
    found = held(History(home), Readers((of(1), of(2))))
    assert [[target.sha256 for target in targets] for targets in found.bases] == [[A], [A]]
    both = held(History(home), Readers((of(1, 4),)))
    assert [[target.sha256 for target in targets] for targets in both.bases] == [[B, C], [A, C], [A, B]]


def test_marked_targets_keep_their_order(home: Home) -> None:
    targets = [m.Target("rules/x", 10, A), m.Target("rules/y", 10, D)]
    marked = held(History(home), Readers((of(1),))).mark(targets)
    assert [target.arrives for target in marked] == ["held", "blob"]


def test_a_version_that_is_not_kept_is_refused(home: Home) -> None:
    for since in ("3", "99"):
        with pytest.raises(UsageError) as caught:
            readers(home, since, NOW)
        assert caught.value.code == "history.unknown"


def test_last_and_versions_mean_what_the_operator_says(home: Home) -> None:
    assert readers(home, "last", NOW).holdings == (of(4),)
    assert readers(home, "1", NOW).holdings == (of(1),)
    assert readers(home, None, NOW) == EVERYBODY
    assert readers(home, "1", NOW, full=True) == EVERYBODY


def test_last_before_the_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        readers(Home(tmp_path), "last", NOW)
    assert caught.value.code == "history.unknown"


def test_what_is_neither_receipt_nor_site_nor_version_is_refused(home: Home) -> None:
    with pytest.raises(UsageError) as caught:
        readers(home, "yesterday", NOW)
    assert caught.value.code == "create.since"


def test_a_bundle_is_no_receipt_however_large_it_is(home: Home, tmp_path: Path) -> None:
    bundle = tmp_path / "plant-000001-full.zip"
    with bundle.open("wb") as file:
        file.truncate(8 * 10**9)
    with pytest.raises(UsageError) as caught:
        readers(home, str(bundle), NOW)
    assert caught.value.code == "create.since"


def test_a_receipt_that_was_cut_short_is_refused_with_what_to_do(home: Home, tmp_path: Path) -> None:
    receipt = tmp_path / "cut.receipt.json"
    receipt.write_text('{"payload": "eyJ')
    with pytest.raises(MalformedError) as caught:
        readers(home, str(receipt), NOW)
    assert caught.value.code == "json.syntax"
    assert "relay receipt --out" in (caught.value.todo or "")


def test_texts_of_codes_are_a_receipt_and_any_other_text_is_none(tmp_path: Path) -> None:
    forge = BundleForge()
    forge.files = {"rules/a": b"a"}
    forge.seal(tmp_path / "1.zip")
    dmz, north = publisher_home(tmp_path / "dmz", forge), CryptoSigner.generate_ed25519()
    receipt = ours(forge, north, name="north", generations=(1,), snapshot_version=1)
    Sites.load(dmz).import_receipt(receipt, now=NOW, confirm=yes)
    codes = tmp_path / "codes.txt"
    codes.write_text("Code 1\n" + "\n".join(to_texts(receipt)))
    assert readers(dmz, str(codes), NOW).named == "site north"
    codes.write_text("nothing here\n")
    with pytest.raises(UsageError) as caught:
        readers(dmz, str(codes), NOW)
    assert caught.value.code == "create.since"


def test_an_unknown_version_is_never_answered_with_one_that_the_site_may_not_have(home: Home) -> None:
    with pytest.raises(UsageError) as older:
        readers(home, "3", NOW)
    assert (older.value.have, older.value.todo) == (
        "versions 1 to 2, 4",
        "bundle create --full, or --since with the receipt of a site",
    )
    with pytest.raises(UsageError) as newer:
        readers(home, "5", NOW)
    assert newer.value.what == "Version 5 was never sealed here"
    assert "bundle restored" in (newer.value.todo or "")


def test_a_slip_compares_with_the_newest_version_that_can_be_read(home: Home) -> None:
    """history.damaged says to seal a full bundle, so that has to work."""
    order = home.generations / "000004" / "order.json"
    order.write_text("{}")
    found = slips.changes(home, sealed(5, "ad").volumes[0].manifest)
    assert found is not None
    assert found.old.snapshot_version == 2
    for version in (1, 2):
        (home.generations / f"{version:06d}" / "order.json").write_text("{}")
    assert slips.changes(home, sealed(5, "ad").volumes[0].manifest) is None


def test_a_damaged_version_can_be_gone_on_without(home: Home) -> None:
    (home.generations / "000004" / "order.json").write_text("{}")
    with pytest.raises(ConfigurationError) as caught:
        held(History(home), Readers((of(1),)))
    assert caught.value.code == "history.damaged"
    directory = (caught.value.todo or "").rpartition("rm -r ")[2]
    shutil.rmtree(directory)
    assert held(History(home), Readers((of(1),))).bases
