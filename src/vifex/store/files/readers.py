"""Registrations of readers: each open reader holds a locked file that names the versions it reads.

A writer keeps those versions when it removes old ones. A file that does not parse, or that says `opening`,
keeps all versions: its reader is about to choose one. A file that nobody holds belongs to a dead reader.

On a file system without locks, and at an object store, a reader reads on without a registration, and old
versions are never removed.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from vifex.store.files.lock import FileLock, NoLocksError
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place

__all__ = ["Registration", "Wanted", "wanted_by_readers"]

_log = logging.getLogger(__name__)


@dataclass
class Wanted:
    """What open readers need of one view."""

    everything: bool = False
    ledger: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)


class Registration:
    """One reader's file. Reading goes on without it where none can be written or locked.

    Args:
        folder: The store's folder `readers`.
    """

    def __init__(self, folder: Place) -> None:
        self._lock: FileLock | None = None
        if isinstance(folder, ObjectPath):
            return
        try:
            # A writer that looks for dead readers may lock the new file first: take another then.
            while self._lock is None:
                self._lock = FileLock.take(folder / f"{uuid.uuid4().hex}.json")
        except NoLocksError:
            _log.warning(
                "%s: the file system offers no locks: reading works, writing and cleaning do not",
                folder.parent,
            )
        except OSError as exc:
            _log.info("%s: this reader cannot register: %s", folder, exc)
        self.say({})

    def opening(self) -> None:
        """Keep all versions until the next `say`."""
        self._write({"pid": os.getpid(), "opening": True})

    def say(self, views: Mapping[str, list[tuple[int, int]]]) -> None:
        """Name the versions of (ledger, rows) that are read, by view."""
        self._write({"pid": os.getpid(), "views": views})

    def close(self) -> None:
        """Give the registration back; it keeps no version any more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.free(remove=True)

    def _write(self, data: Mapping[str, object]) -> None:
        if self._lock is None:
            return
        try:
            self._lock.write(json.dumps(data))
        except OSError as exc:
            # What is there now does not parse or names fewer versions; an empty file keeps all.
            _log.info("%s: this reader cannot say what it reads: %s", self._lock.path, exc)


def wanted_by_readers(folder: Place, view: str) -> Wanted:
    """Return the versions of a view that open readers need, and remove the files of dead readers."""
    if isinstance(folder, ObjectPath):
        return Wanted(everything=True)
    wanted = Wanted()
    for file in sorted(folder.glob("*.json")):
        try:
            dead = FileLock.take(file, create=False)
        except NoLocksError:  # whether the reader is alive is not known
            wanted.everything = True
            continue
        if dead is not None:
            dead.free(remove=True)
            continue
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            versions = data["views"].get(view, [])
            wanted.ledger.update(int(pair[0]) for pair in versions)
            wanted.rows.update(int(pair[1]) for pair in versions)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            wanted.everything = True
    return wanted
