"""A site that signs receipts, also bad ones."""

import hashlib
import json

from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from manifests.receipt import (
    RECEIPT_PAYLOAD_TYPE,
    document,
)
from manifests.schemas import strictjson
from tests.support.sites import realistic_receipt

SIGNER = CryptoSigner.generate_ed25519()


def resigned(change, signer=SIGNER):
    """Sign a document that no relay would write."""
    value = json.loads(document.encode_receipt(realistic_receipt(SIGNER)))
    change(value)
    payload = json.dumps(value).encode()
    envelope = Envelope(payload, RECEIPT_PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return strictjson.encode_json(envelope.to_dict())


def digests(count):
    return tuple(sorted(hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)))
