"""What archives hold, kept in the user's cache: an archive that was listed before is not read to list it.

An index is the stream that listing an archive gave, under a hash of the archive's address and the facts by
which a change shows: size, times of change, inode. It is used whole or not at all. None is kept of an archive
that is damaged or could not be read everywhere, since the reason may pass.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from vifex.media.places import is_remote, shown, uri_of
from vifex.media.sources.source import FileStat, Found, Notice, medium_of
from vifex.values.media import Medium
from vifex.values.outcomes import Outcome
from vifex.values.user_cache import cache_folder

__all__ = ["indexed"]

_RULES: Final = (
    "archive_index",
    "archives",
    "extras",
    "fields",
    "files",
    "ignored",
    "kinds",
    "source",
)
"""Modules that decide what is listed, with those of `media/members`: other code lists otherwise."""
_SETTLED_NS: Final = 2_000_000_000
"""An archive that changed within this time is not indexed: it may change again without a new time."""
_FOLDER: Final = "archives"
_SUFFIX: Final = ".index"


def indexed(
    path: str, stat: FileStat, listing: Iterator[Found | Notice], is_sure: Callable[[], bool]
) -> Iterator[Found | Notice]:
    """Yield what a listing gives, from the index where there is one; else it is written at the end.

    Args:
        path: Of the archive, or its address.
        stat: Facts of the archive as they are now.
        listing: Lists it; it is not started if there is an index.
        is_sure: Whether all of it could be read, asked at the end.
    """
    file = _file(path, stat)
    rows = _load(file) if file is not None else None
    if rows is not None:
        for row in rows:
            yield _found(row, path, stat)
        return
    rows = []
    for found in listing:
        rows.append(_row(found, path))
        yield found
    is_whole = is_sure() and all(len(row) == 1 or row[0] for row in rows)
    # The blocks of a remote archive are compared with what it was as they come.
    if file is not None and is_whole and (is_remote(path) or _file(path, os.stat(path)) == file):  # noqa: PTH116
        _save(file, rows)


def _file(path: str, stat: FileStat) -> Path | None:
    """Return the file of the index; `None` if a change of the archive might not show."""
    facts: tuple[Any, ...] = (stat.st_size, stat.st_mtime_ns)
    changed_ns = stat.st_mtime_ns
    if isinstance(stat, os.stat_result):
        facts += (stat.st_ino, stat.st_ctime_ns)
        changed_ns = max(changed_ns, stat.st_ctime_ns)
    if (is_remote(path) and not changed_ns) or time.time_ns() - changed_ns < _SETTLED_NS:
        return None
    # Messages in it have the path as it was given.
    key = hashlib.sha256(repr((_rules(), shown(path), uri_of(path), facts)).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(RuntimeError):
        return cache_folder() / _FOLDER / (key.hexdigest()[:32] + _SUFFIX)
    return None


@lru_cache(maxsize=1)
def _rules() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    modules = [*(here / f"{name}.py" for name in _RULES), *sorted((here.parent / "members").glob("*.py"))]
    for module in modules:
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _load(file: Path) -> list[list[Any]] | None:
    try:
        packed = file.read_bytes()
        rows = json.loads(zlib.decompress(packed[4:])) if _check(packed[4:]) == packed[:4] else None
        with contextlib.suppress(OSError):
            os.utime(file)  # used just now
    except (OSError, ValueError, zlib.error):
        return None
    return rows if isinstance(rows, list) else None


def _save(file: Path, rows: list[list[Any]]) -> None:
    packed = zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)
    with contextlib.suppress(OSError):  # a full or read-only disk; the archive is then listed again
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_check(packed) + packed)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _check(packed: bytes) -> bytes:
    return zlib.crc32(packed).to_bytes(4, "little")


def _row(found: Found | Notice, path: str) -> list[Any]:
    """Return a row of JSON; addresses begin behind the archive's own."""
    if isinstance(found, Notice):
        return [found.text]
    medium: Medium = found.medium if isinstance(found, Outcome) else found
    row: list[Any] = [medium.uri[len(uri_of(path)) :], medium.name, medium.kind, medium.size_bytes]
    if isinstance(found, Outcome):
        return [*row, medium.mtime_ns > 0, found.status, found.reason]
    extent = None if medium.extent is None else medium.extent[0]
    return [*row, extent, medium.label, medium.split, medium.extra]


def _found(row: list[Any], path: str, stat: FileStat) -> Found | Notice:
    if len(row) == 1:
        return Notice(row[0])
    below, name, kind, size, *rest = row
    if len(rest) == 3:
        has_stat, status, reason = rest
        medium = medium_of(uri_of(path) + below, name, kind, stat if has_stat else None)
        return Outcome(medium=replace(medium, size_bytes=size), status=status, reason=reason)
    offset, label, split, extra = rest
    medium = medium_of(uri_of(path) + below, name, kind, stat, place=path)
    extent = None if offset is None else (offset, size)
    return replace(medium, size_bytes=size, extent=extent, label=label, split=split, extra=extra)
