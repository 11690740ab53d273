"""Tracks and detections in the format of MOTChallenge (https://motchallenge.net): a text file for a sequence.

A sequence is a folder with `img1/000001.jpg` and so on, `gt/gt.txt` or `det/det.txt`, and `seqinfo.ini`. A
line is frame, track, left, top, width, height, and a confidence; all count from 1. The label of a box is its
track. Lines of the ground truth whose confidence is 0 are not to be considered, and are left out.
"""

from __future__ import annotations

import configparser
import csv
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

from vifex.media.places import base_name, is_remote, open_text, written
from vifex.media.remote.errors import TransferError
from vifex.media.sources.beside import beside, is_there, place_named
from vifex.media.sources.fields import corners_of
from vifex.media.sources.manifests import manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import printable, unreadable
from vifex.values.errors import InputError

__all__ = ["MOT"]

_FILES: Final = ("gt.txt", "det.txt")
_OF_TRUTH: Final = ("confidence", "class", "visibility")
_OF_DETECTION: Final = ("confidence",)
"""Columns behind the box, which are kept as extra ones."""


def _rows(path: str) -> Iterator[Row]:
    """Yield a row for each box; boxes of one frame need not be adjacent.

    Raises:
        InputError: If the file cannot be read.
    """
    sequence, lines_of = _sequence(path)
    images, suffix = _images(path, sequence)
    is_truth = base_name(lines_of) == "gt.txt"
    n_left_out = sum(_is_left_out(cells) for _, cells in _lines(lines_of)) if is_truth else 0
    note = f"boxes with a confidence of 0 are left out: {n_left_out:,}" if n_left_out else None
    for number, cells in _lines(lines_of):
        if is_truth and _is_left_out(cells):
            continue
        try:
            frame, track, *sides = (float(cell) for cell in cells[:6])
            if len(sides) != 4:
                raise ValueError
        except ValueError:
            problem = "it has no six numbers: frame, track, left, top, width, height"
            yield Row(number, {}, problem, note=note)
            continue
        left, top, width, height = sides
        name = f"{int(frame):06d}{suffix}"
        fields: dict[str, Any] = {"uri": beside(path, os.path.join(images, name))}  # noqa: PTH118
        fields |= corners_of([left - 1, top - 1, width, height], is_sized=True)
        fields |= {"label": str(int(track))} if track >= 0 else {}
        names = _OF_TRUTH if is_truth else _OF_DETECTION
        extra = {n: cell for n, cell in zip(names, cells[6:], strict=False) if cell.strip()}
        yield Row(number, fields, extra=extra, has_cells=True, note=note, name=name)


def _lines(path: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with open_text(path, newline="") as file:
            for number, cells in enumerate(csv.reader(file), 1):
                if cells:
                    yield number, cells
    except TransferError:
        raise
    except OSError as exc:
        raise unreadable(path, exc) from exc


def _is_left_out(cells: Sequence[str]) -> bool:
    return len(cells) > 6 and cells[6].strip() in ("0", "0.0")


def _sequence(path: str) -> tuple[str, str]:
    """Return the folder of a sequence from the file's own, and its file of boxes as it is read."""
    name = base_name(path)
    if name in _FILES:
        return "..", path
    found = (os.path.join(name.split(".", 1)[0], name) for name in _FILES)  # noqa: PTH118
    there = next((one for one in found if is_there(path, one)), None)
    if there is None:
        raise InputError(
            "it has neither gt/gt.txt nor det/det.txt.",
            of=printable(path),
            todo="Name the folder of the images instead.",
        )
    return "", place_named(beside(path, there))


def _images(path: str, sequence: str) -> tuple[str, str]:
    """Return the folder of a sequence's images, from that of a file of it, and their suffix."""
    folder, suffix = "img1", ".jpg"
    stated = configparser.ConfigParser()
    try:
        with open_text(place_named(beside(path, os.path.join(sequence, "seqinfo.ini")))) as file:  # noqa: PTH118
            stated.read_file(file)
        folder = stated.get("Sequence", "imDir", fallback=folder)
        suffix = stated.get("Sequence", "imExt", fallback=suffix)
    except (OSError, ValueError, configparser.Error):
        pass
    return os.path.join(sequence, folder), suffix  # noqa: PTH118


def _takes(path: str) -> bool:
    name = base_name(path)
    if name == "seqinfo.ini":
        return True
    whole = path if is_remote(path) else os.path.abspath(path)  # noqa: PTH100
    return name in _FILES and os.path.basename(os.path.dirname(written(whole))) == name.split(".", 1)[0]  # noqa: PTH119, PTH120


MOT = manifest_source(_rows, _takes, is_local=False)
