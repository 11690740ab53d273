"""Who reads what: each open reader holds a locked file that names the versions it reads.

The writer keeps those versions when it cleans. A file that does not parse, or that says `opening`,
keeps everything: its reader is about to choose. A file that nobody holds belongs to a dead reader.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vifex.store.lock import FileLock

__all__ = ["Registration", "Wanted", "wanted_by_readers"]

_log = logging.getLogger(__name__)


@dataclass
class Wanted:
    """What open readers need of one view."""

    everything: bool = False
    ledger: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)


class Registration:
    """One reader's file. Where none can be written (a read-only disk), reading goes on without."""

    def __init__(self, folder: Path) -> None:
        self._lock: FileLock | None = None
        try:
            # A writer that looks for dead readers may lock the new file first: take another then.
            while self._lock is None:
                self._lock = FileLock.take(folder / f"{uuid.uuid4().hex}.json")
        except OSError as exc:
            _log.info("%s: this reader cannot register: %s", folder, exc)
        self.say({})

    def opening(self) -> None:
        """Keep everything until the next `say`."""
        self._write({"pid": os.getpid(), "opening": True})

    def say(self, views: Mapping[str, list[tuple[int, int]]]) -> None:
        """Name the (ledger, rows) versions that are being read, by view."""
        self._write({"pid": os.getpid(), "views": views})

    def close(self) -> None:
        """Need nothing any more."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.free(remove=True)

    def _write(self, data: Mapping[str, object]) -> None:
        if self._lock is None:
            return
        try:
            self._lock.write(json.dumps(data))
        except OSError as exc:
            # What is there now parses as nothing or as less; an empty file keeps everything.
            _log.info("%s: this reader cannot say what it reads: %s", self._lock.path, exc)


def wanted_by_readers(folder: Path, view: str) -> Wanted:
    """Collect what open readers need of a view, and remove the files of dead ones."""
    wanted = Wanted()
    for file in sorted(folder.glob("*.json")):
        dead = FileLock.take(file, create=False)
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
