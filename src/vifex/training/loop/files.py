"""Files that are whole or absent: written aside, synced, then moved into place."""

from __future__ import annotations

import os
from pathlib import Path

from vifex.values import TrainingError

__all__ = ["write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one step; a failure leaves the old one as it was.

    Raises:
        TrainingError: If it cannot be written, e.g. because the disk is full.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        aside.unlink(missing_ok=True)
        raise TrainingError(
            f"the file cannot be written: {(exc.strerror or str(exc)).lower()}.",
            of=str(path),
            todo="Free some space or choose another folder, then run the same command again: it goes on from "
            "the last checkpoint.",
        ) from exc


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
