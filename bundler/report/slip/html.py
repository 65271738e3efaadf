"""The slip as one HTML page for A4 or Letter that needs nothing but itself."""

from __future__ import annotations

import html
from collections.abc import Iterable

from bundler.report.slip.content import (
    ChangeCounts,
    Slip,
    SlipVolume,
    SourceLine,
    abridge_absent,
    abridge_sources,
    digest_groups,
    has_licences,
    moment_text,
    top_roles,
    totals_text,
)
from manifests.text import count_text, fit_text, printable, size_text

_STYLE = """
@page { size: auto; margin: 12mm 15mm; }
* { box-sizing: border-box; margin: 0; padding: 0; }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { font: 9.5pt/1.4 "Helvetica Neue", Arial, "Liberation Sans", sans-serif; color: #111; background: #fff;
  max-width: 182mm; margin: 0 auto; font-variant-numeric: tabular-nums; }
@media screen { body { padding: 10mm 0; } }
header { display: flex; justify-content: space-between; align-items: flex-end; border-bottom: 2pt solid #111;
  padding-bottom: 2.5mm; }
h1 { font-size: 21pt; line-height: 1.1; font-weight: 700; overflow-wrap: anywhere; }
header p { font-size: 8pt; letter-spacing: .14em; text-transform: uppercase; color: #555; }
header div:last-child { text-align: right; white-space: nowrap; padding-left: 8mm; }
header b { font-size: 21pt; line-height: 1.1; }
h2 { font-size: 8pt; letter-spacing: .1em; text-transform: uppercase; color: #555; font-weight: 700;
  margin: 4.5mm 0 1mm; }
h2 small { font-size: 8pt; letter-spacing: 0; text-transform: none; font-weight: 400; }
dl { display: grid; grid-template-columns: 28mm 1fr; }
.facts { margin-top: 3mm; }
dt { color: #555; }
dd { overflow-wrap: anywhere; }
code { font: 8.6pt/1.45 "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .9mm 3mm .9mm 0; border-bottom: .4pt solid #bbb; }
th { font-size: 8pt; font-weight: 400; color: #555; border-bottom-color: #111; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.name { overflow-wrap: anywhere; }
.volume { display: grid; grid-template-columns: 7mm 1fr auto; padding: 1.4mm 0; border-top: .4pt solid #bbb;
  break-inside: avoid; }
.volume:last-of-type { border-bottom: .4pt solid #bbb; }
.volume .box { width: 3.6mm; height: 3.6mm; border: .8pt solid #111; margin-top: .6mm; }
.volume .digest { grid-column: 2 / 4; }
.volume small { font-size: 8pt; color: #555; margin-right: 1.5mm; }
time { white-space: nowrap; }
.digest code span { margin-right: .55em; display: inline-block; }
.until { font-weight: 700; }
.warn { font-weight: 700; border: 1pt solid #111; padding: 0 1.2mm; }
.quiet { color: #555; }
ul { list-style: none; }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 8mm; margin-top: 5mm; break-inside: avoid; }
.sign div { border: .8pt solid #111; padding: 2mm 3mm 3mm; }
.sign h2 { margin: 0; }
.sign p { display: flex; align-items: flex-end; height: 9.5mm; color: #555; font-size: 8pt; }
body.dense { font-size: 8pt; line-height: 1.25; }
.dense h2 { margin: 2.5mm 0 .5mm; }
.dense code { font-size: 7.4pt; line-height: 1.25; }
.dense th, .dense td { padding-top: .35mm; padding-bottom: .35mm; }
.dense .volume { padding: .6mm 0; }
.dense .sign { margin-top: 3mm; }
.dense .sign h2 { margin: 0; }
.dense .sign p { height: 8mm; }
.part { display: block; }
.dense .part { display: inline; }
.dense .part + .part::before { content: "; "; }
.licence { display: block; font-size: 8pt; }
.dense li { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.dense .licence { display: inline; font-size: inherit; }
.sign p::after { content: ""; flex: 1; border-bottom: .4pt solid #111; margin-left: 2mm; }
"""


