"""Maintenance of the cache: what is in it, what leaves it first, and what another process is using.

An entry is a compiled graph (`graphs/KEY.graph`), a converted network with the verdict on it
(`converted/KEY.xml`, `.bin`, `.json`), or what a killed process left behind. Every entry can be made again.
Entries that were used longest ago go first. A converted network is read by OpenVINO from its file while it
runs, so whoever uses one holds a shared lock on `converted/KEY.lock` until its process ends, and an entry
with such a lock stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vifex.values import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "LIMIT",
    "LOCK",
    "Entry",
    "entries",
    "free_space",
    "hold",
    "limit_bytes",
    "lock_open_file",
    "prune",
    "remove_leftovers",
    "taken_lock",
]

LIMIT: Final = "VIFEX_CACHE_LIMIT"
"""Environment variable: the size in GiB that the cache is kept to; 0 sets no limit."""
_LIMIT_GIB: Final = 10.0
_RECENT_S: Final = 3600.0
"""Where the system has no locks, what was used within this time may be in use."""
_UNLOCKED_S: Final = 86400.0
"""What was written aside within this time may be in work yet."""
LOCK: Final = ".lock"
_PARTS: Final = (".json", ".xml", ".bin")
"""Of a converted network; the verdict goes first, as nothing is used without it."""

_KEY: Final = "[0-9a-f]" * 32
_LEFTOVERS: Final = ("graphs/tmp????????.tmp", "converted/new-????????", "scratch/vifex-????????")
"""Names are matched closely: the folder may be one that somebody else uses too."""

Kind = Literal["graph", "converted", "leftover"]

_held: dict[str, int] = {}
"""Descriptors of the locks that this process holds until it ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What leaves the cache together."""

    kind: Kind
    paths: tuple[Path, ...]
    size_bytes: int
    used_s: float
    """When it was used last, in seconds since 1970."""

    def is_used(self) -> bool:
        """Whether some process, this one included, may be using it now."""
        with self._claimed() as is_ours:
            return not is_ours

    def remove(self) -> bool:
        """Remove it, unless it is used; tells whether it is gone."""
        with self._claimed() as is_ours:
            if not is_ours:
                return False
            for path in self.paths:
                with contextlib.suppress(OSError):
                    if path.is_dir():
                        shutil.rmtree(path)
                    else:
                        path.unlink(missing_ok=True)
            return not any(path.exists() for path in self.paths)

    @contextlib.contextmanager
    def _claimed(self) -> Iterator[bool]:
        """Keep others from beginning to use it; gives whether nobody does."""
        lock = self._lock()
        if self.kind == "graph":
            yield True  # it is read whole and checked before it is used
        elif fcntl is None or not lock.exists():
            yield self._is_old()
        else:
            handle = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            except OSError:  # a disk without locks
                yield self._is_old()
            else:
                yield True
            finally:
                os.close(handle)

    def _is_old(self) -> bool:
        """Whether it is too old to be in use, where no lock tells."""
        # A leftover without a lock may be what another process is just writing.
        quiet_s = _UNLOCKED_S if self.kind == "leftover" else _RECENT_S if fcntl is None else 0.0
        return time.time() - self.used_s >= quiet_s

    def _lock(self) -> Path:
        """Return the file that whoever uses or writes this holds a lock on."""
        if self.kind == "converted":
            return self.paths[-1]
        return self.paths[0] / LOCK if self.paths[0].is_dir() else self.paths[0]


def limit_bytes() -> int | None:
    """Return the size that the cache is kept to; `None` where there is no limit.

    Raises:
        InputError: If `VIFEX_CACHE_LIMIT` is no number.
    """
    text = os.environ.get(LIMIT) or str(_LIMIT_GIB)
    try:
        gib = float(text)
        if not 0 <= gib < float("inf"):
            raise ValueError
    except ValueError:
        raise InputError(
            f"{text!r} is no size.", of=LIMIT, todo="Give a number of GiB, e.g. 10; 0 sets no limit."
        ) from None
    return int(gib * (1 << 30)) or None


def entries(folder: Path) -> list[Entry]:
    """Return what is in a cache, that which was used longest ago first."""
    found = [_entry("graph", [path]) for path in folder.glob(f"graphs/{_KEY}.graph")]
    for key in {path.stem for part in _PARTS for path in folder.glob(f"converted/{_KEY}{part}")}:
        own = [folder / "converted" / (key + part) for part in (*_PARTS, LOCK)]
        found.append(_entry("converted", own))
    for pattern in _LEFTOVERS:
        found += [_entry("leftover", [path]) for path in folder.glob(pattern)]
    return sorted((e for e in found if e is not None), key=lambda e: e.used_s)


def free_space(folder: Path, size_bytes: int) -> None:
    """Remove what was used longest ago until `size_bytes` more fit below the limit.

    Leftovers of killed processes go in any case.
    """
    try:
        limit = limit_bytes()
    except InputError:
        limit = int(_LIMIT_GIB * (1 << 30))  # told by `vifex cache`; an extraction must not end of it
    prune(folder, None if limit is None else max(0, limit - size_bytes))


def prune(folder: Path, size_bytes: int | None = 0, *, dry_run: bool = False) -> list[Entry]:
    """Remove leftovers, and what was used longest ago until the rest takes at most `size_bytes`.

    Args:
        folder: The cache.
        size_bytes: What may stay; `None` removes leftovers alone.
        dry_run: Remove nothing.

    Returns:
        What was removed, or would be. Entries in use stay.
    """
    there = entries(folder)
    total = sum(e.size_bytes for e in there)
    gone = []
    for entry in sorted(there, key=lambda e: (e.kind != "leftover", e.used_s)):
        if entry.kind != "leftover" and (size_bytes is None or total <= size_bytes):
            break
        if not entry.is_used() if dry_run else entry.remove():
            gone.append(entry)
            total -= entry.size_bytes
    return gone


def remove_leftovers(folder: Path, patterns: Sequence[str] = _LEFTOVERS) -> None:
    """Remove what processes that are gone had begun to write.

    Args:
        folder: The cache, or another folder in which `patterns` name such files and folders.
        patterns: Globs below `folder`.
    """
    for pattern in patterns:
        for path in folder.glob(pattern):
            entry = _entry("leftover", [path])
            if entry is not None:
                entry.remove()


def hold(folder: Path, key: str) -> None:
    """Report that this process uses a converted network, until it ends; before anything of it is read."""
    if fcntl is None or str(folder / key) in _held:
        return
    path = folder / (key + LOCK)
    with contextlib.suppress(OSError):  # a folder that is read-only, or a disk without locks
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(handle, fcntl.LOCK_SH)
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    _held[str(folder / key)] = handle
                    return
            os.close(handle)  # it was removed before it was locked


def lock_open_file(handle: int) -> None:
    """Show that this process is writing a file, until it closes it or ends.

    Args:
        handle: The descriptor of the open file.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_SH)


@contextlib.contextmanager
def taken_lock(folder: Path) -> Iterator[None]:
    """Say that this process uses a folder, which has just been made, until it ends."""
    if fcntl is None:
        yield
        return
    aside = folder / (LOCK + ".new")
    handle = os.open(aside, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        aside.replace(folder / LOCK)  # it is never there without being locked
        yield
    finally:
        os.close(handle)


def _entry(kind: Kind, paths: list[Path]) -> Entry | None:
    """Look at an entry; `None` where it has gone meanwhile."""
    size_bytes, used_s = 0, 0.0
    for path in paths:
        with contextlib.suppress(OSError):
            inner = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
            for part in inner:
                stat = part.stat()
                size_bytes += stat.st_size
                used_s = max(used_s, stat.st_mtime)
            used_s = max(used_s, path.stat().st_mtime)
    return Entry(kind, tuple(paths), size_bytes, used_s) if used_s else None
