"""Records of sites on disk."""

import json

import pytest
from securesystemslib.signer import CryptoSigner

from bundler.sites.registry import Sites
from manifests.errors import ConfigurationError
from tests.support.sites import ours, take


def test_a_record_that_was_changed_on_disk_is_not_believed(home, forge, north):
    take(home, ours(forge, north, name="north"))
    (path,) = (home.path / "sites").glob("*")
    good = path.read_bytes()
    value = json.loads(good)
    others = ours(forge, CryptoSigner.generate_ed25519())
    for bad in (
        b"{",
        json.dumps({**value, "format": "x"}).encode(),
        json.dumps({**value, "name": 3}).encode(),
        json.dumps({**value, "receipt": "AAAA"}).encode(),
        json.dumps({key: item for key, item in value.items() if key != "name"}).encode(),
        good.replace(b'"name": "north"', b'"name": "../.."'),
    ):
        path.write_bytes(bad)
        with pytest.raises(ConfigurationError) as refused:
            Sites.load(home)
        assert refused.value.code == "sites.damaged"
    path.unlink()
    take(home, others)
    (path,) = (home.path / "sites").glob("*")
    path.rename(path.with_name(f"{north.public_key.keyid}.json"))
    with pytest.raises(ConfigurationError) as refused:
        Sites.load(home)
    assert refused.value.code == "sites.damaged"
