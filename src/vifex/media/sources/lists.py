"""A list on standard input: one path per line, or separated by NUL bytes as `find -print0` writes them.

Every path is treated as a named source: files are tried whatever they look like, and folders are read
recursively. The bytes of a path are kept as they are.
"""

from __future__ import annotations

import os
import stat as modes
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

from vifex.media.places import is_remote
from vifex.media.remote.pool import mapped
from vifex.media.sources.files import named_file
from vifex.media.sources.paths import read_path
from vifex.media.sources.remote import named_address, read_address
from vifex.media.sources.source import Found, NothingHere, Source, printable, skipped
from vifex.values.errors import InputError

__all__ = ["LIST", "paths_of"]

_FIRST_BYTES: Final = 8192
"""Longest path in bytes; within it a list that is separated by NUL has a NUL."""

_BLOCK_BYTES: Final = 1 << 16


def paths_of(stream: BinaryIO) -> Iterator[str]:
    """Yield the paths of a list as a stream; undecodable bytes become surrogates.

    Raises:
        InputError: If the list is UTF-16.
    """
    block = _first(stream)
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("the list is UTF-16.", of="standard input", todo="Write it as UTF-8.")
    block = block.removeprefix(b"\xef\xbb\xbf")
    end = b"\0" if b"\0" in block else b"\n"
    rest = b""
    while block:
        *whole, rest = (rest + block).split(end)
        for line in whole:
            yield from _path(line, end)
        block = stream.read(_BLOCK_BYTES)
    yield from _path(rest, end)


def _first(stream: BinaryIO) -> bytes:
    block = b""
    while len(block) < _FIRST_BYTES:
        more = stream.read(_FIRST_BYTES - len(block))
        if not more:
            break
        block += more
    return block


def _path(line: bytes, end: bytes) -> Iterator[str]:
    if end == b"\n" and line.endswith(b"\r") and not os.path.lexists(os.fsdecode(line)):
        line = line[:-1]
    if line:
        yield os.fsdecode(line)


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found]:
    """Yield the media of the list.

    Raises:
        NothingHere: If the list is empty.
    """
    empty = True
    for found in mapped(_take, paths_of(stdin or sys.stdin.buffer), _is_address):
        empty = False
        yield from found
    if empty:
        raise NothingHere(
            skipped("-", "standard input", "the list is empty"),
            todo="Give one path per line, or NUL after each.",
        )


def _is_address(path: str) -> bool:
    return is_remote(path) and not os.path.lexists(path)


def _take(path: str) -> Iterator[Found]:
    if _is_address(path):
        try:
            found = named_address(path)
        except NothingHere as nothing:
            found = nothing.outcome
        return _local(path) if found is None else iter((found,))
    return _local(path)


def _local(path: str) -> Iterator[Found]:
    """Yield the media of a path, or of a prefix of a bucket."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        stat = None
    if stat and not modes.S_ISDIR(stat.st_mode):
        yield named_file(path, printable(path), stat)
        return
    try:
        yield from read_address(path) if _is_address(path) else read_path(path)
    except NothingHere as nothing:
        yield nothing.outcome


LIST = Source(takes=lambda given: given == "-", read=_read, rank=lambda given: 1)
