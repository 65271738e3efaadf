from __future__ import annotations

from collections.abc import Mapping

import pytest
from lxml import etree

from manifests.dsm import Account, Reply, signed_in
from manifests.errors import FetchError
from tests.support.dsm_replies import response, returned
from tests.support.dsm_simulator import envelope, fault_body

ACCOUNT = Account("sealift", "correct horse")


class Scripted:
    """A channel that answers from a script and remembers what it carried."""

    def __init__(self, *answers: Reply | FetchError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, data: bytes, _: Mapping[str, str]) -> Reply:
        element = etree.fromstring(data)[0][0]
        self.asked.append(f"{element.tag.partition('}')[2]} {element[-1].text}")
        answer = self.answers.pop(0)
        if isinstance(answer, FetchError):
            raise answer
        return answer


SIGNED_IN = returned("authenticate", "S1")


SIGNED_OUT = Reply(200, response("endSession"))


EXPIRED = Reply(500, envelope(fault_body("gone", '<fault6 xmlns="urn:Manager"/>')))


NO_PACKS = Reply(200, response("securityUpdateRetrieveAll"))


def test_a_session_is_ended_after_the_work_and_after_a_failure() -> None:
    channel = Scripted(SIGNED_IN, NO_PACKS, SIGNED_OUT)
    with signed_in(channel, ACCOUNT) as manager:
        assert manager.security_updates() == ()
    assert channel.asked == ["authenticate correct horse", "securityUpdateRetrieveAll S1", "endSession S1"]
    failing = Scripted(SIGNED_IN, FetchError("dsm.timeout", "silent"), FetchError("dsm.timeout", "silent"))
    with pytest.raises(FetchError) as caught, signed_in(failing, ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.timeout"
    assert failing.asked[-1] == "endSession S1"


def test_who_is_not_let_in_has_no_session_to_end() -> None:
    channel = Scripted(Reply(500, envelope(fault_body("no", '<fault2 xmlns="urn:Manager"/>'))))
    with pytest.raises(FetchError) as caught, signed_in(channel, ACCOUNT):
        pytest.fail("signed in")
    assert caught.value.code == "dsm.credentials"
    assert len(channel.asked) == 1


@pytest.mark.parametrize("inner", ["", "<authenticateReturn/>"])
def test_a_manager_that_gives_no_session_is_refused(inner: str) -> None:
    with pytest.raises(FetchError) as caught, signed_in(Scripted(Reply(200, response("authenticate", inner))), ACCOUNT):
        pytest.fail("signed in")
    assert caught.value.code == "dsm.answer"


def test_a_session_that_the_manager_ended_is_begun_anew_once() -> None:
    channel = Scripted(SIGNED_IN, EXPIRED, returned("authenticate", "S2"), NO_PACKS, SIGNED_OUT)
    with signed_in(channel, ACCOUNT) as manager:
        manager.security_updates()
    assert channel.asked[3:] == ["securityUpdateRetrieveAll S2", "endSession S2"]
    again = Scripted(SIGNED_IN, EXPIRED, SIGNED_IN, EXPIRED, SIGNED_OUT)
    with pytest.raises(FetchError) as caught, signed_in(again, ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.session-expired"


@pytest.mark.parametrize("secret", ["correct horse", "S1"])
def test_a_secret_that_the_manager_repeats_is_not_shown(secret: str) -> None:
    refused = Reply(500, envelope(fault_body(f"no right for {secret}", '<fault8 xmlns="urn:Manager"/>')))
    with pytest.raises(FetchError) as caught, signed_in(Scripted(SIGNED_IN, refused, SIGNED_OUT), ACCOUNT) as manager:
        manager.security_updates()
    assert caught.value.code == "dsm.rights"
    assert secret not in f"{caught.value}{caught.value.to_json()}"


def test_the_password_shows_nowhere() -> None:
    assert "correct horse" not in repr(ACCOUNT)
