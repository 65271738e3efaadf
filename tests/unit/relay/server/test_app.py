"""One view per request, and what is answered whatever is asked for."""

from __future__ import annotations

import pytest

from manifests.disk.blobs import Blob
from manifests.errors import StorageError
from relay.server.app import Application, send_response
from relay.server.messages import FilePart, Response
from tests.support.relay_server import NOW, SMALL, GivenViews, add, empty_view, sha256, view_of
from tests.support.requests_by_hand import field, get


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "BREW"])
def test_other_methods_are_405_and_name_the_allowed_ones(served, method):
    response = served[0].respond(get("/s/small.txt", method=method))
    assert (response.status, field(response, "allow")) == (405, "GET, HEAD")


def test_before_the_first_generation_content_is_503_and_says_when_to_try_again(store):
    response = Application(GivenViews(empty_view()), store, lambda: NOW, print).respond(get("/clamav/daily.cvd"))
    assert (response.status, field(response, "retry-after")) == (503, "30")


def test_while_stopping_everything_is_503(served):
    served[0].closing = True
    assert served[0].respond(get("/s/small.txt")).status == 503


def test_damage_is_reported_again_after_the_next_generation(served, store):
    application, damages = served
    store.path(sha256(SMALL)).unlink()
    application.respond(get("/s/small.txt"))
    application._views.view = view_of({"s/small.txt": (Blob(sha256(SMALL), len(SMALL)), NOW)}, generation=8)
    application.respond(get("/s/small.txt"))
    assert len(damages) == 2


class Sent:
    """What was handed to the server: the way it was handed over in, and with what."""

    def response_empty(self, *given):
        self.way, self.given = "empty", given

    def response_bytes(self, *given):
        self.way, self.given = "bytes", given

    def response_file(self, *given):
        self.way, self.given = "file", given

    def response_file_range(self, *given):
        self.way, self.given = "range", given


HEADERS = [("content-length", "3")]


@pytest.mark.parametrize(
    ("body", "head", "way", "given"),
    [
        (b"abc", False, "bytes", (b"abc",)),
        (b"abc", True, "empty", ()),
        (b"", False, "empty", ()),
        (FilePart("/f", 0, 9, 9), False, "file", ("/f",)),
        (FilePart("/f", 0, 8, 9), False, "range", ("/f", 0, 8)),
        (FilePart("/f", 0, 9, 9), True, "empty", ()),
    ],
)
def test_a_response_is_handed_over_in_the_cheapest_way(body, head, way, given):
    sent = Sent()
    send_response(sent, Response(200, HEADERS, body), head=head)
    assert (sent.way, sent.given) == (way, (200, HEADERS, *given))


def test_a_state_that_cannot_be_read_is_503_with_its_code_also_for_files(store):
    class Unreadable:
        def current(self):
            raise StorageError("state.io", "The disk fails")

    response = Application(Unreadable(), store, lambda: NOW, print).respond(get("/s/small.txt"))
    assert (response.status, response.body) == (503, b"The relay cannot read its state (state.io).\n")


def test_every_answer_is_counted_by_its_status_for_the_metrics(served):
    for path in ("/s/small.txt", "/s/small.txt", "/none"):
        served[0].respond(get(path))
    served[0].respond(get("/s/small.txt", method="POST"))
    lines = served[0].respond(get("/-/metrics")).body.decode().splitlines()
    assert [line for line in lines if line.startswith("sealift_responses_total{")] == [
        'sealift_responses_total{code="200"} 2',
        'sealift_responses_total{code="404"} 1',
        'sealift_responses_total{code="405"} 1',
    ]


def test_a_new_view_is_served_from_the_next_request_on(served, store):
    application = served[0]
    assert application.respond(get("/s/small.txt")).body == SMALL
    (new,) = add(store, b"new content")
    application._views.view = view_of({"s/small.txt": (new, NOW)}, generation=8)
    assert application.respond(get("/s/small.txt")).body == b"new content"