_ROOMY_LINES = 21.0
"""What varies from bundle to bundle and still fits on a Letter page in the large type, in lines of that type."""
_VOLUME_LINES = 2.4
_RULE_LINES = 0.4
"""What a row of the table takes beside its text."""
_NOTE_COLUMNS = 100
"""So much of a note fits on a line."""
_NARROW_COLUMNS = 32
"""So much of a licence fits on a line beside changes."""
_LICENCE_COLUMNS = 65
"""So much of a licence as the text has room for, too."""


def render_html(slip: Slip) -> str:
    """Write the slip as a whole HTML document. Everything that a bundle says is escaped."""
    body = (_head(slip), _volumes(slip), _trust(slip), _sources(slip), _notes(slip), _compare(slip), _SIGNATURES)
    title = _escape(f"{slip.publisher} {slip.version}: transfer slip")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f'<body class="{"dense" if _lines(slip) > _ROOMY_LINES else "roomy"}">\n' + "".join(body) + "</body>\n</html>\n"
    )


def _lines(slip: Slip) -> float:
    sources = sum(_height(source) for source in abridge_sources(slip.sources)[0])
    notes = sum(1 + len(line) // _NOTE_COLUMNS for line in slip.notes) + (slip.more_notes > 0)
    sources += sum(1 + len(failure) // _NOTE_COLUMNS for _, failure in abridge_absent(slip)[0])
    return _VOLUME_LINES * len(slip.volumes) + (slip.recovery is not None) + len(slip.keyids) + sources + notes


def _height(source: SourceLine) -> float:
    licence = 0 if source.licence is None else 1 + (len(source.licence) > _NARROW_COLUMNS)
    beside = len(source.rules) + (source.changes is not None)
    return max(1 + licence + (source.age_days is not None), beside) + _RULE_LINES


def _head(slip: Slip) -> str:
    return (
        f"<header><div><p>Transfer slip</p><h1>{_escape(slip.publisher)}</h1></div>"
        f"<div><p>Version</p><b>{slip.version}</b></div></header>\n"
        + _facts(
            (
                ("Kind", _escape(slip.kind)),
                ("Sealed", f"{moment_text(slip.created)} by {_escape(slip.tool)}"),
                ("Holds", _escape(totals_text(slip))),
            ),
            "facts",
        )
    )


def _facts(rows: Iterable[tuple[str, str]], name: str = "") -> str:
    inner = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
    return f'<dl class="{name}">{inner}</dl>\n' if name else f"<dl>{inner}</dl>\n"


def _section(title: str, inner: str, aside: str = "") -> str:
    small = f" <small>{_escape(aside)}</small>" if aside else ""
    return f"<section><h2>{title}{small}</h2>\n{inner}</section>\n"


def _volumes(slip: Slip) -> str:
    aside = f"{count_text(len(slip.volumes), 'volume')}, in any order" if len(slip.volumes) > 1 else ""
    inner = "".join(_volume(volume) for volume in slip.volumes)
    if slip.recovery is not None:
        inner += f'<p class="name">Recovery data: {_escape(slip.recovery)}</p>\n'
    return _section("On the stick", inner, aside)


def _volume(volume: SlipVolume) -> str:
    digest = "".join(f"<span>{_escape(group)}</span>" for group in digest_groups(volume.sha256))
    return (
        f'<div class="volume"><span class="box"></span><b class="name">{_escape(volume.name)}</b>'
        f"<span>{count_text(volume.length, 'byte')}</span>"
        f'<div class="digest"><small>sha256</small><code>{digest}</code></div></div>\n'
    )


def _trust(slip: Slip) -> str:
    rows = [("Signed by key", f"<code>{_escape(keyid)}</code>") for keyid in slip.keyids]
    if slip.roles:
        first = slip.roles[0]
        until = f'<time class="until">{moment_text(first.expires_at)}</time>'
        rows.append(("Runs out", f"{until} ({_escape(first.role)}). Import it before then."))
        ends = (f"<time>{_escape(end.role)} {end.expires_at:%Y-%m-%d}</time>" for end in top_roles(slip))
        rows.append(("Roles end", ", ".join(ends)))
    return _section("Trust", _facts(rows))


def _sources(slip: Slip) -> str:
    shown, rest = abridge_sources(slip.sources)
    changes = "" if slip.previous is None else f"<th>changes since version {slip.previous}</th>"
    name = "source, licence" if has_licences(slip) else "source"
    head = f'<tr><th>{name}</th><th class="n">files</th><th class="n">size</th>{changes}</tr>\n'
    rows = [_source(source, changes=bool(changes)) for source in shown]
    if rest:
        last = SourceLine(count_text(len(rest), "more source"), sum(s.files for s in rest), sum(s.length for s in rest))
        rows.append(_source(last, changes=bool(changes)))
    return _section("Sources", f"<table>{head}{''.join(rows)}</table>\n{_absent(slip)}")


def _absent(slip: Slip) -> str:
    """Name what was meant to be there."""
    shown, more = abridge_absent(slip)
    texts = [
        f'{_escape(name)} <span class="warn">missing</span> nothing of it could be had: {_escape(failure)}'
        for name, failure in shown
    ]
    texts += [f'{more:,} more <span class="warn">missing</span>: bundle inspect names them'] if more else []
    return "".join(f'<p class="name">{text}</p>\n' for text in texts)


def _source(source: SourceLine, *, changes: bool) -> str:
    parts: list[str] = []
    if source.changes is not None:
        kind = "part quiet" if source.changes == ChangeCounts(0, 0, 0) else "part"
        parts.append(f'<span class="{kind}">files: {source.changes}</span>')
    parts += [f'<span class="part">{_escape(name)} rules: {counts}</span>' for name, counts in source.rules]
    name = _escape(source.name)
    if source.licence is not None:
        name += f' <span class="licence quiet">{_escape(fit_text(source.licence, _LICENCE_COLUMNS))}</span>'
    if source.age_days is not None:
        name += f'<br> <span class="warn">last good content, {count_text(source.age_days, "day")} old</span>'
    cell = "<td>" + "".join(parts) + "</td>" if changes else ""
    return (
        f'<tr><td class="name">{name}</td><td class="n">{source.files:,}</td>'
        f'<td class="n">{size_text(source.length)}</td>{cell}</tr>\n'
    )


def _notes(slip: Slip) -> str:
    if not slip.notes:
        return ""
    items = "".join(f"<li>{_escape(line)}</li>" for line in slip.notes)
    if slip.more_notes:
        items += f'<li class="quiet">and {count_text(slip.more_notes, "more line")} in notes.md</li>'
    return _section("Release notes", f'<ul class="name">{items}</ul>\n')


def _compare(slip: Slip) -> str:
    name = _escape(slip.volumes[0].name if len(slip.volumes) == 1 else "FILE")
    return _section(
        "To compare",
        _facts(
            (
                ("Linux", f"<code>sha256sum {name}</code>"),
                ("Windows", f"<code>certutil -hashfile {name} SHA256</code>"),
            )
        )
        + '<p class="quiet">Before the stick crosses and after. '
        "The relay checks signatures and digests by itself; this page is for people.</p>\n",
    )


def _box(title: str) -> str:
    return f"<div><h2>{title}</h2><p>Name</p><p>Date</p><p>Signature</p></div>"


_SIGNATURES = f'<div class="sign">{_box("Handed over by")}{_box("Taken over by")}</div>\n'


def _escape(text: str) -> str:
    """Return a text as a page may show it: made printable, since bidirectional controls steer browsers too."""
    return html.escape(printable(text))
