"""Proposals as files that anybody may have written."""

from __future__ import annotations

import json

import pytest
from securesystemslib.signer import Signature

from bundler.ceremony.proposal import Proposal
from manifests.errors import NotAuthenticError
from tests.support.ceremony import OPEN, Site, refused


def forged(site: Site, change) -> bytes:
    value = json.loads(site.home.staged_root.read_bytes())
    change(value)
    return json.dumps(value).encode()


TAMPERED = {
    "another format": (lambda v: v.update(format="x"), "ceremony.format"),
    "another field": (lambda v: v.update(more=1), "ceremony.format"),
    "no current root": (lambda v: v.update(current=3), "ceremony.format"),
    "a version left out": (lambda v: v["proposed"]["signed"].update(version=3), "ceremony.format"),
    "another role": (lambda v: v["proposed"]["signed"].update(_type="targets"), "ceremony.format"),
    "a forged current root": (
        lambda v: v["current"]["signed"].update(expires="2030-01-01T00:00:00Z"),
        "ceremony.current",
    ),
    "an unsigned current root": (lambda v: v["current"].update(signatures=[]), "ceremony.current"),
    "a stranger's signature": (
        lambda v: v["proposed"]["signatures"].append({"keyid": "0" * 64, "sig": "00"}),
        "ceremony.signature",
    ),
    "a false signature": (
        lambda v: v["proposed"]["signatures"].append(
            {"keyid": v["proposed"]["signed"]["roles"]["root"]["keyids"][0], "sig": "00" * 64}
        ),
        "ceremony.signature",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_travelling_file_that_was_tampered_with_is_refused(tmp_path, how):
    change, code = TAMPERED[how]
    site = Site(tmp_path)
    site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    file = tmp_path / "forged.json"
    file.write_bytes(forged(site, change))
    site.ceremony.discard_proposal()
    before = site.state()
    with refused(code):
        site.ceremony.accept_copies([file])
    assert site.state() == before


def test_a_signed_copy_whose_root_was_changed_afterwards_is_refused(tmp_path):
    site = Site(tmp_path)
    outcome = site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    signed = outcome.proposal.signed_by(site.signers.of_repository(site.repository)("root"))
    value = json.loads(signed.encode())
    value["proposed"]["signed"]["roles"]["targets"]["threshold"] = 2
    with pytest.raises(NotAuthenticError) as caught:
        Proposal.decode(json.dumps(value).encode(), "x")
    assert caught.value.code == "ceremony.signature"


def test_a_signature_over_one_root_is_none_over_another(tmp_path):
    site = Site(tmp_path)
    outcome = site.key_changes(sign=False).rotate_keys("targets", None, None, OPEN)
    (keyid,) = site.keyids("root")
    with refused("ceremony.signature"):
        outcome.proposal.with_signatures([Signature(keyid, "00" * 64)], "x")
