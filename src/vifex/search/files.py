"""Output files and folders: they appear whole or not at all, and replace others only if that was requested.

A file is written under a temporary name, synced, then renamed. Files inside a store are never replaced.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vifex.store.files.inside import store_around
from vifex.store.files.sync import sync_file, sync_tree
from vifex.values import InputError

__all__ = ["check_names_file", "check_target", "folder_written_whole", "written_whole"]


def check_names_file(path: str | os.PathLike[str]) -> None:
    """Check that a path names a file.

    Raises:
        InputError: If it ends in a separator, or is a folder.
    """
    text = os.fspath(path)
    if text.endswith(tuple(filter(None, (os.sep, os.altsep)))) or os.path.isdir(text or "."):  # noqa: PTH112
        example = os.path.join(text, "result")  # noqa: PTH118
        raise InputError("this is a folder.", of=text or ".", todo=f"Name a file in it, e.g. {example}.")


@contextmanager
def written_whole(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path to write to; at the end the file there becomes `path` in one step.

    After an error or an interrupt nothing is left, and an older file at `path` is unchanged. A process
    that is killed may leave a hidden file `.NAME.XXXX.part` beside it.

    Args:
        path: The file to write; its folder must exist.
        overwrite: Whether it may replace a file.

    Raises:
        InputError: If `path` is taken, lies in a store or cannot be written, or if the disk is full.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite)
    # Beside the target, so that the rename stays on one disk; short, as names have at most 255 bytes.
    aside = target.with_name(f".{target.name[:32]}.{secrets.token_hex(4)}.part")
    try:
        _make(aside, target)
        with _translated(target):
            yield aside
            sync_file(aside)
            _take_place(aside, target, overwrite=overwrite)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(
    path: str | os.PathLike[str], *, overwrite: bool, is_own: Callable[[Path], bool], synced: bool = True
) -> Iterator[Path]:
    """Yield a temporary folder to write to; at the end it becomes the folder `path` in one step.

    Args:
        path: The folder to write; the one that it lies in must exist, and an empty one may be there.
        overwrite: Whether it may replace a folder.
        is_own: Whether a folder with files is one of the kind that is written: no other is replaced.
        synced: Whether each file is synced first, which takes milliseconds for each.

    Raises:
        InputError: If `path` is taken, lies in a store or cannot be written, or if the disk is full.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - links are the user's own
    _check_folder(target, overwrite=overwrite, is_own=is_own)
    aside = target.with_name(f".{target.name[:32]}.{secrets.token_hex(4)}.part")
    old = aside.with_suffix(".old")
    try:
        with _translated(target):
            aside.mkdir()
            yield aside
            if synced:
                sync_tree(aside)
            if target.is_dir():
                target.rename(old)
            aside.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _check_folder(target: Path, *, overwrite: bool, is_own: Callable[[Path], bool]) -> None:
    if not target.is_dir():
        check_target(target, overwrite=False)
        return
    check_target(target / "file", overwrite=True)
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise InputError(
            "this folder has files.", of=str(target), todo="Name a new folder, or give `overwrite=True`."
        )
    if not is_own(target):
        raise InputError(
            "this folder is not such an export, so it is not replaced.",
            of=str(target),
            todo="Name a new folder, or remove this one yourself.",
        )


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check that a file may be written, before the work for it is done.

    Args:
        path: The file to write.
        overwrite: Whether it may replace a file.

    Raises:
        InputError: If it is a folder or a device, lies in a store, has no folder, or is taken and may not be
            replaced.
    """
    target = Path(path)
    store = store_around(target)
    if store is not None:
        raise InputError(
            "this lies inside a store, and only the commands that fill a store write there.",
            of=str(target),
            todo=f"Name a file outside of {store}.",
        )
    if target.is_dir():
        raise InputError("this is a folder.", of=str(target), todo="Name a file in it.")
    if target.exists() and not target.is_file():
        # A rename would put a plain file in the place of /dev/null, for all programs of the machine.
        raise InputError(
            "this is a device, a pipe or a socket, not a file.",
            of=str(target),
            todo="Name a file.",
        )
    if not overwrite and (target.exists() or target.is_symlink()):
        raise _taken(target)
    if not target.parent.is_dir():
        raise InputError(
            "the folder to write to does not exist.", of=str(target.parent), todo="Make it first."
        )


def _taken(target: Path) -> InputError:
    return InputError(
        "the file exists already.",
        of=str(target),
        todo="Choose another name, or replace it with `overwrite=True`.",
    )


def _make(aside: Path, target: Path) -> None:
    """Create the empty file. Nothing is read yet, so every error here concerns the target folder."""
    try:
        with _translated(target):
            aside.touch(exist_ok=False)
    except OSError as exc:
        raise InputError(
            f"no file can be made here ({exc.strerror}).", of=str(target), todo="Write to another folder."
        ) from exc


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    """Return one sentence that says what kept a file from being written. Errors of reading pass."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                "the disk is full; nothing was written.",
                of=str(target),
                todo="Free space or write elsewhere.",
            ) from exc
        if exc.errno == errno.EFBIG:
            raise InputError(
                "the file grew larger than its disk allows; nothing was written.",
                of=str(target),
                todo="Write elsewhere, or fewer rows.",
            ) from exc
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise InputError(
                "there is no permission to write here.", of=str(target), todo="Write to another folder."
            ) from exc
        raise


def _take_place(aside: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        aside.replace(target)
        return
    try:
        # A hard link fails where the name is taken, so a file made meanwhile is safe too.
        target.hardlink_to(aside)
    except FileExistsError as exc:
        raise _taken(target) from exc
    except OSError:  # a disk without hard links
        check_target(target, overwrite=False)
        aside.replace(target)
