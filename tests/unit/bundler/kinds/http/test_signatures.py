"""Upstream signatures, made by the real programs: good ones name their key, others are refused."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bundler.kinds.http.errors import WrongSignatureError
from bundler.kinds.http.signatures import SUFFIXES, Signature, SigningProgram
from manifests.errors import ConfigurationError, FetchError, NotAuthenticError, SealiftError
from tests.support import source_simulator as upstream
from tests.support.benches import Bench, make
from tests.support.commands import clean_environment
from tests.support.source_simulator import SourceSimulator

BODY = b"alert tcp any any\n" * 20_000
ALL = [
    pytest.param("gpg", marks=pytest.mark.needs("gpg", "gpg-agent", "gpgv")),
    pytest.param("minisign", marks=pytest.mark.needs("minisign")),
    pytest.param("signify", marks=pytest.mark.needs("signify-openbsd")),
]


def call(*command: object, **variables: object) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=clean_environment(**variables),
        timeout=120,
    )


@dataclass(frozen=True)
class Signer:
    """A key of one of the programs, kept in a directory of its own."""

    program: SigningProgram
    directory: Path

    @classmethod
    def new(cls, program: SigningProgram, directory: Path) -> Signer:
        signer = cls(program, directory)
        if program == "gpg":
            call("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "feed@example", "ed25519", "sign", "never",
                 GNUPGHOME=directory)  # fmt: skip
            call("gpg", "--batch", "--output", signer.key, "--export", GNUPGHOME=directory)
        elif program == "minisign":
            call("minisign", "-G", "-W", "-p", signer.key, "-s", directory / "secret")
        else:
            call("signify-openbsd", "-G", "-n", "-p", signer.key, "-s", directory / "key.sec")
        return signer

    @property
    def key(self) -> Path:
        return self.directory / "key.pub"

    @property
    def configured(self) -> dict[str, str]:
        return {"program": self.program, "key": str(self.key)}

    def sign(self, body: bytes, *more: str) -> bytes:
        file, made = self.directory / "file", self.directory / "made"
        file.write_bytes(body)
        made.unlink(missing_ok=True)
        if self.program == "gpg":
            call("gpg", "--batch", "--armor", *more, "--output", made, "--detach-sign", file, GNUPGHOME=self.directory)
        elif self.program == "minisign":
            call("minisign", "-S", *more, "-s", self.directory / "secret", "-x", made, "-m", file)
        else:
            call("signify-openbsd", "-S", "-s", self.directory / "key.sec", "-x", made, "-m", file)
        return made.read_bytes()


@pytest.fixture(scope="module")
def places() -> Iterator[Path]:
    """A directory with a short name: gpg's agent listens on a socket in it."""
    place = Path(tempfile.mkdtemp(prefix="sig-"))
    yield place
    for home in place.iterdir():
        subprocess.run(["gpgconf", "--kill", "all"], env=clean_environment(GNUPGHOME=home), check=False)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def signers(places: Path) -> Any:
    made: dict[tuple[str, int], Signer] = {}

    def signer(program: SigningProgram, number: int = 0) -> Signer:
        if (program, number) not in made:
            directory = places / f"{program}{number}"
            directory.mkdir(mode=0o700)
            made[program, number] = Signer.new(program, directory)
        return made[program, number]

    return signer


def verified(signer: Signer, tmp_path: Path, body: bytes, signature: bytes) -> str:
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "signature").write_bytes(signature)
    configured = Signature.from_config("s", signer.configured)
    return configured.verify(tmp_path / "body", tmp_path / "signature", "the signature")


def refused(signer: Signer, tmp_path: Path, body: bytes, signature: bytes) -> str:
    with pytest.raises(NotAuthenticError) as caught:
        verified(signer, tmp_path, body, signature)
    return caught.value.code


