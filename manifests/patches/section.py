"""One stretch of a patch file, stored as it is or as one zstd frame, read in order and within bounds."""

from __future__ import annotations

from typing import BinaryIO

from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdDict, ZstdError

from manifests.errors import MalformedError

READ_BYTES = 64 * 1024
"""Bytes read from the file, and made from them, at a time."""

MAX_NUMBER = 2**63 - 1


def malformed_patch(detail: str) -> MalformedError:
    """Return the refusal of a patch that breaks its format."""
    return MalformedError("patch.format", f"A patch breaks its format: {detail}", todo="ask for a full bundle")


class PatchSection:
    """Reads ``length`` bytes of content from a stretch of ``file``; in memory are one buffer and zstd's window.

    Args:
        file: The patch; sections share it, each knows its own place.
        offset: Where the stretch begins.
        stored_length: Its bytes in the file.
        length: Bytes of content.
        window_log: Largest window of a zstd frame that is accepted, as a power of two; ``None`` when the content
            is stored as it is.
        base: What the frame may refer to.
    """

    def __init__(
        self, file: BinaryIO, offset: int, stored_length: int, length: int, *,
        window_log: int | None, base: ZstdDict | None = None,
    ) -> None:  # fmt: skip
        self.left = length
        self._file, self._offset, self._stored_left = file, offset, stored_length
        self._buffer, self._at = b"", 0
        self._zstd = None
        if window_log is not None:
            options = {int(DecompressionParameter.window_log_max): window_log}
            self._zstd = ZstdDecompressor(None if base is None else base.as_prefix, options)
        elif stored_length != length:
            raise malformed_patch("a stored section has two lengths")

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes.

        Raises:
            MalformedError: ``patch.format`` when the section ends before, or is no zstd frame that we accept.
        """
        if size > self.left:
            raise malformed_patch("a section is too short")
        self.left -= size
        end = self._at + size
        if end <= len(self._buffer):
            piece = self._buffer[self._at : end]
            self._at = end
            return piece
        pieces = [self._buffer[self._at :]]
        missing = size - len(pieces[0])
        while missing > 0:
            self._buffer = self._more()
            pieces.append(self._buffer[:missing])
            self._at = len(pieces[-1])
            missing -= self._at
        return b"".join(pieces)

    def number(self, tag_bits: int = 0) -> tuple[int, int]:
        """Return the next variable-length number and the tag in its first byte's high bits.

        Seven bits a byte, highest first, high bit set while more follow; in the first byte the tag stands above.
        """
        byte = self.read(1)[0]
        tag, more = byte >> (8 - tag_bits), 0x80 >> tag_bits
        value = byte & (more - 1)
        while byte & more:
            more = 0x80
            byte = self.read(1)[0]
            value = value << 7 | byte & 0x7F
            if value > MAX_NUMBER:
                raise malformed_patch("a number is too large")
        return tag, value

    def finish(self) -> None:
        """Check that the section ends here, frame and stretch alike."""
        if self.left or self._at != len(self._buffer):
            raise malformed_patch("a section is longer than what uses it")
        if self._zstd is None:
            return
        while not self._zstd.eof:
            if self._inflate():
                raise malformed_patch("a section is longer than it says")
        if self._stored_left or self._zstd.unused_data:
            raise malformed_patch("something stands behind a section")

    def _more(self) -> bytes:
        if self._zstd is None:
            return self._stored()
        while not (piece := self._inflate()):
            pass
        return piece

    def _inflate(self) -> bytes:
        if self._zstd is None or self._zstd.eof:
            raise malformed_patch("a section ends early")
        try:
            return self._zstd.decompress(self._stored() if self._zstd.needs_input else b"", READ_BYTES)
        except ZstdError as error:
            raise malformed_patch(str(error)) from error

    def _stored(self) -> bytes:
        size = min(READ_BYTES, self._stored_left)
        self._file.seek(self._offset)
        piece = self._file.read(size)
        if not piece or len(piece) != size:
            raise malformed_patch("it ends early")
        self._offset += size
        self._stored_left -= size
        return piece
