"""An index of finished media by what their files hold: a medium under another address is found by it.

It takes 24 bytes for each entry of the ledger. It holds hashes; what it finds must be compared with the
entries themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.files.lance_adapter import Table
from vifex.store.ledger.entries import read_entries
from vifex.store.ledger.identities import hash_text, hash_texts, mix, mix_lanes
from vifex.store.schema import MEDIUM

__all__ = ["Content", "KnownContents"]

U64 = npt.NDArray[np.uint64]

_COLUMNS: Final = ("kind", "status", "size_bytes", "mtime_ns", "content_hash", "spec_hash")
_FINISHED: Final = pa.array(["ok", "partial", "skipped"], pa.large_string())
_SEED: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, and what of it is used."""

    size_bytes: int
    mtime_ns: int
    """Compared only where the content hash does not cover the whole file."""
    content_hash: str
    spec_hash: str


class KnownContents:
    """The media of a ledger that have not failed, as it stands when the index is made.

    Args:
        ledger: The ledger.
        whole_bytes: The content hash covers all bytes of a file of at most this size. Of larger files the
            time of change must be the same too.
    """

    def __init__(self, ledger: Table, whole_bytes: int) -> None:
        self._whole_bytes = whole_bytes
        sizes, keys, places = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        at = 0
        for batch in read_entries(ledger, _COLUMNS):
            used = pc.and_(
                pc.and_(pc.equal(batch.column("kind"), MEDIUM), pc.is_in(batch.column("status"), _FINISHED)),
                pc.not_equal(batch.column("content_hash"), ""),
            )
            new = np.flatnonzero(used.to_numpy(zero_copy_only=False))
            found = batch.take(pa.array(new))
            size = _as_u64(found.column("size_bytes"))
            time = np.where(size > whole_bytes, _as_u64(found.column("mtime_ns")), np.uint64(0))
            of_size = mix_lanes(mix_lanes(np.full(len(new), _SEED, np.uint64), size), time)
            hashes = hash_texts(found.column("content_hash"))
            sizes.append(of_size)
            keys.append(mix_lanes(mix_lanes(of_size, hashes), hash_texts(found.column("spec_hash"))))
            places.append(at + new)
            at += batch.num_rows
        self._sizes = np.unique(np.concatenate(sizes))
        self._keys, self._places = np.concatenate(keys), np.concatenate(places)
        order = np.argsort(self._keys, kind="stable")
        self._keys, self._places = self._keys[order], self._places[order]

    def __len__(self) -> int:
        return len(self._keys)

    def has_size(self, size_bytes: int, mtime_ns: int) -> bool:
        """Return whether a medium of this size may be known, of large files one with this time of change."""
        wanted = np.uint64(self._of_size(size_bytes, mtime_ns))
        place = int(self._sizes.searchsorted(wanted))
        return place < len(self._sizes) and self._sizes[place] == wanted

    def places(self, content: Content, most: int) -> Sequence[int]:
        """Return the places in the ledger of at most so many entries that may have this content, rising.

        Entries that are not the newest of their medium are among them.
        """
        state = self._of_size(content.size_bytes, content.mtime_ns)
        key = np.uint64(mix(mix(state, hash_text(content.content_hash)), hash_text(content.spec_hash)))
        first, end = (int(self._keys.searchsorted(key, side)) for side in ("left", "right"))
        found: list[int] = self._places[max(first, end - most) : end].tolist()
        return found

    def _of_size(self, size_bytes: int, mtime_ns: int) -> int:
        return mix(mix(_SEED, size_bytes), mtime_ns if size_bytes > self._whole_bytes else 0)


def _as_u64(column: pa.Array) -> U64:
    return np.asarray(column.to_numpy().astype(np.int64)).view(np.uint64)
