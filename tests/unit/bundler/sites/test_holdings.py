"""What a receipt says that a site has."""

from securesystemslib.signer import CryptoSigner

from bundler.sites.holdings import Holdings, holdings_of
from tests.support.sites import receipt_of


def test_holdings_are_generations_without_what_is_damaged_and_what_has_arrived_beyond():
    signer = CryptoSigner.generate_ed25519()
    receipt = receipt_of(signer, without=("a" * 64,), pending_generation=4, pending_holds=("a" * 64, "b" * 64))
    assert holdings_of(receipt) == Holdings(frozenset({1, 2, 3}), frozenset({"a" * 64}), frozenset({"b" * 64}))
    assert holdings_of(receipt_of(signer, generations=())) == Holdings()
