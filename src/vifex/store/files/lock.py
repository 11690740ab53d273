"""Locks of the operating system on files: held by an open handle, freed by the death of its process."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from vifex.values import StoreError

__all__ = ["FileLock", "NoLocksError"]

# Windows locks keep others from reading the locked bytes: lock one far behind any content.
_FAR = 1 << 40
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class NoLocksError(StoreError):
    """A file system has no locks."""


class FileLock:
    """An exclusive lock on one file, which may hold a few words about its holder.

    The handle is not inherited by programs that this process starts, so the lock ends with it.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd: int | None = fd

    @classmethod
    def take(cls, path: Path, *, create: bool = True) -> FileLock | None:
        """Lock the file now; return `None` if another holds it, or if it is not there and not to be made.

        Raises:
            NoLocksError: If the file system has no locks. No new file is left.
            OSError: If the file cannot be opened.
        """
        flags = os.O_RDWR | (os.O_CREAT if create else 0) | getattr(os, "O_BINARY", 0)
        while True:
            was_there = path.exists()
            try:
                fd = os.open(path, flags, 0o666)
            except FileNotFoundError:
                if create:
                    raise
                return None
            try:
                if not _lock(fd, path):
                    os.close(fd)
                    return None
                # The file may have been removed, or removed and created again, before it was locked.
                if _same(fd, path):
                    return cls(path, fd)
            except BaseException:
                os.close(fd)
                if not was_there:
                    with contextlib.suppress(OSError):
                        path.unlink()  # an empty file that nobody can lock is of no use
                raise
            os.close(fd)
            if not create:
                return None

    def write(self, text: str) -> None:
        """Replace the content. Who reads meanwhile may see a mix and must not trust what does not parse."""
        if self._fd is None:
            raise ValueError("the lock is free")
        data = text.encode()
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, data)
        os.ftruncate(self._fd, len(data))

    def free(self, *, remove: bool = False) -> None:
        """Return the lock back, and remove the file if it is only there for the lock."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if remove and os.name != "nt":
            self.path.unlink(missing_ok=True)  # while still locked, so that nobody takes a dying file
        os.close(fd)
        if remove and os.name == "nt":
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)


def _same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _lock(fd: int, path: Path) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, _FAR, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno in _BUSY:
            return False
        if exc.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise NoLocksError(
                "the file system of this store offers no locks, so it can be read but not written.",
                of=str(path),
                todo="Keep the store on a local disk, or on a network share that has locks.",
            ) from exc
        raise
    return True
