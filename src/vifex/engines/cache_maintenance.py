"""Maintenance of the cache: its contents, what is removed first, and what other processes use.

An entry is a compiled graph (`graphs/KEY.graph`), a converted network with the result of its check
(`converted/KEY.xml`, `.bin`, `.json`), the index of an archive (`archives/KEY.index`), or a leftover of a
killed process. Every entry can be made again.
Entries that were not used for the longest time are removed first. OpenVINO reads a converted network from its
file while it runs, so a process that uses one holds a shared lock on `converted/KEY.lock` until it ends, and
a locked entry is not removed.
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
"""Without locks, an entry that was used within this time may be in use."""
_UNLOCKED_S: Final = 86400.0
"""A temporary file that was written within this time may still be in use."""
LOCK: Final = ".lock"
_PARTS: Final = (".json", ".xml", ".bin")
"""Suffixes of a converted network; the result of its check is removed first, because it is needed for use."""

_KEY: Final = "[0-9a-f]" * 32
_LEFTOVERS: Final = (
    *("graphs/tmp????????.tmp", "archives/tmp????????.tmp"),
    *("converted/new-????????", "scratch/vifex-????????"),
)
"""Strict patterns of names, because the folder may contain other files."""

Kind = Literal["graph", "converted", "archive", "leftover"]

_held: dict[str, int] = {}
"""Descriptors of the locks that this process holds until it ends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Files that are removed together."""

    kind: Kind
    paths: tuple[Path, ...]
    size_bytes: int
    used_s: float
    """Time of the last use, in seconds since 1970."""

    def is_used(self) -> bool:
        """Whether any process, including this one, may be using it."""
        with self._claimed() as is_ours:
            return not is_ours

    def remove(self) -> bool:
        """Remove it unless it is in use; return whether it is gone."""
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
        """Prevent others from using it meanwhile; yield whether nobody uses it."""
        lock = self._lock()
        if self.kind in ("graph", "archive"):
            yield True  # it is read as a whole and checked before use
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
        """Return whether it is too old to be in use, if there are no locks."""
        # Another process may just be writing a leftover without a lock.
        quiet_s = _UNLOCKED_S if self.kind == "leftover" else _RECENT_S if fcntl is None else 0.0
        return time.time() - self.used_s >= quiet_s

    def _lock(self) -> Path:
        """Return the file that users and writers of this entry lock."""
        if self.kind == "converted":
            return self.paths[-1]
        return self.paths[0] / LOCK if self.paths[0].is_dir() else self.paths[0]


def limit_bytes() -> int | None:
    """Return the limit of the cache's size; `None` if there is none.

    Raises:
        InputError: If `VIFEX_CACHE_LIMIT` is not a number.
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
    """Return the entries of a cache, the least recently used first."""
    found = [_entry("graph", [path]) for path in folder.glob(f"graphs/{_KEY}.graph")]
    for key in {path.stem for part in _PARTS for path in folder.glob(f"converted/{_KEY}{part}")}:
        own = [folder / "converted" / (key + part) for part in (*_PARTS, LOCK)]
        found.append(_entry("converted", own))
    found += [_entry("archive", [path]) for path in folder.glob(f"archives/{_KEY}.index")]
    for pattern in _LEFTOVERS:
        found += [_entry("leftover", [path]) for path in folder.glob(pattern)]
    return sorted((e for e in found if e is not None), key=lambda e: e.used_s)


def free_space(folder: Path, size_bytes: int) -> None:
    """Remove the least recently used entries until `size_bytes` more fit below the limit.

    Leftovers of killed processes are removed in any case.
    """
    try:
        limit = limit_bytes()
    except InputError:
        limit = int(_LIMIT_GIB * (1 << 30))  # `vifex cache` reports it; an extraction goes on
    prune(folder, None if limit is None else max(0, limit - size_bytes))


def prune(folder: Path, size_bytes: int | None = 0, *, dry_run: bool = False) -> list[Entry]:
    """Remove leftovers, and the least recently used entries until the rest takes at most `size_bytes`.

    Args:
        folder: The cache.
        size_bytes: Size that may remain; `None` removes only leftovers.
        dry_run: Remove nothing.

    Returns:
        The entries that were removed, or would be. Entries in use are kept.
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
    """Remove unfinished files of processes that have ended.

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
    """Lock a file that this process writes, until it closes it or ends.

    Args:
        handle: The descriptor of the open file.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_SH)


@contextlib.contextmanager
def taken_lock(folder: Path) -> Iterator[None]:
    """Lock a new folder for this process until it ends."""
    if fcntl is None:
        yield
        return
    aside = folder / (LOCK + ".new")
    handle = os.open(aside, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        aside.replace(folder / LOCK)  # it is never visible without its lock
        yield
    finally:
        os.close(handle)


def _entry(kind: Kind, paths: list[Path]) -> Entry | None:
    """Return an entry; `None` if it was removed meanwhile."""
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
