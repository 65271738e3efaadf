"""Fetching over HTTP for every kind of source: politely, within bounds, resumable, and never believing too much.

``options`` says what a source's table can set, ``fetcher`` is what the kinds use; below it ``transport`` asks for
one URL, ``partial`` keeps interrupted downloads, ``cooldown`` remembers who asked to be left alone.
"""
