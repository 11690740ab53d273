"""Media whose files no longer exist. Their rows stay in the store until somebody deletes them.

To examine a file takes some microseconds on a local disk. A search examines the media of its hits only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from vifex.media.gone import gone_uris, is_gone

if TYPE_CHECKING:
    from vifex.search.hits import Hit

__all__ = ["count_gone", "existing_hits"]

_MORE: Final = 4
"""Factor by which more hits are fetched when too many of them are gone."""


def count_gone(batches: Iterable[Sequence[str]]) -> int:
    """Count the different addresses whose file no longer exists.

    Memory: 8 bytes per address.

    Args:
        batches: Addresses, some thousand at a time.
    """
    parts = [np.empty(0, np.uint64)]
    for uris in batches:
        digests = [blake2b(uri.encode(), digest_size=8).digest() for uri in gone_uris(uris)]
        parts.append(np.frombuffer(b"".join(digests), np.uint64))
    counted = np.concatenate(parts)
    counted.sort()  # in place: `np.unique` takes several times the memory
    return int(np.count_nonzero(np.diff(counted))) + min(len(counted), 1)


def existing_hits(find: Callable[[int], list[Hit]], k: int) -> list[Hit]:
    """Return the nearest `k` hits whose media still exist, ranked from 1.

    Args:
        find: Returns the nearest N hits, or fewer if there are no more.
        k: How many hits at most.
    """
    count, known = k, dict[str, bool]()
    while True:
        hits = find(count)
        for uri in {h.uri for h in hits} - known.keys():
            known[uri] = is_gone(uri)
        kept = [h for h in hits if not known[h.uri]][:k]
        if len(kept) == k or len(hits) < count:
            return [replace(h, rank=rank) for rank, h in enumerate(kept, start=1)]
        count *= _MORE
