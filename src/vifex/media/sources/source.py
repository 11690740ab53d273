"""The interface of sources, and the reasons that they give."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes, urlsplit

from vifex.values.errors import InputError
from vifex.values.media import Kind, Medium, Span, path_to_uri
from vifex.values.outcomes import Outcome, Status

__all__ = [
    "Found",
    "NothingHere",
    "Notice",
    "Source",
    "failed",
    "file_test",
    "local_path",
    "printable",
    "remote",
    "skipped",
    "why",
]

Found = Medium | Outcome
"""A medium to decode, or the outcome of one that cannot be tried."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know about a source as a whole; its media are not affected."""

    text: str
    """Whole sentences."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of source: one line in the registry."""

    takes: Callable[[str], bool]
    """Whether this kind reads what the user gave."""
    read: Callable[[str, BinaryIO | None], Iterator[Found | Notice]]
    """Yields the media in a fixed order; the second argument is standard input."""
    rank: Callable[[str], int] = lambda given: 2
    """Sources of a lower rank are read first, and a medium that occurs twice is taken from the first: 0 for
    sources that state more than the path, 1 for files named one by one, 2 for the rest."""


class NothingHere(InputError):
    """A source is missing or empty.

    If it is the only one, it ends the run; if other sources give media, it is an outcome.
    """

    def __init__(self, outcome: Outcome, *, todo: str) -> None:
        super().__init__(f"{outcome.reason}.", of=outcome.medium.name, todo=todo)
        self.outcome = outcome

    def __reduce__(self) -> tuple[object, ...]:
        return (_nothing_here, (self.outcome, self.todo))


def _nothing_here(outcome: Outcome, todo: str) -> NothingHere:
    return NothingHere(outcome, todo=todo)


def printable(path: str) -> str:
    r"""Return a path as text that any file can hold: `/` between its parts, undecodable bytes as `\xNN`."""
    if os.name == "nt":
        return path.replace("\\", "/").encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
    return os.fsencode(path).decode("utf-8", "backslashreplace")


_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")


def remote(given: str) -> str | None:
    """Return the scheme of an address that is not a local file's, in lower case; else `None`."""
    match = _ADDRESS.match(given)
    scheme = match.group(1).lower() if match else None
    return scheme if scheme != "file" else None


def local_path(given: str) -> str:
    """Return the path of a path or a `file://` address.

    Raises:
        ValueError: If the address is not a local file's, or is not valid; the message says why.
    """
    if not re.match("file://", given, re.IGNORECASE):
        return given
    parts = urlsplit(given)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"the file is on another host, {parts.netloc}")
    if parts.query or parts.fragment or given.endswith(("?", "#")):
        raise ValueError("? and # in a file:// address must be written %3F and %23")
    path = os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "surrogateescape")))
    return path.lstrip("/") if os.name == "nt" else path


def file_test(takes: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return the test `Source.takes` of a kind that is known by the path of a local file.

    Args:
        takes: Whether a path is one of the kind.
    """

    def test(given: str) -> bool:
        try:
            path = local_path(given)
            return takes(path) and os.path.isfile(path)  # noqa: PTH113
        except ValueError:
            return False

    return test


def skipped(path: str, name: str, reason: str, stat: os.stat_result | None = None) -> Outcome:
    """Return the outcome of a file that is skipped for its kind."""
    return _outcome("skipped", path_to_uri(path), name, reason, stat=stat)


def failed(
    path: str,
    name: str,
    reason: str,
    *,
    stat: os.stat_result | None = None,
    span: Span | None = None,
    uri: str | None = None,
) -> Outcome:
    """Return the outcome of a file or an address that cannot be tried."""
    return _outcome("failed", uri or path_to_uri(path), name, reason, stat=stat, span=span)


def _outcome(
    status: Status,
    uri: str,
    name: str,
    reason: str,
    *,
    stat: os.stat_result | None = None,
    span: Span | None = None,
) -> Outcome:
    medium = medium_of(uri, name, "unknown", stat, span=span)
    return Outcome(medium=medium, status=status, reason=reason)


def medium_of(
    uri: str, name: str, kind: Kind, stat: os.stat_result | None, *, span: Span | None = None
) -> Medium:
    """Make a medium; if its file cannot be examined, its size and time are 0."""
    size_bytes, mtime_ns, device = (stat.st_size, stat.st_mtime_ns, stat.st_dev) if stat else (0, 0, 0)
    return Medium(uri, name, kind, size_bytes, mtime_ns, span=span, device=device)


_WORDS: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "there is no such file or folder",
    errno.ELOOP: "a link that leads back to itself",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "its path is longer than this system allows",
}


def why(problem: OSError | ValueError) -> str:
    """Return in plain words why a path could not be examined."""
    if isinstance(problem, OSError):
        code = problem.errno or 0
        return _WORDS.get(code, f"it cannot be read: {problem.strerror or problem}")
    return "this is not a valid file name"
