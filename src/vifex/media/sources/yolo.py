"""Boxes in the format of YOLO (https://docs.ultralytics.com/datasets/detect): a text file for each image.

A YAML file names the folders of images (`path`, `train`, `val`, `test`) and the classes (`names`). The text
of `images/a/b.jpg` is `labels/a/b.txt`. A line is a class, then the centre, width and height of a box as
parts of the image; or the corners of a polygon, whose bounds are the box.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from vifex.media.places import is_remote, open_text, written
from vifex.media.remote import transfer
from vifex.media.remote.addresses import WEB
from vifex.media.remote.errors import TransferError
from vifex.media.remote.pool import mapped
from vifex.media.sources import kinds
from vifex.media.sources.beside import beside, place_named
from vifex.media.sources.manifests import head_of, manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import parsed, printable
from vifex.values.errors import InputError
from vifex.values.registry import require

__all__ = ["YOLO"]

_SPLITS: Final = ("train", "val", "test")
_FORM: Final = (
    "Give the YAML file of a data set of YOLO: names, and train, val or test with folders of images."
)


def _rows(path: str) -> Iterator[Row]:
    """Yield a row for each box, and one for each image without boxes.

    Raises:
        InputError: If the file cannot be read or is not of this format.
        MissingExtraError: If no reader of YAML is installed.
    """
    data = _load(path)
    names = data.get("names", {})
    classes = dict(enumerate(names)) if isinstance(names, list) else dict(names)
    number = 0
    found = mapped(_with_lines, _images(path, data), lambda one: is_remote(one[1]))
    for (split, image, name), lines in found:
        stated = {"uri": image, "split": split}
        if not lines:
            number += 1
            where = f"image {printable(os.path.basename(image))}"  # noqa: PTH119
            yield Row(number, stated, where=where, name=name)
        for place, cells in lines:
            number += 1
            where = f"{printable(os.path.basename(_labels_of(image)))}, line {place}"  # noqa: PTH119
            yield replace(_box(number, stated, cells, classes, where), name=name)


def _with_lines(one: tuple[str, str, str]) -> tuple[tuple[str, str, str], list[tuple[int, list[str]]]]:
    return one, list(_lines(place_named(_labels_of(one[1]))))


def _box(
    number: int, stated: Mapping[str, Any], cells: Sequence[str], classes: Mapping[Any, Any], where: str
) -> Row:
    try:
        code, *values = (float(cell) for cell in cells)
        xs: Sequence[float]
        ys: Sequence[float]
        if len(values) == 4:
            x, y, width, height = values
            xs, ys = (x - width / 2, x + width / 2), (y - height / 2, y + height / 2)
        elif len(values) >= 6 and len(values) % 2 == 0:
            xs, ys = tuple(values[::2]), tuple(values[1::2])
        else:
            raise ValueError
    except ValueError:
        return Row(number, stated, "it is neither a class with a box nor one with a polygon", where=where)
    label = str(classes.get(int(code), int(code)))
    sides = {"x0": min(xs), "y0": min(ys), "x1": max(xs), "y1": max(ys)}
    return Row(number, {**stated, "label": label, **sides}, where=where, is_relative=True)


def _load(path: str) -> dict[str, Any]:
    yaml = require("yaml", extra="yaml", needed_for="a data set of YOLO")
    data = parsed(
        path, yaml.safe_load, wrong=(yaml.YAMLError, UnicodeDecodeError), language="YAML", todo=_FORM
    )
    names = data.get("names", {}) if isinstance(data, dict) else None
    if not isinstance(names, dict | list) or not any(data.get(split) for split in _SPLITS):
        raise InputError("it names no folders of images.", of=printable(path), todo=_FORM)
    return dict(data)


def _images(path: str, data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the split, the path and the name of each image, in the order of names."""
    root = str(data.get("path") or "")
    if is_remote(path):
        yield from _remote_images(path, data, root)
        return
    root = beside(path, root)
    if not os.path.isdir(root):  # noqa: PTH112
        root = beside(path, "")  # a path that starts at the folder where YOLO was run
    for split in _SPLITS:
        given = data.get(split) or ()
        for one in [given] if isinstance(given, str) else given:
            for image in _of(os.path.join(root, str(one)), path):  # noqa: PTH118
                yield split, image, os.path.relpath(image, root)


