"""Deflate streams as byte-aligned records, and back to the same bits: what makes archives comparable.

One changed byte in an archive changes every bit of its compressed stream after it, since codes are of odd lengths
and their tables are made anew for each block. Here a stream is *unfolded*: its codes are read, but what they say
(literals, matches, block borders, tables) is written as bytes instead of being expanded. That loses nothing, so
*folding* gives the very stream again, whoever wrote it: no compressor is asked to do the same once more.

The records, numbers as in ``section``::

    0                       bytes outside of streams: count, bytes
    2 + 2 * type + final    one block, by its type (0 stored, 1 fixed, 2 dynamic) and whether it ends its stream:
        stored   count, bytes
        dynamic  count, the tables as their codes: lengths of the code lengths' codes, code lengths with repeats
        both     count, literals; count, matches as (literals before it, length - 3, distance - 1: 2 bytes)
                 where 255 literals before a match say: 255, and more follow

Source: RFC 1951, 3.2.3 to 3.2.7.
"""

from __future__ import annotations

from manifests.patches.deflate.folding import fold_streams
from manifests.patches.deflate.tables import MAX_BLOCK_BYTES, MAX_FOLDED_BYTES
from manifests.patches.deflate.unfolding import encode_number, unfold_streams

__all__ = ["MAX_BLOCK_BYTES", "MAX_FOLDED_BYTES", "encode_number", "fold_streams", "unfold_streams"]
