"""The interface of sources, and the reasons that they give."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, TextIO
from urllib.parse import unquote_to_bytes, urlsplit

from vifex.media.places import PlaceStat, is_remote, open_text, shown, uri_of
from vifex.media.remote.addresses import address_of, scheme_of
from vifex.media.remote.errors import TransferError
from vifex.values.errors import InputError
from vifex.values.media import Kind, Medium, Span
from vifex.values.outcomes import Outcome, Status

__all__ = [
    "FileStat",
    "Found",
    "NothingHere",
    "Notice",
    "Source",
    "failed",
    "failed_by",
    "file_test",
    "local_path",
    "medium_of",
    "parsed",
    "place_given",
    "printable",
    "remote",
    "skipped",
    "unreadable",
    "why",
]

FileStat = os.stat_result | PlaceStat

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
    r"""Return a place as text that any file can hold: `/` between its parts, undecodable bytes as `\xNN`.

    Of an address, secrets are left out.
    """
    path = shown(path)
    if os.name == "nt":
        return path.replace("\\", "/").encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace")
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def remote(given: str) -> str | None:
    """Return the scheme of an address that is not a local file's, in lower case; else `None`."""
    return scheme_of(given)


def place_given(given: str) -> str:
    """Return the place that a user names by a path or an address.

    Raises:
        ValueError: If it is an address that cannot be read; the message says why.
    """
    if is_remote(given) and not os.path.lexists(given):
        return address_of(given).access
    return local_path(given)


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


def file_test(takes: Callable[[str], bool], *, is_local: bool = False) -> Callable[[str], bool]:
    """Return the test `Source.takes` of a kind that is known by the path of a file.

    Args:
        takes: Whether a path or an address is one of the kind.
        is_local: Whether files at remote addresses are none of the kind.
    """

    def test(given: str) -> bool:
        try:
            place = place_given(given)
            if is_remote(place):
                return not is_local and not place.endswith("/") and takes(place)
            return takes(place) and os.path.isfile(place)  # noqa: PTH113
        except ValueError:
            return False

    return test


def skipped(path: str, name: str, reason: str, stat: FileStat | None = None) -> Outcome:
    """Return the outcome of a file that is skipped for its kind."""
    return _outcome("skipped", uri_of(path), name, reason, stat=stat)


def failed(
    path: str,
    name: str,
    reason: str,
    *,
    stat: FileStat | None = None,
    span: Span | None = None,
    uri: str | None = None,
) -> Outcome:
    """Return the outcome of a file or an address that cannot be tried."""
    return _outcome("failed", uri or uri_of(path), name, reason, stat=stat, span=span)


def failed_by(place: str, name: str, problem: OSError | ValueError) -> Outcome:
    """Return the outcome of a file that could not be examined; maybe its server could not be asked."""
    outcome = failed(place, name, why(problem))
    is_unknown = isinstance(problem, TransferError) and not problem.is_of_file
    return replace(outcome, is_unknown=is_unknown)


def _outcome(
    status: Status,
    uri: str,
    name: str,
    reason: str,
    *,
    stat: FileStat | None = None,
    span: Span | None = None,
) -> Outcome:
    medium = medium_of(uri, name, "unknown", stat, span=span)
    return Outcome(medium=medium, status=status, reason=reason)


def medium_of(
    uri: str,
    name: str,
    kind: Kind,
    stat: FileStat | None,
    *,
    span: Span | None = None,
    place: str | None = None,
) -> Medium:
    """Make a medium; if its file cannot be examined, its size and time are 0.

    Args:
        uri: Its address.
        name: What to call it.
        kind: What it seems to be.
        stat: Facts of its file.
        span: The part of it that is meant.
        place: Where it is read, if that is an address with secrets.
    """
    size_bytes, mtime_ns, device = (stat.st_size, stat.st_mtime_ns, stat.st_dev) if stat else (0, 0, 0)
    access = place if place and is_remote(place) and place != uri.partition("#")[0] else None
    return Medium(uri, name, kind, size_bytes, mtime_ns, span=span, device=device, access=access)


_WORDS: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "there is no such file or folder",
    errno.ELOOP: "a link that leads back to itself",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "its path is longer than this system allows",
}


def unreadable(path: str, exc: OSError, what: str = "file") -> InputError:
    """Return the error of a file that states media and that the system does not let be read."""
    return InputError(f"{why(exc)}.", of=printable(path), todo=f"Give a {what} that can be read.")


def parsed(
    path: str,
    parse: Callable[[TextIO], Any],
    *,
    wrong: tuple[type[Exception], ...],
    language: str,
    todo: str,
) -> Any:
    """Read a file of annotations in UTF-8.

    Args:
        path: Of the file, or its address.
        parse: Reads it.
        wrong: What is raised where the file is not in UTF-8 or not written in its language.
        language: Its name, e.g. `JSON`.
        todo: Which file is wanted.

    Raises:
        InputError: If it cannot be read, or is not in UTF-8 or in its language.
        TransferError: If its server does not give it.
    """
    try:
        with open_text(path) as file:
            return parse(file)
    except TransferError:
        raise
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except wrong as exc:
        raise InputError(f"this is not {language} in UTF-8.", of=printable(path), todo=todo) from exc


def why(problem: OSError | ValueError) -> str:
    """Return in plain words why a path could not be examined."""
    if isinstance(problem, TransferError):
        return problem.reason
    if isinstance(problem, OSError):
        if problem.errno is None:
            return str(problem)  # the sentence of a reader
        return _WORDS.get(problem.errno, f"it cannot be read: {problem.strerror or problem}")
    return "this is not a valid file name"
