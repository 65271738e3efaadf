"""Public key files that are not what they say."""

from __future__ import annotations

import hashlib
import json

import pytest
from securesystemslib.formats import encode_canonical

from bundler.keys import keyring as keys
from bundler.keys import public_keys
from manifests.errors import MalformedError


@pytest.mark.parametrize(
    "change",
    [
        {"keyid": "0" * 64},
        {"scheme": "rsa"},
        {"keyval": {"public": "00"}},
        {"keyval": {}},
        {"keyval": 3},
        {"more": 1},
        {"uri": 3},
    ],
)
def test_a_public_key_that_is_not_what_it_says_is_refused(tmp_path, change):
    keys.generate_key_files(tmp_path / "k.pem", None)
    path = tmp_path / "k.pub"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(MalformedError) as caught:
        public_keys.read_public_key(path)
    assert caught.value.code == "key.public"


@pytest.mark.parametrize("public", ["00", "zz", "", "0" * 63])
def test_a_key_that_nobody_could_verify_with_is_refused_under_its_own_key_id_too(tmp_path, public):
    described = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
    keyid = hashlib.sha256(encode_canonical(described).encode()).hexdigest()
    (tmp_path / "k.pub").write_text(json.dumps({"keyid": keyid, **described}))
    with pytest.raises(MalformedError) as caught:
        public_keys.read_public_key(tmp_path / "k.pub")
    assert caught.value.code == "key.public"