def _remote_images(path: str, data: Mapping[str, Any], root: str) -> Iterator[tuple[str, str, str]]:
    """Yield the same for a file on another machine: of a bucket or a file system that can be listed."""
    for split in _SPLITS:
        given = data.get(split) or ()
        for one in [given] if isinstance(given, str) else given:
            places = (f"{root}/{one}" if root else str(one), str(one))
            found = (image for place in dict.fromkeys(places) for image in [_below(path, place)] if image)
            images = next(found, None)
            if images is None:
                raise InputError(f"it names {one}, which is not there.", of=printable(path), todo=_FORM)
            yield from ((split, image, name) for image, name in images)


def _below(path: str, folder: str) -> list[tuple[str, str]]:
    """Return the images of a folder, or of a list of paths, with their names."""
    try:
        named = beside(path, folder)
    except ValueError as exc:
        raise InputError(f"it names {folder}: {exc}.", of=printable(path), todo=_FORM) from exc
    if folder.endswith(".txt"):
        with open_text(place_named(named)) as file:
            return [(beside(place_named(named), line.strip()), line.strip()) for line in file if line.strip()]
    parts = urlsplit(place_named(named))
    if parts.scheme in WEB:
        raise InputError(
            f"it names the folder {folder}, and web servers cannot be listed.",
            of=printable(path),
            todo="Name a .txt file with a path of an image in each line.",
        )
    try:
        listed = [one.key for one in transfer.listing(f"{place_named(named).rstrip('/')}/")]
    except TransferError as exc:
        if exc.is_missing:
            return []
        raise
    top = f"{parts.scheme}://{parts.netloc}"
    return [(f"{top}/{key}", posixpath.basename(key)) for key in listed if kinds.by_name(key) == "image"]


def _of(place: str, path: str) -> Iterator[str]:
    """Yield the images of a folder, or of a list of paths."""
    if os.path.isfile(place):  # noqa: PTH113
        folder = os.path.dirname(place)  # noqa: PTH120
        with open(place, encoding="utf-8-sig") as file:  # noqa: PTH123
            yield from (os.path.join(folder, line.strip()) for line in file if line.strip())  # noqa: PTH118
        return
    if not os.path.isdir(place):  # noqa: PTH112
        raise InputError(f"it names {printable(place)}, which is not there.", of=printable(path), todo=_FORM)
    for folder, below, files in os.walk(place):
        below.sort()
        for name in sorted(files):
            if kinds.by_name(name) == "image":
                yield os.path.join(folder, name)  # noqa: PTH118


def _labels_of(image: str) -> str:
    """Return the text that belongs to an image: the last folder `images` of its path is `labels` there."""
    slash = "/" if is_remote(image) else os.sep
    before, between, after = image.rpartition(f"{slash}images{slash}")
    moved = f"{before}{slash}labels{slash}{after}" if between else image
    return os.path.splitext(moved)[0] + ".txt"  # noqa: PTH122


def _lines(path: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with open_text(path) as file:
            yield from ((number, line.split()) for number, line in enumerate(file, 1) if line.strip())
    except FileNotFoundError:
        return  # an image without boxes
    except TransferError as exc:
        if not exc.is_missing:
            raise


def _takes(path: str) -> bool:
    """Whether a YAML file names folders of images and classes; others are no sources."""
    if not written(path).lower().endswith((".yaml", ".yml")):
        return False
    keys = {line.split(":", 1)[0].strip("\ufeff\"'") for line in head_of(path).splitlines()}
    return "names" in keys and not keys.isdisjoint(_SPLITS)


YOLO = manifest_source(_rows, _takes, is_local=False)
