"""Media types by file name. Pages and scripts are plain text: nothing that is carried runs under the relay's name."""

from __future__ import annotations

_BYTES = "application/octet-stream"
_TEXT = """
    txt text md csv ini conf cfg list map yml yaml toml rules rule config yar yara sh html htm svg js css
    sig sign asc md5 sha1 sha256 sha512 hdb hsb mdb msb ndb ldb ldu hdu ndu fp sfp ign ign2
"""
_TYPES = dict.fromkeys(_TEXT.split(), "text/plain") | {
    "json": "application/json",
    "xml": "application/xml",
    "zip": "application/zip",
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "7z": "application/x-7z-compressed",
    "tar": "application/x-tar",
    "pem": "application/x-pem-file",
}


def content_type(name: str) -> str:
    """Return the media type of a file; an unknown ending is just bytes, and no character set is guessed."""
    _, dot, ending = name.rpartition("/")[2].rpartition(".")
    return _TYPES.get(ending.lower(), _BYTES) if dot else _BYTES
