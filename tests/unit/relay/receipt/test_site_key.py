"""The site's key: made once, and by one process."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from manifests.errors import ConfigurationError
from relay.home import Home
from relay.receipt.site_key import open_site_key, site_key_file


def test_processes_that_ask_at_once_get_the_same_key(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        keys = {signer.public_key.keyid for signer in pool.map(lambda _: open_site_key(Home(tmp_path)), range(4))}
    assert len(keys) == 1


def rsa():
    return generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"no key", rsa()], ids=["empty", "text", "rsa"])
def test_what_is_no_ed25519_key_is_refused_and_stays(tmp_path, content):
    path = site_key_file(Home(tmp_path))
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        open_site_key(Home(tmp_path))
    assert caught.value.code == "sitekey.damaged"
    assert path.read_bytes() == content
