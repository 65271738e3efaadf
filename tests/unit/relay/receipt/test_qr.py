"""QR codes on a terminal."""

import pytest
import segno
from securesystemslib.signer import CryptoSigner

from manifests.receipt import MAX_TEXT_CHARACTERS, receipts_from_texts, sign_receipt
from relay.receipt import qr
from tests.support.sites import realistic_receipt, receipt_of

SIGNER = CryptoSigner.generate_ed25519()
_HALVES = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}


def modules(drawn):
    """Read the dark modules back from the half blocks, without the border."""
    rows = []
    for line in drawn.splitlines():
        upper, lower = zip(*(_HALVES[block] for block in line), strict=True)
        rows += [upper, lower]
    edge = qr.BORDER_MODULES
    size = len(rows[0])
    return [list(row[edge : size - edge]) for row in rows[edge : size - edge]]


@pytest.mark.parametrize(("version", "characters"), sorted(qr._CAPACITY.items()))
def test_the_table_of_capacities_is_that_of_the_standard(version, characters):
    def made(count):
        return segno.make_qr("A" * count, error="l", boost_error=False).version

    assert made(characters) == version
    if version < 40:
        assert made(characters + 1) == version + 1


@pytest.mark.parametrize(
    ("columns", "lines", "version"),
    [(80, 24, 5), (80, 25, 6), (128, 48, 15), (240, 67, 25), (400, 200, 40), (20, 10, 4)],
)
def test_a_code_is_as_large_as_the_terminal_shows_whole(columns, lines, version):
    assert qr.find_capacity(columns, lines) == qr._CAPACITY[version]
    drawn = qr.draw_code("A" * qr.find_capacity(columns, lines), colours=False).splitlines()
    if version > 4:
        assert len(drawn) + 1 < lines
        assert len(drawn[0]) <= columns


def test_what_is_drawn_is_the_code_of_the_text():
    text = "SEALIFT1:1/1:ABC $%*+-./:"
    code = segno.make_qr(text, error="l")
    assert code.mode == "alphanumeric"
    assert modules(qr.draw_code(text, colours=False)) == [list(row) for row in code.matrix]


def test_a_terminal_gets_white_on_black_whatever_its_colours_are():
    lines = qr.draw_code("A", colours=True).splitlines()
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in lines)


def test_a_small_console_gets_a_sequence_and_a_large_receipt_as_few_codes_as_there_can_be():
    realistic = sign_receipt(realistic_receipt(SIGNER), SIGNER)
    texts = qr.split_for_screen(realistic, 80, 25)
    assert 5 <= len(texts) <= 12
    assert max(map(len, texts)) <= qr.find_capacity(80, 25)
    assert receipts_from_texts(texts) == (realistic,)
    large = sign_receipt(receipt_of(SIGNER, without=tuple(f"{number:064x}" for number in range(2000))), SIGNER)
    assert max(map(len, qr.split_for_screen(large, 20, 10))) <= MAX_TEXT_CHARACTERS
    assert len(qr.split_for_screen(realistic, 101, 55)) == 1
