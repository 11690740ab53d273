"""What makes bytes last: fsync of files and folders, and files written aside and renamed.

Lance syncs nothing by itself, so the order of the commit protocol is held by these calls.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vifex.values import StoreError

__all__ = ["explained", "sync_all", "sync_file", "sync_folder", "sync_tree", "system_error", "write_aside"]

_ERRORS: Final[dict[int, tuple[str, str]]] = {
    errno.ENOSPC: ("the disk is full.", "Free some space"),
    errno.EDQUOT: ("the disk quota is used up.", "Free some space or have the quota raised"),
    errno.EFBIG: (
        "a file would grow beyond what the file system or the process may write.",
        "Raise that limit",
    ),
    errno.EROFS: ("the file system is mounted read-only.", "Mount it for writing or choose another folder"),
    errno.EACCES: ("the folder may not be written.", "Change its permissions or choose another folder"),
    errno.EMFILE: ("the process has too many files open.", "Raise the limit (ulimit -n)"),
    errno.EIO: ("the disk reports an input/output error.", "Check the disk"),
}
"""By the system's number, which Lance puts into its messages: what happened, and what to do first."""
if os.name == "nt":
    # Windows speaks of a full disk by numbers of its own.
    _ERRORS[112] = _ERRORS[39] = _ERRORS[errno.ENOSPC]


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    # Windows flushes only what was opened for writing.
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) if os.name == "nt" else os.O_RDONLY
    fd = os.open(path, flags)
    try:
        _flush(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Return when the folder's list of names is on the disk."""
    if os.name == "nt":
        return  # Windows has no such call; NTFS journals its names
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(fd)
    finally:
        os.close(fd)


def sync_tree(path: Path) -> None:
    """Sync every file and folder below `path`, leaves first, and `path` itself."""
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))


def write_aside(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    aside = path.with_name(path.name + ".tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        _flush(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def system_error(exc: BaseException) -> int | None:
    """Give the system's error number behind an exception of Python or of Lance, if there is one."""
    number = getattr(exc, "errno", None)
    if isinstance(number, int):
        return number
    found = re.search(r"\(os error (\d+)\)", str(exc))
    return int(found[1]) if found else None


@contextlib.contextmanager
def explained(of: Path) -> Iterator[None]:
    """Turn a failure of the system that a user can mend into a `StoreError`; others pass as they are."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as exc:
        known = _ERRORS.get(system_error(exc) or 0)
        if known is None:
            raise
        what, todo = known
        raise StoreError(
            what, of=str(of), todo=f"{todo}, then run the same command again: all that was committed is kept."
        ) from exc


def sync_all(files: Iterable[Path], folders: Iterable[Path]) -> None:
    """Sync files first and then the folders that name them."""
    for file in files:
        sync_file(file)
    for folder in folders:
        sync_folder(folder)


def _flush(fd: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # fsync of macOS stops at the drive's cache; this one does not.
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
    os.fsync(fd)
