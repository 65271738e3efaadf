"""The slip: one page that goes with a bundle, to be printed, compared and signed by two people."""

from __future__ import annotations

from bundler.report.slip.content import Counts, RoleEnd, Slip, SourceLine, Volume, prepare
from bundler.report.slip.html import render_html
from bundler.report.slip.text import render_text

__all__ = ["Counts", "RoleEnd", "Slip", "SourceLine", "Volume", "prepare", "render_html", "render_text"]
