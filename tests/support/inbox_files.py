"""Files as they lie in an inbox: small zips that begin like a bundle, and others."""

from __future__ import annotations

import io
import zipfile


def zip_bytes(*names: str, payload: bytes = b"payload" * 100, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), payload)
        archive.comment = comment
    return buffer.getvalue()


BUNDLE = zip_bytes("manifest.json", "manifest.sig.json", "tuf/1.root.json", "blobs/aa")
SMALL = zip_bytes("manifest.json", "manifest.sig.json", payload=b"{}")
