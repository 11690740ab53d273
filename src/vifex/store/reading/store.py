"""Opening a store for reading. The views that it opens stay the same while others write."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence

from vifex.store.files.faults import DamagedError
from vifex.store.files.layout import (
    StoreInfo,
    ViewPaths,
    folder_of,
    list_views,
    read_store,
    read_view_id,
    views_without_recipe,
)
from vifex.store.files.places.place import place_of
from vifex.store.files.readers import Registration
from vifex.store.ledger.head import Head, find_head
from vifex.store.ledger.tags import Tag, TaggedView, find_tag, read_tags, tagged_head
from vifex.store.reading.checking import FileProblem, ViewCheck
from vifex.store.reading.view import View
from vifex.values import StoreError
from vifex.values.registry import near

__all__ = ["Store", "open_store"]


def open_store(path: str | os.PathLike[str], *, at: str | None = None) -> Store:
    """Open a store for reading. Nothing in it changes but a file in `readers`.

    Args:
        path: The store's folder, or its address `s3://BUCKET/NAME.vifex`.
        at: Name of a tag: all views are read as they were when it was made.

    Raises:
        StoreError: If there is no store, no such tag, or a store that this version cannot read.
    """
    info = read_store(place_of(path))
    return Store(info, None if at is None else find_tag(read_tags(info.path), at, of=info.path))


class Store:
    """A store that is open for reading."""

    def __init__(self, info: StoreInfo, tag: Tag | None = None) -> None:
        self.path = info.path
        self.id = info.id
        self._info = info
        self._tag = tag
        self._turn = threading.Lock()
        self._open: weakref.WeakSet[View] = weakref.WeakSet()
        self._registration = Registration(info.readers)
        # Without `close` the registration ends when the object is collected.
        self._end = weakref.finalize(self, self._registration.close)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def views(self) -> list[str]:
        """Names of all views, sorted; at a tag those that there were, under the names that they have now."""
        return list_views(self._info) if self._tag is None else sorted(self._tagged(self._tag))

    def view(self, name: str = "main") -> View:
        """Open a view as of its newest commit, or as of the tag. A later call may return a newer state.

        Raises:
            StoreError: If there is none of that name, or none of its versions reads whole.
        """
        known = self.views()
        if name not in known:
            listed = f"It has: {', '.join(known)}." if known else "It has none yet."
            raise StoreError(
                f"the store has no view {name!r}.", of=str(self.path), todo=f"{near(name, known)}{listed}"
            )
        if not self._end.alive:
            raise StoreError("the store is closed.", of=str(self.path), todo="Open it again.")
        paths = self._info.view(name)
        with self._turn:
            # Until the version is chosen, no version may be removed.
            self._registration.opening()
            try:
                head = find_head(paths) if self._tag is None else self._head_at(self._tag, paths)
                view = View(paths, head, self)
                self._open.add(view)
            except DamagedError as exc:
                if paths.folder.exists():
                    raise
                raise StoreError(
                    f"the view {name!r} was removed or renamed just now.",
                    of=str(self.path),
                    todo="Try again.",
                ) from exc
            finally:
                self._say()
        return view

    def verify(
        self, names: Sequence[str] | None = None, *, tick: Callable[[int], None] | None = None
    ) -> list[ViewCheck]:
        """Check views. A view that does not open is reported as damaged.

        Args:
            names: Names of views; all by default.
            tick: Called after every fragment, with its size in bytes.

        Raises:
            StoreError: If there is no such view, or the system cannot read.
        """
        lost = views_without_recipe(self._info) if self._tag is None else []
        return [self._verify(name, lost, tick) for name in names or sorted({*self.views(), *lost})]

    def _tagged(self, tag: Tag) -> dict[str, TaggedView]:
        """Return what a tag says of each view, by the name that the view has now."""
        names = {read_view_id(self._info.view(name)): name for name in list_views(self._info)}
        gone = [one.view for one in tag.views if one.id not in names]
        if gone:
            raise DamagedError(
                f"the view {gone[0]!r} of the tag {tag.name!r} is gone.",
                of=str(self.path),
                todo="Restore its folder from a copy, or remove the tag.",
            )
        return {names[one.id]: one for one in tag.views}

    def _head_at(self, tag: Tag, paths: ViewPaths) -> Head:
        return tagged_head(paths, tag.name, self._tagged(tag)[paths.name])

    def _verify(self, name: str, lost: list[str], tick: Callable[[int], None] | None) -> ViewCheck:
        place = f"views/{folder_of(name)}"
        if name in lost:
            return ViewCheck(name, problems=(FileProblem(f"{place}/recipe.json", "it is gone"),))
        try:
            return self.view(name).verify(tick)
        except DamagedError as exc:
            return ViewCheck(name, problems=(FileProblem(place, exc.what),))

    def close(self) -> None:
        """End the registration, so that versions which only this reader needed can be removed.

        Its views must not be used after that.
        """
        self._end()

    def _say(self) -> None:
        reading: dict[str, list[tuple[int, int]]] = {}
        for view in self._open:
            reading.setdefault(view.name, []).append(view.versions)
        self._registration.say(reading)
