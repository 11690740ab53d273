"""`vifex.tag`, `vifex.tags`, `vifex.remove_tag`: names for states of a store."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from vifex.api.arguments import checked
from vifex.store import Tag, TaggedView, make_tag, open_store, place_of, read_tags
from vifex.store import remove_tag as remove_stored_tag

__all__ = ["StoreTag", "remove_tag", "tag", "tags"]


@dataclass(frozen=True, slots=True)
class StoreTag:
    """A name for the state of a store at one time."""

    name: str
    made: datetime
    """UTC."""
    views: tuple[TaggedView, ...]
    """What each view held then."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `made` in ISO 8601."""
        return {**asdict(self), "made": self.made.isoformat()}


@checked("store")
def tag(store: str | os.PathLike[str], name: str) -> StoreTag:
    """Name the present state of a store, rows and ledger of all views.

    `vifex.open(store, at=name)` reads that state to the bit, whatever is extracted, removed, relabelled or
    compacted later. The store keeps the files that it needs until the tag is removed. No file is copied.

    Args:
        store: The store.
        name: Of 1 to 100 printable characters.

    Raises:
        InputError: If the name is taken or cannot be one.
        StoreError: If there is no such store, it has no view, or it cannot be written.
    """
    return _shown(make_tag(store, name))


@checked("store")
def tags(store: str | os.PathLike[str]) -> tuple[StoreTag, ...]:
    """List the tags of a store, the oldest first.

    Raises:
        StoreError: If there is no such store, or its tags cannot be read.
    """
    open_store(store).close()
    return tuple(map(_shown, read_tags(place_of(store))))


@checked("store")
def remove_tag(store: str | os.PathLike[str], name: str) -> None:
    """Remove a tag. What it kept is freed by the next `vifex.compact`, or by later runs.

    Raises:
        StoreError: If there is no such store or tag, or the store cannot be written.
    """
    remove_stored_tag(store, name)


def _shown(stored: Tag) -> StoreTag:
    return StoreTag(stored.name, datetime.fromtimestamp(stored.made_unix_s, UTC), stored.views)
