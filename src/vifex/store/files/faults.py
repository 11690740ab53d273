"""Failures of tables: every one becomes a `BrokenTableError` or a `StoreError`.

A `BrokenTableError` says that files are damaged, a `StoreError` that the system fails. Lance is written in
Rust and panics over some damaged files; Python sees a `PanicException`, which is no `Exception`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from typing import Final

from vifex.store.files.places.client import network_cause
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place
from vifex.values import StoreError

__all__ = [
    "BrokenTableError",
    "DamagedError",
    "broken",
    "cut_short",
    "damaged",
    "explained",
    "is_panic",
    "lance_calls",
    "system_error",
    "unreached",
]

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
    errno.ENAMETOOLONG: ("a name in the path is too long.", "Choose a shorter path"),
    errno.EPERM: ("the system does not permit that.", "Change the permissions or choose another folder"),
    errno.EIO: ("the disk reports an input/output error.", "Check the disk"),
}
"""By the system's number, which Lance puts into its messages: what happened, and what to do first."""
if os.name == "nt":
    # Windows has its own numbers for a full disk.
    _ERRORS[112] = _ERRORS[39] = _ERRORS[errno.ENOSPC]

_FAILURES: Final = (OSError, ValueError, RuntimeError, LookupError, TypeError, MemoryError)
"""What Lance and Arrow raise over damaged files; a damaged length can ask for any amount of memory."""
_SHOWN_CHARS: Final = 200


class BrokenTableError(Exception):
    """A version of a table does not read as what it should be."""


class DamagedError(StoreError):
    """A store's files are not as they were written."""


def is_panic(exc: BaseException) -> bool:
    """Return whether an exception is a panic of a Rust library; it derives from `BaseException`."""
    return type(exc).__name__ == "PanicException" and not isinstance(exc, Exception)


def system_error(exc: BaseException) -> int | None:
    """Return the system's error number behind an exception of Python or of Lance, if there is one."""
    number = getattr(exc, "errno", None)
    if isinstance(number, int):
        return number
    found = re.search(r"\(os error (\d+)\)", str(exc))
    return int(found[1]) if found else None


def broken(exc: BaseException, path: Place, what: str) -> BrokenTableError:
    """Return the error that says that a table is damaged, unless it is the machine that fails.

    Raises:
        StoreError: If the system would not let the table be read: nothing may be given up for that.
    """
    unreachable = network_cause(exc) if isinstance(path, ObjectPath) else None
    if unreachable is not None:
        raise unreached(path, unreachable) from exc
    # A missing file, or an impossible place in a file, is damage and no failure of the machine.
    if system_error(exc) not in (None, errno.ENOENT, errno.EINVAL):
        raise StoreError("the store cannot be read.", of=str(path), todo=f"{_cause(exc)}.") from exc
    return BrokenTableError(f"{what}: {_cause(exc)}")


@contextlib.contextmanager
def lance_calls(path: Place, what: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what Lance raises over damaged files into `BrokenTableError`.

    Args:
        path: Folder of the table.
        what: What cannot be done, for the message.
        writing: Whether an error of the system passes as it is; the caller explains it.
    """
    try:
        yield
    except _FAILURES as exc:
        if writing and (system_error(exc) is not None or not _by_lance(exc)):
            raise
        raise broken(exc, path, what) from exc
    except BaseException as exc:
        if not is_panic(exc):
            raise
        raise BrokenTableError(f"{what}: {_cause(exc)}") from exc


def damaged(exc: BrokenTableError, of: Place) -> DamagedError:
    """Return the error that a user sees of a damaged table."""
    return DamagedError(
        f"the store is damaged ({exc}).",
        of=str(of),
        todo=f"Run `vifex check {of}`: it names the damaged files and the media they belong to.",
    )


def cut_short(file: Place) -> StoreError:
    """Return the error that says that the system wrote only a part of a file."""
    return StoreError(
        "the system kept only a part of a file that was written.",
        of=str(file),
        todo="Free some space or raise the limit on the size of files (ulimit -f), then run the same command "
        "again: all that was committed is kept.",
    )


@contextlib.contextmanager
def explained(of: Place) -> Iterator[None]:
    """Turn damage, and failures of the system that a user can resolve, into a `StoreError`; others pass."""
    try:
        yield
    except BrokenTableError as exc:
        raise damaged(exc, of) from exc
    except (OSError, ValueError, RuntimeError) as exc:
        known = _ERRORS.get(system_error(exc) or 0)
        unreachable = network_cause(exc) if isinstance(of, ObjectPath) else None
        if unreachable is not None:
            raise unreached(of, unreachable) from exc
        if known is None and isinstance(of, ObjectPath) and isinstance(exc, FileNotFoundError):
            raise StoreError(
                "an object of this store is gone: another process took the store over or removed it.",
                of=str(exc.filename or of),
                todo="Run the same command again when that process has ended: all committed media are kept.",
            ) from exc
        if known is None:
            raise
        what, todo = known
        raise StoreError(
            what, of=str(of), todo=f"{todo}, then run the same command again: all that was committed is kept."
        ) from exc


def unreached(of: Place, cause: str) -> StoreError:
    """Return the error that says that an object store failed."""
    return StoreError(
        f"{cause}.",
        of=str(of),
        todo="Check the network and the credentials, then run the same command again: all that was committed "
        "is kept.",
    )


def _by_lance(exc: BaseException) -> bool:
    # Lance ends most messages with the place in its own source.
    return re.search(r"LanceError\(|\.rs:\d", str(exc)) is not None or type(exc).__module__.startswith(
        "pyarrow"
    )


def _cause(exc: BaseException) -> str:
    """The first line of a message, without the place in Lance's source."""
    text = str(exc).strip().partition("\n")[0]
    text = re.sub(r",? ?(?:at )?[^\s,]*\.rs:\d+(?::\d+)?", "", text).rstrip(". ")
    shown = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
    return f"Lance panicked: {shown}" if is_panic(exc) else shown
