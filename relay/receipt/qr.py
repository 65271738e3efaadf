"""QR codes on a terminal: each text as half blocks, as large as the screen allows."""

from __future__ import annotations

from bisect import bisect_right
from io import StringIO

from manifests.errors import MalformedError
from manifests.receipt import MAX_TEXT_CHARACTERS, receipt_to_texts

_CAPACITY = {4: 114, 5: 154, 6: 195, 7: 224, 8: 279, 9: 335, 10: 395, 15: 758, 20: 1249, 25: 1853, 30: 2520}
_CAPACITY[40] = MAX_TEXT_CHARACTERS
"""Characters by version: alphanumeric mode, error correction L (ISO/IEC 18004, table 7)."""

BORDER_MODULES = 2
"""Light margin. The standard asks for 4; phones read 2, and every row counts on a console of 25 lines."""
_CAPTION_LINES = 2

_BLACK_ON_WHITE = ("\x1b[97;40m", "\x1b[0m")
"""Light modules are drawn as blocks: white ones on black, whatever the terminal's own colours are."""


def find_capacity(columns: int, lines: int) -> int:
    """Return how many characters the largest code holds that such a terminal shows whole.

    A terminal too small for any code of the table gets the smallest one; it has to be scrolled.
    """
    modules = min(columns, 2 * (lines - _CAPTION_LINES)) - 2 * BORDER_MODULES
    versions = list(_CAPACITY)
    place = bisect_right(versions, (modules - 17) // 4)
    return _CAPACITY[versions[max(place - 1, 0)]]


def draw_code(text: str, *, colours: bool) -> str:
    """Draw one text as a QR code; ``colours`` for a terminal, plain for a file."""
    import segno

    out = StringIO()
    code = segno.make_qr(text, error="l", boost_error=True)
    code.terminal(out, border=BORDER_MODULES, compact=True)
    rows = out.getvalue().splitlines()
    before, after = _BLACK_ON_WHITE if colours else ("", "")
    return "".join(f"{before}{row}{after}\n" for row in rows)


def split_for_screen(data: bytes, columns: int, lines: int) -> tuple[str, ...]:
    """Return a receipt's texts, each for one code that the terminal shows whole; more to a code if that is too many.

    Raises:
        MalformedError: ``receipt.too-large``.
    """
    try:
        return receipt_to_texts(data, find_capacity(columns, lines))
    except MalformedError:
        return receipt_to_texts(data)
