"""Who signs for a role: keys that are here, each opened once, for the repository that was loaded."""

from __future__ import annotations

from pathlib import Path

from bundler.keys.private_file import PrivateKeyFile
from bundler.keys.secrets import Secrets
from bundler.repository.signers import HomeSigners
from tests.support.ceremony import Site
from tests.support.keys import PASSPHRASE, nobody


def test_the_signers_of_a_role_are_those_of_its_keys_that_are_here(tmp_path: Path) -> None:
    site = Site(tmp_path, 3, 2)
    site.home.keys.joinpath(f"root-{site.keyids('root')[1][:12]}.pem").unlink()
    of_role = HomeSigners(site.home, Secrets(nobody)).of_repository(site.repository)
    here = tuple(keyid for keyid in site.keyids("root") if keyid != site.keyids("root")[1])
    assert tuple(signer.public_key.keyid for signer in of_role("root")) == here
    assert [signer.public_key.keyid for signer in of_role("a source")] == list(site.keyids("targets"))


def test_a_key_is_opened_once_and_one_from_elsewhere_counts_too(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (away,) = site.away("root")
    brought = site.signer(away)
    signers = HomeSigners(site.home, Secrets(nobody), [brought])
    of_role = signers.of_repository(site.repository)
    assert of_role("root") == (brought,)
    (first,), (second,) = of_role("timestamp"), of_role("timestamp")
    assert first is second
    assert signers.of_keys([first.public_key]) == (first,)


def test_what_the_next_version_may_need_is_opened_at_once_and_root_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for path in site.home.keys.glob("*.pem"):
        file = PrivateKeyFile.read(path)
        file.encrypt(file.unlock(Secrets(nobody)), b"of root alone" if path.name.startswith("root") else PASSPHRASE)
    asked: list[str] = []

    def person(question: str) -> str:
        asked.append(question)
        return PASSPHRASE.decode()

    HomeSigners(site.home, Secrets(person)).open_online(site.repository, ["a"])
    assert len(asked) == 1
    assert asked[0].startswith("Passphrase of timestamp-")
