"""Fetching for every kind of source: politely, within bounds, resumable, and never believing too much.

Over HTTP, from the outside in: ``options`` is what a source's table can set, ``fetcher`` what the kinds use, with
``wanted`` and what comes of it. ``download`` brings one file, ``partial`` keeps what an interrupted run left of it,
``memory`` the validators of the last good pull. ``transport`` asks for one URL, by ``session`` (TLS, proxy, our name)
within a ``deadline``, and reads the ``answer``. ``cooldown`` remembers who asked to be left alone, ``credentials``
where secrets are, ``portal`` what a sign-in page looks like; ``errors`` are those that somebody acts on.

Beside HTTP: ``local_files`` that somebody else may be writing, and ``programs`` of the operator's or a vendor's.
"""