@pytest.mark.parametrize("program", ALL)
@pytest.mark.parametrize("body", [BODY, b"", b"\x00"], ids=["rules", "empty", "one byte"])
def test_a_good_signature_names_its_key(program: SigningProgram, body: bytes, signers: Any, tmp_path: Path) -> None:
    signer = signers(program)
    said = verified(signer, tmp_path, body, signer.sign(body))
    assert said.startswith({"gpg": "GPG key ", "minisign": "minisign key ", "signify": "signify key "}[program])
    if program == "gpg":
        assert len(said.rpartition(" ")[2]) == 40
    if program == "minisign":
        assert signer.key.read_text().splitlines()[0] == f"untrusted comment: minisign public key {said.split()[2]}"


@pytest.mark.parametrize("program", ALL)
def test_a_changed_file_is_refused(program: SigningProgram, signers: Any, tmp_path: Path) -> None:
    signer = signers(program)
    assert refused(signer, tmp_path, BODY + b"!", signer.sign(BODY)) == "http.signature"


@pytest.mark.parametrize("program", ALL)
def test_a_signature_by_another_key_is_refused(program: SigningProgram, signers: Any, tmp_path: Path) -> None:
    assert refused(signers(program), tmp_path, BODY, signers(program, 1).sign(BODY)) == "http.signature"


@pytest.mark.parametrize("program", ALL)
@pytest.mark.parametrize("signature", [b"", b"\xff\xfe", b"untrusted comment: x\nAAAA\n", b"<html>", b"x\n" * 9])
def test_what_is_no_signature_is_refused(
    program: SigningProgram, signature: bytes, signers: Any, tmp_path: Path
) -> None:
    expected = "http.signature" if program == "gpg" else "http.signature-format"
    assert refused(signers(program), tmp_path, BODY, signature) == expected


@pytest.mark.needs("minisign")
def test_minisigns_older_form_over_the_file_itself_is_read(signers: Any, tmp_path: Path) -> None:
    signer = signers("minisign")
    assert verified(signer, tmp_path, BODY, signer.sign(BODY, "-l")).startswith("minisign key ")
    assert refused(signer, tmp_path, BODY + b"!", signer.sign(BODY, "-l")) == "http.signature"


@pytest.mark.needs("minisign")
def test_minisigns_trusted_comment_is_signed_too(signers: Any, tmp_path: Path) -> None:
    signer = signers("minisign")
    made = signer.sign(BODY, "-t", "version 7")
    assert b"trusted comment: version 7\n" in made
    assert refused(signer, tmp_path, BODY, made.replace(b"version 7", b"version 8")) == "http.signature"
    assert refused(signer, tmp_path, BODY, b"\n".join(made.split(b"\n")[:2])) == "http.signature-format"
    verified(signer, tmp_path, BODY, made.replace(b"untrusted comment: ", b"untrusted comment: changed "))


@pytest.mark.needs("minisign", "signify-openbsd")
def test_a_signature_of_one_program_is_none_of_the_other(signers: Any, tmp_path: Path) -> None:
    minisign, signify = signers("minisign"), signers("signify")
    assert refused(minisign, tmp_path, BODY, signify.sign(BODY)) == "http.signature-format"
    assert refused(signify, tmp_path, BODY, minisign.sign(BODY)) == "http.signature-format"


@pytest.mark.needs("minisign")
def test_minisigns_key_may_stand_in_the_configuration_itself(signers: Any, tmp_path: Path) -> None:
    signer = signers("minisign")
    (tmp_path / "body").write_bytes(BODY)
    (tmp_path / "signature").write_bytes(signer.sign(BODY))
    key = signer.key.read_text().splitlines()[1]
    configured = Signature.from_config("s", {"program": "minisign", "key": key})
    assert configured.verify(tmp_path / "body", tmp_path / "signature", "x").startswith("minisign key ")


@dataclass(frozen=True)
class Keys:
    """A home of gpg with an old and a new key, and an expired one."""

    home: Path

    def sign(self, *names: str, body: bytes = BODY) -> bytes:
        file, made = self.home / "file", self.home / "made"
        file.write_bytes(body)
        made.unlink(missing_ok=True)
        users = [part for name in names for part in ("-u", f"{name}@example")]
        early = ("--faked-system-time", "20200101T000000!") if "expired" in names else ()
        call("gpg", "--batch", "--armor", *early, *users, "--output", made, "--detach-sign", file, GNUPGHOME=self.home)
        return made.read_bytes()

    def keyring(self, *names: str) -> Path:
        place = self.home / ("-".join(names) + ".gpg")
        if not place.exists():
            call("gpg", "--batch", "--output", place, "--export", *(f"{name}@example" for name in names),
                 GNUPGHOME=self.home)  # fmt: skip
        return place


