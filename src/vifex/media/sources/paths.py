"""A path from the user: a file, a folder, or a `file://` address."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vifex.media.remote.addresses import public
from vifex.media.sources.files import named_file
from vifex.media.sources.folders import is_store, walk
from vifex.media.sources.source import (
    Found,
    NothingHere,
    Source,
    failed,
    local_path,
    printable,
    remote,
    skipped,
    why,
)

__all__ = ["PATH", "not_yet", "read_path"]


def not_yet(scheme: str) -> str:
    """Return the outcome for an address of a scheme that is not read."""
    return f"{scheme}:// addresses cannot be read, only http(s), s3, gs, az and those of fsspec"


def read_path(given: str) -> Iterator[Found]:
    """Yield the file, or every file below the folder.

    Raises:
        NothingHere: If it is missing, empty, a store, or an address that is not a local file's.
    """
    path = _local(given)
    try:
        stat = os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except (OSError, ValueError) as exc:
        yield failed(path, printable(path), why(exc))
        return
    if not modes.S_ISDIR(stat.st_mode):
        yield named_file(path, printable(os.path.basename(path)), stat)  # noqa: PTH119
        return
    if is_store(path):
        raise NothingHere(
            failed(path, printable(path), "this is a store of features, not a folder of media", stat=stat),
            todo="Name the folder that holds the images and videos, and give the store with -o.",
        )
    empty = True
    for found in walk(path):
        empty = False
        yield found
    if empty:
        raise NothingHere(
            skipped(path, printable(path), "there is no file in this folder", stat),
            todo="Name a folder that holds images or videos.",
        )


def _local(given: str) -> str:
    scheme = remote(given)
    if scheme and not os.path.lexists(given):
        raise NothingHere(
            failed("", public(given), not_yet(scheme), uri=public(given)),
            todo="Copy the file to this machine and name its path.",
        )
    try:
        return local_path(given)
    except ValueError as exc:
        raise NothingHere(
            failed("", given, f"not the address of a local file: {exc}", uri=given),
            todo="Give its path instead.",
        ) from exc


def _missing(path: str) -> NothingHere:
    if os.path.islink(path):  # noqa: PTH114
        outcome = failed(path, printable(path), "a link that leads nowhere")
        return NothingHere(outcome, todo="Fix the link or name the file itself.")
    outcome = failed(path, printable(path) or "(an empty path)", "there is no such file or folder")
    return NothingHere(outcome, todo=f"Check the path; relative ones start at {printable(str(Path.cwd()))}.")


def _read(given: str, stdin: BinaryIO | None) -> Iterator[Found]:
    return read_path(given)


def _rank(given: str) -> int:
    try:
        return 2 if os.path.isdir(local_path(given)) else 1  # noqa: PTH112
    except ValueError:
        return 1


PATH = Source(takes=lambda given: True, read=_read, rank=_rank)
