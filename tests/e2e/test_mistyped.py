"""What is mistyped ends with 2 or 3, says which option or file it is, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.publisher import Publisher

MISTYPED = [
    ("create --passphrase-file nope", 2, "--passphrase-file"),
    ("create --pin-file nope", 2, "--pin-file"),
    ("create --note nope", 2, "--note"),
    ("create --since nope", 2, "nope"),
    ("create --volume-size big", 2, "big"),
    ("create --every often", 2, "often"),
    ("create --again 99", 2, "99"),
    ("verify --root root.json nope.zip", 2, "nope.zip"),
    ("verify --root nope nope.zip", 2, "nope"),
    ("inspect nope.zip", 2, "nope.zip"),
    ("diff nope.zip other.zip", 2, "nope.zip"),
    ("sites import nope", 2, "nope"),
    ("keys accept nope", 2, "nope"),
    ("keys sign nope --yes", 2, "nope"),
    ("keys add root nope.pub", 2, "nope.pub"),
    ("keys add nobody --generate", 3, "nobody"),
    ("keys rotate targets --with nope.pub", 2, "--with"),
    ("keys rotate targets --replace ffffff", 3, "ffffff"),
    ("keys rotate targets --key nope.pem", 2, "--key"),
    ("keys rotate targets --key hsm:one", 3, "hsm:one"),
    ("keys rotate targets --new-passphrase-file nope", 2, "--new-passphrase-file"),
    ("keys renew --passphrase-file nope", 2, "--passphrase-file"),
    ("keys revoke root ffffff", 3, "ffffff"),
    ("keys generate --out nowhere/a.pem --no-passphrase", 2, "nowhere"),
    ("keys passphrase nope.pem", 2, "nope.pem"),
]


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    return Publisher.found(tmp_path_factory.mktemp("mistyped") / "dmz", "rules")


@pytest.mark.parametrize(("typed", "code", "named"), MISTYPED, ids=lambda value: str(value)[:40])
def test_what_is_mistyped_is_named_and_changes_nothing(publisher: Publisher, typed: str, code: int, named: str) -> None:
    def state() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in publisher.home.rglob("*") if path.is_file()}

    before = state()
    done = publisher.bundle(*typed.replace("root.json", str(publisher.root)).split(), check=False)
    assert (done.returncode, named in done.stderr) == (code, True), done.stderr
    assert {path: data for path, data in state().items() if path.name != "lock"} == {
        path: data for path, data in before.items() if path.name != "lock"
    }
