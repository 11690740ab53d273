"""`vifex.compact`: small pieces of a store are merged, deleted rows and old versions are dropped."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from vifex.api.arguments import checked
from vifex.store import CompactedView, compact_view, open_store
from vifex.values.run_facts import run_facts

__all__ = ["Compacted", "compact"]

_LIBRARIES = ("pylance", "pyarrow")


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compaction did to a store."""

    store: str
    views: tuple[CompactedView, ...]

    @property
    def freed_bytes(self) -> int:
        """By which the views became smaller on disk; negative where they grew."""
        return sum(view.size_bytes_before - view.size_bytes_after for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "freed_bytes": self.freed_bytes}


@checked("store")
def compact(store: str | os.PathLike[str], *, view: str | None = None) -> Compacted:
    """Merge the small pieces of a store, and drop deleted rows and old versions. No row changes.

    Runs do the same for themselves by and by; this does all of it at once. While it runs it takes up to the
    size of the view on top. What an open reader or a tag reads stays until that is gone. A fragment with
    damaged files is left as it is.

    Args:
        store: The store.
        view: Only this view; by default all, one after the other.

    Raises:
        StoreError: If there is no such store or view, or it cannot be written. The rows stay as they are.
    """
    with open_store(store) as opened:
        names = opened.views() if view is None else [view]
    run = run_facts(_LIBRARIES)
    return Compacted(os.fspath(store), tuple(compact_view(store, name, run=run) for name in names))
