"""Files that stand among content and are none: version control, what editors leave, secrets. By name."""

from __future__ import annotations

import os
import re
from pathlib import Path

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".bzr", "cvs", "_darcs", ".jj", ".pijul", ".fslckout", "_fossil_"})
_BARE_GIT = ("HEAD", "objects", "refs")
"""What stands in a git repository without a working tree, and beside each other nowhere else."""
_EDITORS = re.compile(
    r".*~|#.+#|\.#.+|\..*\.sw[a-p]|.*\.swp|\.~lock\..*#|\.ds_store|\._.*|thumbs\.db|desktop\.ini"
    r"|\.idea|\.vscode|\.vs|\.nfs[0-9a-f]+"
)
_SECRETS = re.compile(
    r"\.env(?:\..+)?|\.envrc|[._]netrc|\.git-credentials|\.npmrc|\.pypirc|\.htpasswd|\.pgpass|\.my\.cnf|\.dockercfg|\.vault[-_]pass.*"
    r"|\.s3cfg|\.boto|\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|\.gcloud|\.password-store"
    r"|id_(?:rsa|dsa|ecdsa|ed25519|xmss)(?:_sk)?|.*\.(?:ppk|pfx|p12|kdbx|jks|keystore)|\.[a-z]*_history|\.lesshst|\.viminfo"
)
_HARMLESS = frozenset({".env.example", ".env.sample", ".env.template"})


def is_private(name: str) -> bool:
    """Tell whether a file or directory of this name is there for whoever keeps the content, not for who gets it."""
    plain = name.lower()
    if plain in _HARMLESS:
        return False
    return plain in _VERSION_CONTROL or any(found.fullmatch(plain) for found in (_EDITORS, _SECRETS))


def is_bare_repository(place: Path) -> bool:
    """Tell whether a directory is a git repository without a working tree."""
    return all(os.path.lexists(place / name) for name in _BARE_GIT)
