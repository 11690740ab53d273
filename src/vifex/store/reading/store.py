"""Opening a store for reading. The views that it opens stay the same while others write."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from vifex.store.files.faults import DamagedError
from vifex.store.files.layout import StoreInfo, folder_of, list_views, read_store, views_without_recipe
from vifex.store.files.readers import Registration
from vifex.store.ledger.head import find_head
from vifex.store.reading.checking import FileProblem, ViewCheck
from vifex.store.reading.view import View
from vifex.values import StoreError
from vifex.values.registry import near

__all__ = ["Store", "open_store"]


def open_store(path: str | os.PathLike[str]) -> Store:
    """Open a store for reading. Nothing in it changes but a file in `readers`.

    Raises:
        StoreError: If there is no store, or one that this version cannot read.
    """
    return Store(read_store(Path(path)))


class Store:
    """A store that is open for reading."""

    def __init__(self, info: StoreInfo) -> None:
        self.path = info.path
        self.id = info.id
        self._info = info
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
        """Names of all views, sorted."""
        return list_views(self._info)

    def view(self, name: str = "main") -> View:
        """Open a view as of its newest commit. A later call may return a newer state.

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
                view = View(paths, find_head(paths), self)
                self._open.add(view)
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
        lost = views_without_recipe(self._info)
        return [self._verify(name, lost, tick) for name in names or sorted({*self.views(), *lost})]

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
