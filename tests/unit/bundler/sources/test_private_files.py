"""Files that stand among content and are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.sources.private_files import is_bare_repository, is_private


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".hg", ".svn", "CVS", ".bzr", "_darcs", ".jj"),
        *(
            "a.rules~",
            ".a.yar.swp",
            "#a.rules#",
            ".#a.rules",
            ".~lock.a.csv#",
            ".DS_Store",
            "Thumbs.db",
            ".idea",
            ".vscode",
        ),
        *(
            ".env",
            ".env.production",
            ".netrc",
            "_netrc",
            ".git-credentials",
            ".npmrc",
            ".pypirc",
            ".htpasswd",
            ".pgpass",
        ),
        *(".ssh", ".gnupg", ".aws", ".kube", ".docker", "id_rsa", "id_ed25519", "id_ecdsa_sk", ".bash_history"),
        *("site.pfx", "SITE.P12", "vault.kdbx", "putty.ppk", ".nfs000000000001"),
    ],
)
def test_version_control_editors_files_and_secrets_are_private(name: str) -> None:
    assert is_private(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a.rules",
            "server.ini",
            ".gitignore",
            ".gitattributes",
            ".github",
            "git",
            "index.yaml",
            "a.swp.rules",
            "#",
            "rules.git",
        ),
        *(
            "id_rsa.pub",
            "env",
            "netrc.yml",
            ".env.example",
            "ca.pem",
            "a.key",
            "a~b",
            ".well-known",
            "proc_creation_id_rsa.yml",
        ),
    ],
)
def test_content_is_not(name: str) -> None:
    assert not is_private(name)


def test_a_repository_without_a_working_tree_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    for name in ("objects", "refs"):
        (tmp_path / name).mkdir()
    assert not is_bare_repository(tmp_path)
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    assert is_bare_repository(tmp_path)
