"""When to believe TUF metadata: the client workflow, pure, over ``tuf.api.metadata``.

Stricter than python-tuf's ngclient in these points, and in no other (a differential test over
generated repositories keeps the two together); ceilings are configuration in both:

========================================= ==============================================================
what                                      why
========================================= ==============================================================
``tuf.malformed.*`` a key stands twice    two readers of one document could see two documents
``tuf.malformed.*`` version is a truth    ``true`` equals 1 in Python and in no signed text
value
``tuf.signature.*`` equal keys under      a threshold of two keys must not be met by one (TAP 12)
two ids or encodings count once
``tuf.extension``, ``tuf.root-withheld``  a signed pointer to the newest root, where the timestamp has one
``tuf.expired.*`` ends before the         the time cannot be earlier than when the timestamp was made
timestamp's own ``created``
``tuf.version.*`` other bytes for a       bundles only: equal versions are the same content
trusted version
every delegated role must be believed     bundles only: a bundle is whole, nothing is read on demand
========================================= ==============================================================
"""

from __future__ import annotations

from manifests.trust.documents import TimestampExtension
from manifests.trust.keys import count_keys, key_identity
from manifests.trust.sources import SourcePolicy, policies_extension, pulled_extension, read_policies, read_pulled_at
from manifests.trust.toplevel import TrustedState
from manifests.trust.walk import (
    MetadataReader,
    find_target,
    find_targets,
    load_all_roles,
    refresh_top_roles,
    trusted_root,
    update_roots,
)
from manifests.trust.workflow import BelievedRole, Workflow

__all__ = [
    "BelievedRole",
    "MetadataReader",
    "SourcePolicy",
    "TimestampExtension",
    "TrustedState",
    "Workflow",
    "count_keys",
    "find_target",
    "find_targets",
    "key_identity",
    "load_all_roles",
    "policies_extension",
    "pulled_extension",
    "read_policies",
    "read_pulled_at",
    "refresh_top_roles",
    "trusted_root",
    "update_roots",
]