@pytest.fixture(scope="module")
def keys(places: Path) -> Keys:
    home = places / "several"
    home.mkdir(mode=0o700)
    for name, expiry in (("old", "never"), ("new", "never"), ("other", "never"), ("expired", "2020-02-01")):
        call("gpg", "--batch", "--faked-system-time", "20200101T000000!", "--passphrase", "", "--quick-gen-key",
             f"{name}@example", "ed25519", "sign", expiry, GNUPGHOME=home)  # fmt: skip
    return Keys(home)


def signed_by(keyring: Path, tmp_path: Path, signature: bytes, body: bytes = BODY) -> str:
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "signature").write_bytes(signature)
    configured = Signature.from_config("s", {"program": "gpg", "key": str(keyring)})
    return configured.verify(tmp_path / "body", tmp_path / "signature", "the signature")


@pytest.mark.needs("gpg", "gpg-agent", "gpgv")
@pytest.mark.parametrize(
    ("signing", "known", "good"),
    [
        (("old", "new"), ("old", "new"), 2),
        (("old", "new"), ("new",), 1),
        (("old", "new"), ("old",), 1),
        (("new", "old"), ("new",), 1),
        (("expired", "new"), ("expired", "new"), 1),
        (("expired", "new"), ("new",), 1),
        (("old", "new", "other"), ("new", "other"), 2),
    ],
)
def test_a_file_signed_by_several_keys_is_good_by_those_in_the_keyring(
    keys: Keys, tmp_path: Path, signing: tuple[str, ...], known: tuple[str, ...], good: int
) -> None:
    who = signed_by(keys.keyring(*known), tmp_path, keys.sign(*signing))
    assert who.startswith("GPG key ")
    assert len(set(who.removeprefix("GPG key ").split(" and "))) == good


@pytest.mark.needs("gpg", "gpg-agent", "gpgv")
@pytest.mark.parametrize(
    ("signing", "known"), [(("old", "new"), ("other",)), (("expired", "new"), ("expired",)), (("old",), ("new",))]
)
def test_a_file_with_no_good_signature_of_a_known_key_is_refused(
    keys: Keys, tmp_path: Path, signing: tuple[str, ...], known: tuple[str, ...]
) -> None:
    with pytest.raises(NotAuthenticError) as caught:
        signed_by(keys.keyring(*known), tmp_path, keys.sign(*signing))
    assert caught.value.code == "http.signature"


@pytest.mark.needs("gpg", "gpg-agent", "gpgv")
@pytest.mark.parametrize("known", [("old", "new"), ("new",)])
def test_a_changed_file_is_refused_however_many_signed_it(keys: Keys, tmp_path: Path, known: tuple[str, ...]) -> None:
    with pytest.raises(NotAuthenticError):
        signed_by(keys.keyring(*known), tmp_path, keys.sign("old", "new"), body=BODY + b"!")


@pytest.mark.needs("gpg", "gpg-agent", "gpgv")
def test_an_expired_gpg_key_is_refused(places: Path, tmp_path: Path) -> None:
    home = places / "expired"
    home.mkdir(mode=0o700)
    signer = Signer("gpg", home)
    early = ("--faked-system-time", "20200101T000000!")
    make_key = ("--passphrase", "", "--quick-gen-key", "old@example", "ed25519", "sign", "2020-02-01")
    call("gpg", "--batch", *early, *make_key, GNUPGHOME=home)
    call("gpg", "--batch", "--output", signer.key, "--export", GNUPGHOME=home)
    assert refused(signer, tmp_path, BODY, signer.sign(BODY, *early)) == "http.signature"


