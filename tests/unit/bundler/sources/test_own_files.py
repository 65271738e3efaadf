"""What is our own is known by what it is, under whatever path or name, and refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.kinds.directory import DirectorySource
from bundler.sources.globs import GlobSet
from bundler.sources.own_files import (
    OwnFiles,
    OwnPlace,
    kind_of_home,
    refuse_own_content,
)
from manifests.errors import FetchError
from tests.support.benches import Bench, make
from tests.support.relay_bundles import BundleForge

BODY = b"MC4CAQAwBQYDK2VwBCIEIHwHRmm0kXxhXOYVuJzh8pEBBmEhpyr5HZ3aQv7mLwE8"
PEM = b"-----BEGIN %sPRIVATE KEY-----\n" + BODY + b"\n-----END %sPRIVATE KEY-----\n"


def refused(source: DirectorySource, bench: Bench, **table: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        bench.pull(source, **table)
    assert caught.value.code == "directory.own-file"
    return caught.value


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "srv"
    (root / "rules").mkdir(parents=True)
    (root / "rules" / "a.yar").write_bytes(b"rule a { condition: false }\n")
    return root


def make_home(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        if name.endswith("/"):
            (path / name).mkdir()
        else:
            (path / name).touch()
    return path


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["bundler.toml", "keys/", "lock"], "a publisher's home"),
        (["relay.toml", "state.db", "tls/"], "a relay's home"),
    ],
)
@pytest.mark.parametrize("at", [".", "pub", "deep/er/pub"])
def test_a_home_below_a_source_is_refused_with_what_to_type(
    bench: Bench, tree: Path, names: list[str], kind: str, at: str
) -> None:
    if at == ".":
        tree.joinpath("x").mkdir()
        for name in names:
            (tree / name).mkdir() if name.endswith("/") else (tree / name).touch()
    else:
        (tree / at).parent.mkdir(parents=True, exist_ok=True)
        make_home(tree / at, *names)
    error = refused(make("directory", path=str(tree)), bench)
    assert kind in error.what
    assert str(tree / at) in error.what
    if at != ".":
        assert error.todo is not None
        assert f'exclude = ["{at}/**"]' in error.todo
        pulled = bench.pull(make("directory", path=str(tree)), exclude=[f"{at}/**"])
        assert [target.path for target in pulled.targets] == ["rules/a.yar"]


def test_a_home_of_which_nothing_is_taken_is_no_matter(bench: Bench, tree: Path) -> None:
    make_home(tree / "pub", "bundler.toml", "keys/")
    assert len(bench.pull(make("directory", path=str(tree)), include=["**/*.yar"]).targets) == 1


@pytest.mark.parametrize("spelling", ["{0}/", "{0}/.", "{0}/rules/..", "{0}/../link", "//{0}"])
def test_no_spelling_of_the_path_hides_a_home(bench: Bench, tree: Path, spelling: str) -> None:
    make_home(tree / "pub", "bundler.toml", "keys/")
    (tree.parent / "link").symlink_to(tree)
    refused(make("directory", path=spelling.format(tree)), bench)


def test_half_of_a_home_is_none() -> None:
    assert kind_of_home({"bundler.toml"}) is None
    assert kind_of_home({"keys", "relay.toml"}) is None


@pytest.mark.parametrize("kind", [b"", b"ENCRYPTED ", b"EC ", b"RSA ", b"OPENSSH "])
@pytest.mark.parametrize("before", [b"", b"\n# mine\r\n"])
def test_a_private_key_is_refused_whatever_it_is_called(bench: Bench, tree: Path, kind: bytes, before: bytes) -> None:
    (tree / "rules" / "b.yar").write_bytes(before + PEM % (kind, kind))
    error = refused(make("directory", path=str(tree)), bench)
    assert "a private key" in error.what
    assert error.todo is not None
    assert 'exclude = ["rules/b.yar"]' in error.todo


@pytest.mark.parametrize(
    "data",
    [
        b'rule key { strings: $a = "-----BEGIN RSA PRIVATE KEY-----" condition: $a }\n',
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n",
        b"A key begins with\n-----BEGIN PRIVATE KEY-----\nand goes on.\n",
    ],
)
def test_a_rule_that_looks_for_keys_is_none(bench: Bench, tree: Path, data: bytes) -> None:
    (tree / "rules" / "b.yar").write_bytes(data)
    assert len(bench.pull(make("directory", path=str(tree))).targets) == 2


@pytest.mark.parametrize("name", ["acme-000001-full.zip", "renamed.bin", ".acme-000001-full.zip.partial"])
def test_an_earlier_bundle_is_refused_whatever_it_is_called(
    tmp_path: Path, bench: Bench, tree: Path, name: str
) -> None:
    BundleForge().seal(tree / name)
    error = refused(make("directory", path=str(tree)), bench)
    assert "a sealed bundle" in error.what
    assert str(tree / name) in error.what


def test_another_zip_that_begins_with_a_manifest_is_none(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "extension.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("background.js", "")
    with (tmp_path / "extension.zip").open("rb") as file:
        refuse_own_content("s", "extension.zip", tmp_path / "extension.zip", file)
        assert file.tell() == 0


def test_a_secret_is_refused_under_every_name_it_has(tmp_path: Path, tree: Path) -> None:
    (tree / "passphrase").write_text("correct horse")
    os.link(tree / "passphrase", tmp_path / "elsewhere")
    for named in (tree / "passphrase", tmp_path / "elsewhere"):
        own = OwnFiles.of([OwnPlace(named, "a file with a secret")])
        with pytest.raises(FetchError, match="a file with a secret") as caught:
            own.refuse_file("s", "passphrase", tree / "passphrase", (tree / "passphrase").stat())
        assert caught.value.code == "directory.own-file"
    own.refuse_file("s", "rules/a.yar", tree / "rules" / "a.yar", (tree / "rules" / "a.yar").stat())


def test_where_bundles_go_is_refused_unless_they_are_not_taken(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "link").symlink_to(tree / "rules")
    names = ("acme-000001-full.zip", "acme-000001-full.txt")
    own = OwnFiles.of([OwnPlace(tmp_path / "link", "where", names, "acme-*"), OwnPlace(tmp_path / "none", "nothing")])
    status = (tree / "rules").stat()
    for exclude, taken in (((), True), (("rules/*.zip",), True), (("rules/acme-*",), False), (("rules/**",), False)):
        globs = GlobSet(exclude=exclude)
        if not taken:
            own.refuse_directory("s", "rules/", tree / "rules", status, globs)
            continue
        with pytest.raises(FetchError) as caught:
            own.refuse_directory("s", "rules/", tree / "rules", status, globs)
        assert caught.value.todo == 'choose another, or write exclude = ["rules/acme-*"]'
