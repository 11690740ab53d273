"""Syncing files and folders to the disk, and small files that are written aside and renamed.

Lance syncs nothing, so these calls keep the order of the commit protocol. At an object store an answered PUT
is kept, and nothing is left to sync.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place

__all__ = ["sync_all", "sync_ancestors", "sync_file", "sync_folder", "sync_tree", "write_aside"]


def sync_file(path: Place) -> None:
    """Sync the bytes of a file."""
    if isinstance(path, ObjectPath):
        return
    # Windows flushes only what was opened for writing.
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) if os.name == "nt" else os.O_RDONLY
    fd = os.open(path, flags)
    try:
        _flush(fd)
    finally:
        os.close(fd)


def sync_folder(path: Place) -> None:
    """Sync the names in a folder."""
    if os.name == "nt" or isinstance(path, ObjectPath):
        return  # Windows has no such call; NTFS journals its names
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(fd)
    finally:
        os.close(fd)


def sync_ancestors(path: Path) -> None:
    """Sync every folder above `path` on its file system, so that its own name is on the disk too.

    It is not known who made these folders, and whether that process synced them.
    """
    path = path.absolute()
    device = path.stat().st_dev
    for folder in path.parents:
        try:
            if folder.stat().st_dev != device:
                return
            sync_folder(folder)
        except PermissionError:
            return  # this process did not make a folder that it may not read


def sync_tree(path: Path) -> None:
    """Sync every file and folder below `path`, leaves first, and `path` itself."""
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            sync_file(Path(folder, name))
        sync_folder(Path(folder))


def write_aside(path: Place, text: str) -> None:
    """Write a small file so that it exists whole or not at all."""
    if isinstance(path, ObjectPath):
        path.write_bytes(text.encode())
        return
    aside = path.with_name(path.name + ".tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        _flush(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_all(files: Iterable[Place], folders: Iterable[Place]) -> None:
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