@pytest.mark.needs("gpg", "gpg-agent", "gpgv")
def test_a_clear_signed_or_inline_gpg_message_is_no_detached_signature(signers: Any, tmp_path: Path) -> None:
    signer = signers("gpg")
    (tmp_path / "f").write_bytes(BODY)
    for how in ("--clear-sign", "--sign"):
        made = tmp_path / f"made{how}"
        call("gpg", "--batch", "--output", made, how, tmp_path / "f", GNUPGHOME=signer.directory)
        assert refused(signer, tmp_path, b"other", made.read_bytes()) == "http.signature"


@pytest.mark.parametrize("program", ALL)
def test_a_signed_upstream_is_pulled_with_its_key_in_the_manifest(
    program: SigningProgram, signers: Any, bench: Bench, server: SourceSimulator
) -> None:
    signer = signers(program)
    suffix = SUFFIXES[program]
    for name in ("a", "b"):
        server.serve(f"/{name}.rules", BODY + name.encode(), etag=f'"{name}"')
        server.serve(f"/{name}.rules{suffix}", signer.sign(BODY + name.encode()), etag=f'"s{name}"')
    urls = [server.url("/a.rules"), server.url("/b.rules")]
    source = make("http", urls=urls, signature=signer.configured, carry_sidecars=True)
    first = bench.pull(source)
    assert sorted(bench.contents(first)) == ["a.rules", f"a.rules{suffix}", "b.rules", f"b.rules{suffix}"]
    assert first.verification.startswith("2 of 2 signed by ")
    assert "no upstream signature" not in first.verification
    del server.seen[:]
    assert bench.pull(source, first).targets == first.targets
    assert {seen.status for seen in server.seen} == {304}


@pytest.mark.parametrize("program", ALL)
def test_a_wrong_upstream_signature_keeps_the_last_good_content(
    program: SigningProgram, signers: Any, bench: Bench, server: SourceSimulator
) -> None:
    signer = signers(program)
    server.serve("/a", BODY, etag='"1"')
    server.serve(f"/a{SUFFIXES[program]}", signer.sign(BODY))
    bench.configure("s", "http", urls=[server.url("/a")], signature=signer.configured)
    good = bench.pull_all()
    server.serve("/a", b"forged", etag='"2"')
    bad = bench.pull_all()
    assert [(type(f.error), f.error.code) for f in bad.failures] == [(WrongSignatureError, "http.signature")]
    assert bad.targets == good.targets
    assert "[http.signature]" in str(bad.records[0].failure)


@pytest.mark.needs("minisign")
def test_a_signature_that_is_replaced_a_moment_after_its_file_is_read_again(
    signers: Any, bench: Bench, server: SourceSimulator
) -> None:
    signer = signers("minisign")
    server.serve("/a", BODY, etag='"1"')
    server.on("/a.minisig", upstream.file(signer.sign(b"old")), upstream.file(signer.sign(BODY)))
    pulled = bench.pull(make("http", urls=[server.url("/a")], signature=signer.configured))
    assert bench.contents(pulled) == {"a": BODY}
    assert [seen.status for seen in server.seen if seen.path == "/a"] == [200, 304]


