"""Making and removing tags, which name states of a store that maintenance keeps."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.writing import StoreWriter, open_writer
from vifex.store.files.layout import StoreInfo, read_store, read_view_id
from vifex.store.ledger.tags import Tag, TaggedView, find_tag, read_tags, write_tags
from vifex.values import InputError, StoreError

__all__ = ["make_tag", "remove_tag"]

_MOST_CHARS: Final = 100


def make_tag(store: str | os.PathLike[str], name: str) -> Tag:
    """Name the present state of all views of a store.

    Args:
        store: The store's folder.
        name: Of 1 to 100 printable characters; no tag of the store has it.

    Raises:
        InputError: If the name is taken or cannot be one.
        StoreError: If there is no such store, it has no view, or it cannot be written.
    """
    info = read_store(Path(store))
    if not 0 < len(name) <= _MOST_CHARS or not name.isprintable() or name != name.strip():
        raise InputError(
            f"a tag cannot be named {name!r}.",
            todo="Give it a name of 1 to 100 characters, without spaces around it.",
        )
    # A view is recovered, its newest manifests are synced, and nobody can remove a version meanwhile.
    with open_writer(store) as writer:
        tags = read_tags(info.path)
        if any(tag.name == name for tag in tags):
            raise InputError(
                f"the store has a tag {name!r} already.",
                of=str(info.path),
                todo="Choose another name, or remove that tag first.",
            )
        views = tuple(_state(writer, info, view) for view in writer.recipes())
        if not views:
            raise StoreError(
                "the store has no view, so there is no state to name.",
                of=str(info.path),
                todo="Extract something first.",
            )
        made = Tag(name, round(time.time(), 3), views)
        write_tags(info.path, [*tags, made])
        checkpoint("tags.written")
    return made


def _state(writer: StoreWriter, info: StoreInfo, view: str) -> TaggedView:
    """Return the state of a view as its writer has it; rows that were restored lie in a newer version."""
    with writer.stored_view(view).tables() as (tables, _):
        return TaggedView(
            view=view,
            id=str(read_view_id(info.view(view))),
            ledger=tables.ledger.table.version,
            rows=tables.seal.rows_version,
            commit=tables.seal.commit,
            checksum=tables.seal.checksum,
            n_rows=tables.rows.table.count(),
            n_media=len(tables.finished),
        )


def remove_tag(store: str | os.PathLike[str], name: str) -> None:
    """Remove a tag. The next maintenance of each view frees what it kept.

    Raises:
        StoreError: If there is no such store or tag, or the store cannot be written.
    """
    info = read_store(Path(store))
    find_tag(read_tags(info.path), name, of=info.path)
    with open_writer(store):
        write_tags(info.path, [tag for tag in read_tags(info.path) if tag.name != name])
        checkpoint("tags.written")
