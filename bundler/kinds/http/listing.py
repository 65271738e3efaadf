"""Directory listings as nginx and Apache make them: which files are below, and which directories."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urldefrag, urljoin, urlsplit

from bundler.fetch.fetcher import Fetcher
from bundler.fetch.urls import decoded_name, escape_stray_bytes, shown_url
from bundler.kinds.http.files import FoundFiles, RemoteFile
from bundler.sources.globs import EVERY_PATH, GlobSet
from manifests.errors import FetchError
from manifests.limits import MIB

_PAGE_BYTES = 8 * MIB
_PAGES = 500
"""Directories read of one index."""
_FILES = 50_000

# Not the library's parser: it fails on some markup, and takes hours for a page of broken tags. These look at each
# character a few times at most.
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\b|\Z)", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"<(?:title|h1)\b[^<>]*>([^<]*)", re.IGNORECASE)
_LINK = re.compile(r"<a\s([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*(?:=\s*("[^"]*"|'[^']*'|[^\s"']*))?""")


@dataclass(frozen=True)
class DirectoryIndex:
    """A directory that its server lists.

    Args:
        url: Ends in a slash.
        depth: How many levels of directories are read; 1 is the index alone.
    """

    url: str
    depth: int

    def find(self, fetcher: Fetcher, globs: GlobSet = EVERY_PATH) -> FoundFiles:
        """Return every file below that could be taken, sorted by path; other directories are not read.

        Raises:
            FetchError: ``http.listing`` when a page is no listing, lists nothing, or there is too much; or as
                :meth:`bundler.fetch.fetcher.Fetcher.document`.
        """
        files: dict[str, RemoteFile] = {}
        directories, pages, left_out = [(self.url, "", 1)], 0, 0
        while directories:
            url, directory, level = directories.pop()
            pages += 1
            page = fetcher.document(url, max_bytes=_PAGE_BYTES, html=True)
            for link, name in read_listing(fetcher.document_url(url), page, asked=url).items():
                path = directory + _decoded(self.url, name)
                if not name.endswith("/"):
                    _require_new(self.url, files.get(path), link)
                    files[path] = RemoteFile(link, path)
                elif level < self.depth:
                    wanted = globs.may_take_below(path.removesuffix("/"), deeper=level + 1 < self.depth)
                    directories += [(link, path, level + 1)] if wanted else []
                    left_out += not wanted
            if pages + len(directories) > _PAGES or len(files) > _FILES:
                raise FetchError(
                    "http.listing",
                    f"{shown_url(self.url)} lists more than is read",
                    need=f"at most {_PAGES:,} directories and {_FILES:,} files",
                    todo="exclude directories, lower depth, or choose a directory further down",
                )
        if not files and not left_out:
            raise FetchError("http.listing", f"{shown_url(self.url)} lists no file", todo="correct index or depth")
        return FoundFiles(tuple(files[path] for path in sorted(files)))


def read_listing(url: str, page: bytes, *, asked: str = "") -> Mapping[str, str]:
    """Return the links of a listing that lie directly below it, with their names; directories end in a slash.

    Args:
        url: The page's own, at the end of the redirects.
        page: Its HTML.
        asked: The URL that was asked for, where that is another: links may lie below it too.

    Raises:
        FetchError: ``http.listing`` when it does not call itself a listing: a sign-in page has links too.
    """
    text = _HIDDEN.sub("", escape_stray_bytes(page.decode("utf-8", "surrogateescape")))
    headings = [" ".join(html.unescape(match[1]).split()) for match in _HEADING.finditer(text)]
    if not any(heading.lower().startswith(("index of", "directory listing")) for heading in headings):
        raise FetchError(
            "http.listing",
            f"{shown_url(url)} is a web page, and not a directory listing",
            have=repr(headings[0][:80]) if headings else "a page without a title",
            need="a page titled “Index of …”, as nginx and Apache make it",
        )
    bases = tuple(dict.fromkeys(urljoin(base, ".") for base in (url, asked or url)))
    links = [link for match in _LINK.finditer(text) if (link := _reference(match[1]))]
    return dict(_below(url, bases, links))


def _reference(attributes: str) -> str:
    """Return the target of a link; empty when it has none."""
    values = (match[2] or "" for match in _ATTRIBUTE.finditer(attributes) if match[1].lower() == "href")
    return html.unescape(next(values, "").strip("\"'"))


def _below(url: str, bases: tuple[str, ...], links: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the links one level below, and how they are called there; all others are passed over.

    Those are the parent, sorting, and other places.
    """
    for link in links:
        try:
            target = urldefrag(urljoin(url, link.strip())).url
            base = next((base for base in bases if target.startswith(base)), target)
            sound = target != base and not urlsplit(target).query and "?" not in target
        except ValueError:
            continue
        name = target.removeprefix(base)
        if sound and "/" not in name.removesuffix("/"):
            yield target, name


def _require_new(index: str, known: RemoteFile | None, link: str) -> None:
    """Refuse two files that would be carried under one path, so that one of them would be lost.

    Raises:
        FetchError: ``http.listing``.
    """
    if known is not None and unquote_to_bytes(known.url) != unquote_to_bytes(link):
        raise FetchError(
            "http.listing",
            f"{shown_url(index)} lists two files that would get one path",
            have=f"{shown_url(known.url)} and {shown_url(link)}",
            need="a path for each",
            todo="have one of them renamed",
        )


def _decoded(index: str, name: str) -> str:
    """Return the name of a file or directory, decoded; a slash at its end stays.

    Raises:
        FetchError: ``http.listing`` when there is a slash in a name or it leads elsewhere.
    """
    plain = decoded_name(name.removesuffix("/"))
    if "/" in plain or plain in {".", ".."} or "\\" in plain:
        raise FetchError(
            "http.listing", f"{shown_url(index)} lists a name that leads elsewhere", have=repr(plain[:100])
        )
    return plain + "/" * name.endswith("/")