@pytest.mark.needs("minisign")
def test_a_missing_signature_is_a_failure(signers: Any, bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    with pytest.raises(FetchError) as caught:
        bench.pull(make("http", urls=[server.url("/a")], signature=signers("minisign").configured))
    assert (caught.value.code, caught.value.details["status"]) == ("http.status", 404)


@pytest.mark.parametrize("program", ALL)
@pytest.mark.parametrize("way", ["each", "all", "index"])
def test_a_signed_checksum_list_proves_the_files_that_it_lists(
    program: SigningProgram, way: str, signers: Any, bench: Bench, server: SourceSimulator
) -> None:
    signer, suffix = signers(program), SUFFIXES[program]
    bodies = {name: BODY + name.encode() for name in ("a", "b", "c")}
    for name, body in bodies.items():
        server.serve(f"/r/{name}", body)
    sums = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in bodies.items()).encode()
    server.serve("/r/SUMS", sums)
    server.serve(f"/r/SUMS{suffix}", signer.sign(sums))
    links = "".join(f'<a href="{name}">x</a>' for name in (*bodies, "SUMS", f"SUMS{suffix}"))
    server.serve("/r/", f"<h1>Index of /r/</h1>{links}".encode(), content_type="text/html")
    urls, at = [server.url(f"/r/{name}") for name in bodies], server.url("/r/SUMS")
    options: dict[str, Any] = {
        "each": {"urls": [{"url": url, "sha256_url": at} for url in urls]},
        "all": {"urls": urls, "sha256_url": at},
        "index": {"index": server.url("/r/"), "sha256_url": at},
    }[way]
    source = make("http", **options, signature={**signer.configured, "of": "checksums"})
    pulled = bench.pull(source)
    assert bench.contents(pulled) == bodies
    assert pulled.verification.startswith("3 of 3 match a checksum list signed by ")
    assert "no upstream signature" not in pulled.verification
    assert (server.asked("/r/SUMS"), server.asked(f"/r/SUMS{suffix}")) == (1, 1)
    server.serve("/r/a", b"forged")
    assert code_of(bench, source) == "http.checksum"
    server.serve("/r/SUMS", sums.replace(hashlib.sha256(bodies["a"]).hexdigest().encode(), b"0" * 64))
    assert code_of(bench, source) == "http.signature"


def code_of(bench: Bench, source: Any) -> str:
    with pytest.raises(SealiftError) as caught:
        bench.pull(source)
    return caught.value.code


@pytest.mark.parametrize(
    "options",
    [
        {"urls": ["https://h/a"]},
        {"urls": [{"url": "https://h/a", "sha256_url": "https://h/s"}, "https://h/b"]},
        {"index": "https://h/"},
    ],
)
def test_signed_lists_that_do_not_list_every_file_are_refused(options: Any, tmp_path: Path) -> None:
    key = tmp_path / "key.gpg"
    key.write_bytes(b"binary")
    with pytest.raises(ConfigurationError) as caught:
        make("http", **options, signature={"program": "gpg", "key": str(key), "of": "checksums"})
    assert caught.value.code == "source.signature"


def test_checksum_sidecars_are_checked_and_carried(bench: Bench, server: SourceSimulator) -> None:
    server.serve("/a", BODY)
    server.serve("/a.sha512", hashlib.sha512(BODY).hexdigest().encode())
    source = make("http", urls=[server.url("/a?key=1")], checksum="sha512", carry_sidecars=True)
    pulled = bench.pull(source)
    assert sorted(bench.contents(pulled)) == ["a", "a.sha512"]
    assert pulled.verification.startswith("1 of 1 match the checksum that their server publishes")
    assert {seen.path for seen in server.seen} == {"/a?key=1", "/a.sha512?key=1"}
    server.serve("/a", BODY + b"!")
    server.serve("/a.sha512", b"0" * 128)
    with pytest.raises(FetchError) as caught:
        bench.pull(source)
    assert caught.value.code == "http.checksum"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("relative.pub", "source.path"),
        ("/nonexistent/key.pub", "source.path"),
        ("A" * 56, "source.signature"),
        (os.devnull, "source.signature"),
        (base64.b64encode(b"ED" + bytes(40)).decode(), "source.signature"),
    ],
)
def test_a_key_that_is_none_is_refused_at_configuration(key: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make("http", urls=["https://h/a"], signature={"program": "minisign", "key": key})
    assert caught.value.code == code


def test_an_armoured_keyring_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    (tmp_path / "key.asc").write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    with pytest.raises(ConfigurationError) as caught:
        make("http", urls=["https://h/a"], signature={"program": "gpg", "key": str(tmp_path / "key.asc")})
    assert caught.value.code == "source.signature"
    assert str(caught.value.todo).startswith("gpg --dearmor < ")


def test_where_signatures_are_without_by_whom_is_refused() -> None:
    with pytest.raises(SealiftError) as caught:
        make("http", urls=[{"url": "https://h/a", "signature_url": "https://h/b"}])
    assert caught.value.code == "source.signature"
