"""Accept the good bundle, change one thing, and see the exact refusal and an untouched store and database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tuf.api.metadata import MetaFile, TargetFile

from manifests.errors import SealiftError
from relay.state import State
from tests.support.relay_bundles import CREATED, BundleForge, Forgery, new_signer
from tests.support.relay_homes import fingerprint, import_bundle, make_home

FILES = {"rules/a": b"alert tcp any any -> any any" * 40, "clamav/b": bytes(range(256)) * 20}


@pytest.fixture
def forge():
    forge = BundleForge()
    forge.files = dict(FILES)
    return forge


@pytest.fixture
def home(tmp_path, forge):
    """A relay that holds generation 2, with generation 1 at ``1.zip``."""
    home = make_home(tmp_path / "relay", forge.root)
    forge.seal(tmp_path / "1.zip")
    import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock())
    return home


def refusal(home, path, clock):
    """Import a bundle that must be refused; return the error after looking that nothing changed."""
    before = fingerprint(home)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, path, clock)
    assert fingerprint(home) == before
    with State(home.database) as state:
        assert state.generations.find_newest_number() == 2
    return caught.value


def swap_content(members):
    return [(name, b"X" * len(data) if name.startswith("blobs/") else data) for name, data in members]


def drop(prefix):
    return lambda members: [row for row in members if not row[0].startswith(prefix)]


def add_member(members):
    return [*members, ("blobs/" + "0" * 64, b"extra")]


def another_file(manifest):
    target = manifest.targets[0]
    return replace(manifest, targets=(replace(target, path="clamav/a"), *manifest.targets[1:]))


def lie_about_created(manifest):
    return replace(manifest, created=CREATED - timedelta(days=9))


def add_target(role, targets):
    if role == "rules":
        targets.targets["rules/unlisted"] = TargetFile(1, {"sha256": "0" * 64}, "rules/unlisted")


def foreign_target(role, targets):
    if role == "rules":
        targets.targets["clamav/b"] = TargetFile(1, {"sha256": "0" * 64}, "clamav/b")


def lie_about(**said):
    """The manifest says something else of a source than the targets roles sign."""
    return lambda manifest: replace(manifest, sources=(replace(manifest.sources[0], **said), *manifest.sources[1:]))


def without_extension(*roles):
    def strip(role, targets):
        if role in roles:
            targets.unrecognized_fields.clear()

    return strip


def say(role, value):
    """A targets role signs this as its extension."""

    def change(name, targets):
        if name == role:
            targets.unrecognized_fields["x-sealift"] = value

    return change


def expire(signed):
    signed.expires = CREATED


def timestamp_without_extension(timestamp):
    timestamp.unrecognized_fields.clear()


def withheld_root(timestamp):
    timestamp.unrecognized_fields["x-sealift"]["root_version"] = 2


def older_snapshot(snapshot):
    snapshot.version = 1


def older_role(snapshot):
    snapshot.meta["rules.json"] = MetaFile(1)


STRANGER = new_signer()
LATER = CREATED + timedelta(days=9)

FORGERIES = {
    "arbitrary content": (Forgery(members=swap_content), 20, "blob.digest"),
    "a manifest that a stranger signed": (Forgery(signers={"manifest": [STRANGER]}), 20, "signature.unknown-key"),
    "a timestamp that a stranger signed": (Forgery(signers={"timestamp": [STRANGER]}), 20, "tuf.signature.timestamp"),
    "a snapshot that a stranger signed": (Forgery(signers={"snapshot": [STRANGER]}), 20, "tuf.signature.snapshot"),
    "targets that a stranger signed": (Forgery(signers={"targets": [STRANGER]}), 20, "tuf.signature.targets"),
    "a source that a stranger signed": (Forgery(signers={"rules": [STRANGER]}), 20, "tuf.signature.rules"),
    "a member too many": (Forgery(members=add_member), 20, "bundle.members"),
    "no content": (Forgery(members=drop("blobs/")), 20, "bundle.members"),
    "no timestamp": (Forgery(members=drop("tuf/timestamp")), 24, "tuf.missing.timestamp"),
    "no delegated role": (Forgery(members=drop("tuf/3.rules")), 24, "tuf.missing.rules"),
    "no manifest": (Forgery(members=drop("manifest.json")), 21, "bundle.member-missing"),
    "no signature": (Forgery(members=drop("manifest.sig")), 21, "bundle.member-missing"),
    "a manifest that renames a target": (Forgery(manifest=another_file), 20, "bundle.disagrees"),
    "a manifest made earlier": (Forgery(manifest=lie_about_created), 20, "bundle.disagrees"),
    "a target that the manifest hides": (Forgery(targets=add_target), 20, "bundle.disagrees"),
    "a manifest that delivers": (Forgery(manifest=lie_about(deliver="scada")), 20, "bundle.disagrees"),
    "a manifest that mounts at the root": (Forgery(manifest=lie_about(mount="/")), 20, "bundle.disagrees"),
    "a manifest that is fresh for ever": (Forgery(manifest=lie_about(fresh_days=3650)), 20, "bundle.disagrees"),
    "a manifest that is never fresh": (Forgery(manifest=lie_about(fresh_days=1)), 20, "bundle.disagrees"),
    "a manifest pulled later": (
        Forgery(manifest=lie_about(pulled_at=CREATED + timedelta(days=9))),
        20,
        "bundle.disagrees",
    ),
    "a manifest pulled earlier": (Forgery(manifest=lie_about(pulled_at=CREATED)), 20, "bundle.disagrees"),
    "targets of an earlier program": (Forgery(targets=without_extension("targets")), 21, "tuf.extension"),
    "a source of an earlier program": (Forgery(targets=without_extension("rules")), 21, "tuf.extension"),
    "a bundle of an earlier program": (
        Forgery(targets=without_extension("targets", "rules", "clamav")),
        21,
        "tuf.extension",
    ),
    "targets silent of a source": (Forgery(targets=say("targets", {"sources": {"rules": {}}})), 21, "tuf.extension"),
    "targets that say more": (
        Forgery(targets=say("targets", {"sources": {"clamav": {}, "rules": {"run": "x"}}})),
        21,
        "tuf.extension",
    ),
    "expired": (Forgery(timestamp=expire), 23, "tuf.expired.timestamp"),
    "no extension": (Forgery(timestamp=timestamp_without_extension), 21, "tuf.extension"),
    "a withheld root": (Forgery(timestamp=withheld_root), 20, "tuf.root-withheld"),
    "mix and match: an older snapshot": (Forgery(snapshot=older_snapshot), 22, "tuf.rollback.snapshot"),
    "mix and match: an older source": (Forgery(snapshot=older_role), 22, "tuf.rollback.rules"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_bundle_is_refused_for_its_own_reason(home, forge, tmp_path, name):
    forgery, exit_code, code = FORGERIES[name]
    error = refusal(home, forge.seal(tmp_path / "3.zip", forgery), forge.clock())
    assert (error.code, error.exit_code) == (code, exit_code)


HONESTLY_SAID = ({"deliver": "scada"}, {"mount": "/"}, {"fresh_days": 9}, {"pulled_at": CREATED - timedelta(days=30)})


@pytest.mark.parametrize("said", HONESTLY_SAID)
def test_what_the_targets_roles_sign_is_believed_and_taking_it_back_in_the_manifest_is_not(home, forge, tmp_path, said):
    forge.said = {"rules": said}
    silent = {"deliver": None, "mount": None, "fresh_days": None, "pulled_at": CREATED}

    def hide(manifest):
        kept = [replace(s, **{key: silent[key] for key in said}) if s.name == "rules" else s for s in manifest.sources]
        return replace(manifest, sources=tuple(kept))

    error = refusal(home, forge.seal(tmp_path / "3.zip", Forgery(manifest=hide)), forge.clock())
    assert (error.code, error.exit_code) == ("bundle.disagrees", 20)
    assert import_bundle(home, forge.seal(tmp_path / "3-honest.zip", again=True), forge.clock()).generation == 3
    with State(home.database) as state:
        (source,) = [source for source in state.generations.list_sources(3) if source.name == "rules"]
    assert {key: getattr(source, key) for key in said} == said


def test_a_relay_that_trusts_roles_of_an_earlier_program_takes_the_next_bundle(tmp_path, forge, monkeypatch):
    """A state of the time before the field opens, and the next bundle brings it."""
    home = make_home(tmp_path / "relay", forge.root)
    old = Forgery(targets=without_extension("targets", "rules", "clamav"))
    with monkeypatch.context() as earlier:
        earlier.setattr("manifests.bundle.verify._check_sources", lambda *_: None)
        import_bundle(home, forge.seal(tmp_path / "1.zip", old), forge.clock())
    forge.said = {"rules": {"mount": "/"}}
    assert import_bundle(home, forge.seal(tmp_path / "2.zip"), forge.clock()).generation == 2


def test_what_a_source_says_of_another_source_counts_for_nothing(home, forge, tmp_path):
    """TUF ignores a path that is not delegated; so do we, and the true one is what arrives."""
    path = forge.seal(tmp_path / "3.zip", Forgery(targets=foreign_target))
    assert import_bundle(home, path, forge.clock()).generation == 3
    with State(home.database) as state:
        assert {target.path: target.length for target in state.generations.list_targets(3)} == {
            "clamav/b": 5120,
            "rules/a": 1120,
        }


def test_an_older_bundle_is_refused_as_a_rollback(home, forge, tmp_path):
    error = refusal(home, tmp_path / "1.zip", forge.clock())
    assert (error.code, error.exit_code) == ("tuf.rollback.timestamp", 22)


def test_the_same_version_with_other_content_is_refused(home, forge, tmp_path):
    forge.version = 1
    forge.files["rules/a"] = b"other"
    error = refusal(home, forge.seal(tmp_path / "2b.zip"), forge.clock())
    assert (error.code, error.exit_code) == ("tuf.version.snapshot", 20)


def test_another_publisher_is_refused(home, tmp_path):
    stranger = BundleForge()
    stranger.files = dict(FILES)
    for _ in range(3):
        stranger.seal(tmp_path / "3.zip")
    assert refusal(home, tmp_path / "3.zip", stranger.clock()).code == "signature.unknown-key"


def test_a_root_that_is_known_already_cannot_be_replaced_for_agents(home, forge, tmp_path):
    """Roots up to the trusted one are not walked again; a stolen timestamp key must not rewrite them."""
    forge.roots[0] = BundleForge().root
    error = refusal(home, forge.seal(tmp_path / "3.zip"), forge.clock())
    assert (error.code, error.exit_code) == ("bundle.root", 20)


def test_a_stolen_old_key_does_not_outlive_its_rotation(home, forge, tmp_path):
    stolen = forge.signers["timestamp"]
    forge.rotate({"timestamp": [new_signer()]})
    import_bundle(home, forge.seal(tmp_path / "3.zip"), forge.clock())
    path = forge.seal(tmp_path / "4.zip", Forgery(signers={"timestamp": stolen, "manifest": stolen}))
    before = fingerprint(home)
    with pytest.raises(SealiftError) as caught:
        import_bundle(home, path, forge.clock())
    assert caught.value.code == "signature.unknown-key"
    assert fingerprint(home) == before


@pytest.mark.parametrize("kind", ["link", "hard link", "directory", "fifo"])
def test_what_is_no_plain_file_is_refused(home, forge, tmp_path, kind):
    good, path = forge.seal(tmp_path / "3.zip"), tmp_path / "odd.zip"
    if kind == "link":
        path.symlink_to(good)
    elif kind == "hard link":
        path.hardlink_to(good)
    elif kind == "directory":
        path.mkdir()
    else:
        import os

        os.mkfifo(path)
    code = "bundle.hard-link" if kind == "hard link" else "bundle.not-a-file"
    assert refusal(home, path, forge.clock()).code == code


def test_a_frozen_site_sees_that_it_is_stale_and_goes_on_serving(home, forge):
    from relay.server.view import Views
    from tests.support.relay_homes import make_config

    views = Views(home, make_config(home))
    view = views.current()
    assert view.status.is_stale(CREATED + timedelta(days=400))
    assert view.rings["default"].files.keys() == {"clamav/b", "rules/a"}
    views.close()
