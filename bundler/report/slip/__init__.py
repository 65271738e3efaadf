"""The slip: one page that goes with a bundle, to be printed, compared and signed by two people."""

from __future__ import annotations

from bundler.report.slip.content import ChangeCounts, RoleEnd, Slip, SlipVolume, SourceLine, prepare_slip
from bundler.report.slip.html import render_html
from bundler.report.slip.text import render_text

__all__ = ["ChangeCounts", "RoleEnd", "Slip", "SlipVolume", "SourceLine", "prepare_slip", "render_html", "render_text"]
