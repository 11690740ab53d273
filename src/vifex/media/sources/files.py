"""One path: a medium, or the outcome that says why it is not one."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable
from typing import Final

from vifex.media.places import is_remote, stat_named, uri_of, written
from vifex.media.sources import kinds
from vifex.media.sources.source import FileStat, Found, failed, failed_by, medium_of, skipped, why
from vifex.values.media import Kind

__all__ = ["NOT_MEDIA", "found_file", "named_file", "named_remote"]

NOT_MEDIA: Final = "not an image or a video by its name and first bytes"

_SPECIAL: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (modes.S_ISDIR, "a folder, where a file is needed"),
    (modes.S_ISFIFO, "not a regular file but a named pipe"),
    (modes.S_ISSOCK, "not a regular file but a socket"),
    (modes.S_ISCHR, "not a regular file but a device"),
    (modes.S_ISBLK, "not a regular file but a device"),
)


def named_file(path: str, name: str, stat: os.stat_result | None = None) -> Found:
    """Take a file that the user named, by path or address: any file is tried, whatever it looks like."""
    if is_remote(path):
        try:
            return named_remote(path, name, stat_named(path))
        except OSError as exc:
            return failed_by(path, name, exc)
    try:
        stat = stat or os.stat(path)  # noqa: PTH116 - names of any bytes, and a hot path
    except (OSError, ValueError) as exc:
        return failed(path, name, why(exc))
    special = _special(stat)
    if special:
        return failed(path, name, special, stat=stat)
    return medium_of(uri_of(path), name, _kind(path) or "unknown", stat)


def named_remote(place: str, name: str, stat: FileStat) -> Found:
    """Take a file that the user named by its address."""
    return medium_of(uri_of(place), name, kinds.by_name(written(place)) or "unknown", stat, place=place)


def found_file(path: str, name: str, stat: os.stat_result) -> Found:
    """Take a file from a folder: it is skipped if it is not a medium by its name and first bytes."""
    special = _special(stat)
    if special:
        return failed(path, name, special, stat=stat)
    try:
        kind = _kind(path, strict=True)
    except OSError as exc:
        return failed(path, name, why(exc), stat=stat)
    if kind is None:
        return skipped(path, name, kinds.NOT_PIXELS.get(kinds.suffix_of(path), NOT_MEDIA), stat)
    return medium_of(uri_of(path), name, kind, stat)


def _special(stat: os.stat_result) -> str | None:
    if modes.S_ISREG(stat.st_mode):
        return None
    return next((words for test, words in _SPECIAL if test(stat.st_mode)), "not a regular file")


def _kind(path: str, *, strict: bool = False) -> Kind | None:
    """Return the kind by the name, or by the first bytes if the name does not say it.

    If the suffix is one of a medium, the file is not opened: the decoder opens it anyway and sees its real
    kind, and a folder of ten million images is listed without ten million reads.
    """
    kind = kinds.by_name(path)
    if kind and not kinds.may_be_text(path):
        return kind
    try:
        head = _head(path)
    except OSError:
        if strict:
            raise
        return kind
    if kind and kinds.is_text(head):
        return None
    return kinds.by_head(head) or kind


def _head(path: str) -> bytes:
    # Without O_NONBLOCK, a pipe that has replaced the file meanwhile would block.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        return os.read(handle, kinds.HEAD_BYTES)
    finally:
        os.close(handle)
