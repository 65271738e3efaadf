"""Receipts as people bring them: files of ``relay receipt --out``, or texts scanned off QR codes, in any mixture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from manifests.disk.durable import storage_errors
from manifests.errors import SealiftError
from manifests.limits import MIB
from manifests.receipt.texts import receipts_from_texts

MAX_INPUT_BYTES = 4 * MIB
"""Ceiling on one file of scanned texts, notes of a phone among them; the largest receipt is a quarter of that."""


@dataclass(frozen=True)
class BroughtReceipts:
    """The receipts among some files; nothing of them is verified yet.

    Args:
        receipts: The bytes of each receipt file, each once, in the order in which they were found.
        oversized: Names of the files that are larger than any receipt.
        refusal: What is wrong with the scanned texts; the receipts are complete but for theirs.
    """

    receipts: tuple[bytes, ...]
    oversized: tuple[str, ...] = ()
    refusal: SealiftError | None = None


def read_receipts(files: Iterable[BinaryIO]) -> BroughtReceipts:
    """Read the receipts out of open files, each a receipt file or texts of QR codes.

    Texts may stand in any order and be spread over any of the files, with a byte order mark or without. What is
    wrong with them keeps no receipt file out.

    Args:
        files: Open for reading, each with its name.

    Raises:
        StorageError: A file cannot be read.
    """
    receipts: list[bytes] = []
    oversized: list[str] = []
    lines: list[str] = []
    for file in files:
        with storage_errors(Path(file.name)):
            data = file.read(MAX_INPUT_BYTES + 1)
        if len(data) > MAX_INPUT_BYTES:
            oversized.append(file.name)
        elif data.lstrip().startswith(b"{"):
            receipts.append(data)
        else:
            lines += data.decode("utf-8-sig", "replace").splitlines()
    refusal: SealiftError | None = None
    try:
        receipts += receipts_from_texts(lines)
    except SealiftError as error:
        refusal = error
    return BroughtReceipts(tuple(dict.fromkeys(receipts)), tuple(oversized), refusal)
