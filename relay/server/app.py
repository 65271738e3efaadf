"""The RSGI application: one view per request, and the answer handed to the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from manifests.clock import Clock
from manifests.disk.blobs import BlobStore
from manifests.errors import SealiftError
from relay.server.content import DamagedBlob, FileResponder, Representation, represent_file
from relay.server.messages import (
    FilePart,
    Request,
    RequestHeaders,
    Response,
    not_found_response,
    text_response,
    unavailable_response,
)
from relay.server.pages.page import PageRequest
from relay.server.routes import MetadataFile, StoredFile, resolve_path
from relay.server.view import View

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_METHODS = ("GET", "HEAD")
_KNOWN_PATHS = 8192
"""Answers prepared in the present view; some 2 KiB each."""


class ViewProvider(Protocol):
    """Something that has the newest view, such as :class:`relay.server.view.Views`."""

    def current(self) -> View:
        """Return the newest view."""


class Application:
    """Everything that is served. Lives in one event loop.

    Args:
        views: Asked once per request.
        blobs: The content.
        clock: Tells how old what is served is.
        on_damage: Told once of each blob that is missing or has the wrong size, again after the next generation.
    """

    def __init__(
        self, views: ViewProvider, blobs: BlobStore, clock: Clock, on_damage: Callable[[DamagedBlob], None]
    ) -> None:
        self.closing = False
        self._views = views
        self._files = FileResponder(blobs, self._damaged)
        self._clock = clock
        self._on_damage = on_damage
        self._reported: set[tuple[int, str]] = set()
        self._view: View | None = None
        self._known: dict[str, Representation] = {}
        self._counts: dict[int, int] = {}

    def respond(self, request: Request) -> Response:
        """Return the answer to a request."""
        response = self._respond(request)
        self._counts[response.status] = self._counts.get(response.status, 0) + 1
        return response

    def _respond(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return text_response(405, "Read only.\n", [("allow", ", ".join(_METHODS))])
        if self.closing:
            return unavailable_response("The relay is stopping.")
        try:
            view = self._views.current()
        except SealiftError as error:
            return unavailable_response(f"The relay cannot read its state ({error.code}).")
        if view is not self._view:
            self._view = view
            self._known = {}
        known = self._known.get(request.path)
        if known is not None:
            return self._files.answer_request(request, known)
        return self._look_up(request, view)

    def _look_up(self, request: Request, view: View) -> Response:
        resource = resolve_path(view, request.path)
        if isinstance(resource, StoredFile | MetadataFile):
            if len(self._known) >= _KNOWN_PATHS:
                self._known.clear()
            known = self._known[request.path] = represent_file(resource)
            return self._files.answer_request(request, known)
        if resource == "absent":
            return not_found_response()
        if resource == "not-yet":
            return unavailable_response("No generation has been imported yet.")
        return resource(PageRequest(request, view, self._clock(), self._counters()))

    def _counters(self) -> dict[str, int]:
        return {f'sealift_responses_total{{code="{status}"}}': count for status, count in self._counts.items()}

    def _damaged(self, damage: DamagedBlob) -> None:
        key = (0 if self._view is None else self._view.status.generation, damage.sha256)
        if key not in self._reported:
            self._reported.add(key)
            self._on_damage(damage)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request of the server."""
        request = Request(scope.method, scope.path, scope.query_string, cast("RequestHeaders", scope.headers))
        send_response(protocol, self.respond(request), head=scope.method == "HEAD")


def send_response(protocol: HTTPProtocol, response: Response, *, head: bool) -> None:
    """Hand a response to the server; HEAD has the same fields and no content."""
    body = response.body
    if head or not body:
        protocol.response_empty(response.status, response.headers)
    elif isinstance(body, bytes):
        protocol.response_bytes(response.status, response.headers, body)
    elif body.end - body.start == body.size:
        protocol.response_file(response.status, response.headers, body.path)
    else:
        protocol.response_file_range(response.status, response.headers, body.path, body.start, body.end)


__all__ = ["Application", "DamagedBlob", "FilePart", "ViewProvider", "send_response"]
