"""The slip as plain text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.report.slip.content import (
    Slip,
    SourceLine,
    abridge_absent,
    abridge_sources,
    digest_groups,
    has_licences,
    moment_text,
    top_roles,
    totals_text,
)
from manifests.text import count_text, fit_text, printable, size_text, wrap_text

COLUMNS = 78
_LABEL = 14


def render_text(slip: Slip) -> str:
    """Write the slip as text, ending with a newline."""
    lines = [*_head(slip), "", *_files(slip), "", *_trust(slip), "", *_sources(slip), *_absent(slip)]
    if slip.notes:
        lines += ["", *_notes(slip)]
    lines += ["", *_compare(slip), "", *_signatures()]
    return "".join(printable(line.rstrip()) + "\n" for line in lines)


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{fit_text(text, COLUMNS - _LABEL)}"


def _head(slip: Slip) -> Iterator[str]:
    yield "TRANSFER SLIP"
    yield "=" * COLUMNS
    yield _row("Publisher", slip.publisher)
    yield _row("Version", f"{slip.version}, {slip.kind}")
    yield _row("Sealed", f"{moment_text(slip.created)} by {slip.tool}")
    yield _row("Holds", totals_text(slip))


def _files(slip: Slip) -> Iterator[str]:
    count = len(slip.volumes)
    yield "ON THE STICK" + (f": {count_text(count, 'volume')}, in any order" if count > 1 else "")
    for volume in slip.volumes:
        yield f"[ ] {volume.name}"
        yield f"    {count_text(volume.length, 'byte')}; sha256:"
        yield "    " + " ".join(digest_groups(volume.sha256))
    if slip.recovery is not None:
        yield from wrap_text("Recovery data: ", slip.recovery, COLUMNS)


def _trust(slip: Slip) -> Iterator[str]:
    yield "TRUST"
    for keyid in slip.keyids:
        yield _row("Signed by key", keyid)
    if slip.roles:
        yield _row("Runs out", f"{moment_text(slip.roles[0].expires_at)} ({slip.roles[0].role}); import it before then")
        ends = ", ".join(f"{end.role} {end.expires_at:%Y-%m-%d}" for end in top_roles(slip))
        yield from wrap_text(f"{'Roles end':<{_LABEL}}", ends, COLUMNS)


def _sources(slip: Slip) -> Iterator[str]:
    since = "" if slip.previous is None else f"; changes since version {slip.previous}"
    yield f"SOURCES{', LICENCES' if has_licences(slip) else ''}{since}"
    shown, rest = abridge_sources(slip.sources)
    for source in shown:
        yield from _source(source)
        yield from _changes(source)
    if rest:
        total = sum(source.length for source in rest)
        yield _source_line(count_text(len(rest), "more source"), sum(s.files for s in rest), total)


def _source_line(name: str, files: int, length_bytes: int) -> str:
    noun = "file " if files == 1 else "files"
    return f"{name:<26} {files:>9,} {noun} {size_text(length_bytes):>12}"


def _absent(slip: Slip) -> Iterator[str]:
    """Name what was meant to be there."""
    shown, more = abridge_absent(slip)
    for name, failure in shown:
        yield f"{fit_text(name, 26):<26} MISSING: nothing of it could be had"
        yield from wrap_text("    ", failure, COLUMNS)
    if more:
        yield f"and {more:,} more MISSING: bundle inspect names them"


def _source(source: SourceLine) -> Iterator[str]:
    """Write the line of a source, with its licence at the end where that has the room, else below."""
    line = _source_line(fit_text(source.name, 26), source.files, source.length)
    if source.licence is None:
        yield line
    elif fit_text(both := f"{line}  {source.licence}", COLUMNS) == both:
        yield both
    else:
        yield line
        yield fit_text(f"    licence: {source.licence}", COLUMNS)


def _changes(source: SourceLine) -> Iterator[str]:
    if source.age_days is not None:
        yield f"    LAST GOOD CONTENT, {count_text(source.age_days, 'day')} old: the newest pull failed"
    if source.changes is not None:
        parts = [f"files: {source.changes}", *(f"{name} rules: {counts}" for name, counts in source.rules)]
        yield from wrap_text("    ", "; ".join(parts), COLUMNS)


def _notes(slip: Slip) -> Iterator[str]:
    yield "RELEASE NOTES"
    for line in slip.notes:
        yield from (fit_text(part, COLUMNS) for part in wrap_text("", line, COLUMNS))
    if slip.more_notes:
        yield f"(and {count_text(slip.more_notes, 'more line')} in notes.md)"


def _compare(slip: Slip) -> Iterator[str]:
    name = slip.volumes[0].name if len(slip.volumes) == 1 else "FILE"
    yield "TO COMPARE, before the stick crosses and after:"
    yield f"  sha256sum {name}"
    yield f"  certutil -hashfile {name} SHA256"
    yield "  The relay checks signatures and digests by itself. This page is for people."


def _signatures() -> Iterator[str]:
    half = COLUMNS // 2 - 1
    yield f"{'HANDED OVER BY':<{half}}  TAKEN OVER BY"
    for label in ("Name", "Date", "Signature"):
        line = f"{label:<10}" + "_" * (half - 10)
        yield ""
        yield f"{line}  {line}"
