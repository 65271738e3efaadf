"""Checksum files as their tools write them, and which line is about a file."""

from __future__ import annotations

import hashlib
import time

import pytest

from bundler.sources.checksum_list import ChecksumList, parse_checksum_file
from manifests.errors import FetchError

BODY = b"ioc,1\n"
SHA = hashlib.sha256(BODY).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
SHA512 = hashlib.sha512(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
GROUPS = " ".join(SHA.upper()[at : at + 8] for at in range(0, 64, 8))
PAIRS = " ".join(SHA[at : at + 2] for at in range(0, 64, 2))
TABLE = f"""
Algorithm       Hash                                                                   Path
---------       ----                                                                   ----
SHA256          {SHA.upper()}       C:\\dist\\iocs.csv
SHA256          {OTHER.upper()}       C:\\dist\\b.csv
"""
RECORDS = f"""
Algorithm : SHA256
Hash      : {SHA.upper()[:60]}
            {SHA.upper()[60:]}
Path      : C:\\a\\very\\long\\pa
            th\\iocs.csv

Algorithm : SHA256
Hash      : {OTHER}
Path      : C:\\b.csv
"""
CLEARSIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

{SHA}  iocs.csv
{OTHER}  b.csv
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEE
=abcd
-----END PGP SIGNATURE-----
"""
ONE = f"\n{OTHER}  b.csv\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{SHA}  iocs.csv{ONE}",
        f"  {SHA.upper()} *iocs.csv{ONE}",
        f"{SHA}\tiocs.csv{ONE}",
        f"{SHA} ?iocs.csv{ONE}",
        f"{SHA} ./dist/iocs.csv{ONE}",
        f"{SHA}  C:\\dist\\iocs.csv{ONE}",
        f"\\{SHA}  C:\\\\dist\\\\iocs.csv{ONE}",
        f"# sums\n; more\n\n{SHA}  iocs.csv{ONE}",
        f"SHA256:\n {SHA}     1234 main/iocs.csv\n {OTHER} 12 main/b.csv\n",
        f"MD5 (iocs.csv) = {MD5}\nSHA256 (iocs.csv) = {SHA}\nSHA512 (iocs.csv) = {SHA512}\n",
        f"SHA3-256 (iocs.csv) = {OTHER}\nBLAKE2s256 (iocs.csv) = {OTHER}\nSHA256 (iocs.csv) = {SHA}\n",
        f"SM3 (iocs.csv) = {OTHER}\nSHA512/256 (iocs.csv) = {OTHER}\nSHA256 (iocs.csv) = {SHA}\n",
        f"\\SHA256 (dist\\\\iocs.csv) = {SHA}{ONE}",
        f"SHA256(iocs.csv)= {SHA}{ONE}",
        f"SHA2-256(iocs.csv)= {SHA}{ONE}",
        f"SHA2-256(stdin)= {SHA}\n",
        f"(stdin)= {SHA}\n",
        f"{SHA}  -\n",
        f"{SHA} *-\n",
        SHA,
        f"\ufeff{SHA}  iocs.csv\r\n",
        f"# iocs.csv\n{SHA}\n",
        f"# SHA-256 of the release\n{SHA}\n",
        f"# b.csv\n{OTHER}\n# iocs.csv\n{SHA}\n",
        f"SHA256 hash of iocs.csv:\r\n{SHA}\r\nCertUtil: -hashfile command completed successfully.\r\n",
        f"SHA256 hash of file iocs.csv:\r\n{PAIRS}\r\nCertUtil: -hashfile command completed successfully.\r\n",
        f"SHA256-Hash von iocs.csv:\r\n{SHA}\r\nCertUtil: ok.\r\nSHA256-Hash von b.csv:\r\n{OTHER}\r\n",
        TABLE,
        RECORDS,
        f"Hash\r\n----\r\n{SHA.upper()}\r\n",
        f'"Algorithm","Hash","Path"\n"SHA256","{SHA}","C:\\x\\iocs.csv"\n"SHA256","{OTHER}","C:\\x\\b.csv"\n',
        f"iocs.csv: {GROUPS[:36]}\n          {GROUPS[36:]}\nb.csv: {OTHER}\n",
        f"iocs.csv:\n  {GROUPS}\n",
        f"iocs.csv: {SHA}\nb.csv: {OTHER}\n",
        f"iocs.csv {SHA}\nb.csv {OTHER}\n",
        f"sha256:{SHA}",
        f"SHA256: {SHA}",
        f"sha256:{SHA}  iocs.csv\nsha256:{OTHER}  b.csv\n",
        CLEARSIGNED,
        f"untrusted comment: verify with feed.pub\nRWQ=\nSHA256 (iocs.csv) = {SHA}\nSHA256 (b) = {OTHER}\n",
        f"{SHA}  iocs.csv\n{OTHER}  old/iocs.csv\n",
        f"{SHA}  iocs-2026.11.csv\n{OTHER}  other-2026.11.csv\n",
        f"{SHA}  iocs_v1.2-rc1.csv\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_every_tools_checksum_file_is_read(text: str, encoding: str) -> None:
    assert parse_checksum_file(text.encode(encoding), "sha256", "rel/iocs.csv", name="sums").digest == SHA


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (f"{SHA}  a/x.rules\n{OTHER}  b/x.rules\n", ["/feed/a/x.rules", "x.rules"]),
        (f"{OTHER}  a/x.rules\n{SHA}  x.rules\n", ["/x.rules"]),
        (f"{SHA}  iocs.csv\n{OTHER}  download.csv\n", ["/download", "iocs.csv"]),
        (f"{SHA}  theirs.csv\n{OTHER}  ours.csv\n", ["/theirs.csv", "ours.csv"]),
        (f"{SHA}  iocs-2026.11.csv\n", ["/latest"]),
        (f"{SHA}  iocs.csv\n", ["/iocs-2026.11.csv"]),
        (f"{SHA}  t_1.2_linux_amd64.tar.gz\n{OTHER}  t_1.2_linux_arm64.tar.gz\n", ["/t_linux_amd64.tar.gz"]),
        (f'{SHA}  "my iocs.csv"\n{OTHER}  iocs.csv\n', ["/my iocs.csv"]),
    ],
)
def test_of_several_lines_the_one_that_agrees_most_with_the_files_path_counts(text: str, paths: list[str]) -> None:
    assert parse_checksum_file(text.encode(), "sha256", *paths, name="sums").digest == SHA


@pytest.mark.parametrize(
    ("text", "have"),
    [
        ("", "an empty file"),
        (f"SHA3-256 (a) = {SHA}", "'SHA3-256 (a) = "),
        (f"SHA512/256(a)= {SHA}", "'SHA512/256(a)= "),
        (f"{SHA}  b/a\n{OTHER}  c/a\n", "2 different digests for it"),
        (f"{SHA}\n{OTHER}  b\n", "2 digests of other files"),
        (f"{SHA}  other.rules\n", "1 digest of another file"),
        (f"{SHA}  a-1\n{OTHER}  a-2\n", "2 different digests for it"),
        (f"{SHA[:-1]}  a\n", repr(SHA[:-1])[:-1]),
        (f"{SHA}0  a\n", repr(SHA)[:-1]),
        (f"<p><code>{SHA}</code></p>", "'<p><code>"),
    ],
)
def test_a_list_that_does_not_say_which_digest_is_refused_with_what_it_has(text: str, have: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_checksum_file(text.encode(), "sha256", "a", name="sums")
    assert caught.value.code == "http.checksum-format"
    assert caught.value.have is not None
    assert caught.value.have.startswith(have)


@pytest.mark.parametrize("begin", ["Algorithm : SHA256\nHash : ", f"{SHA}  ", "SHA256 (", "a:", "\\"])
@pytest.mark.parametrize("filler", [" ", "(", "a ", "\n ", "=", "\\", "ab\n  "])
def test_no_list_takes_longer_than_its_length(begin: str, filler: str) -> None:
    began = time.process_time()
    ChecksumList.read((begin + filler * 100_000 + "!").encode(), "sha256", name="sums")
    assert time.process_time() - began < 10
