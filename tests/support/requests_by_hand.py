"""Requests without a socket."""

from __future__ import annotations

from relay.server.messages import Request, Response


class Fields:
    """Header fields in order; names in lower case, as the server gives them."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = [(name.lower(), value) for name, value in lines]

    def get_all(self, key: str) -> list[str]:
        return [value for name, value in self._lines if name == key]

    def __contains__(self, key: str) -> bool:
        return bool(self.get_all(key))


def get(path: str, *lines: tuple[str, str], query: str = "", method: str = "GET") -> Request:
    return Request(method, path, query, Fields(*lines))


def field(response: Response, name: str) -> str | None:
    """The one value of a field."""
    values = [value for key, value in response.headers if key == name]
    if len(values) > 1:
        raise ValueError(f"{name} stands {len(values)} times")
    return values[0] if values else None
