"""What somebody acts on when files beside others are checked."""

from __future__ import annotations

from manifests.errors import NotAuthenticError


class WrongSignatureError(NotAuthenticError):
    """A signature, of whatever program, is not that of this file by this key: ``http.signature``.

    Its file may have been replaced between the two: both are fetched once more.
    """
