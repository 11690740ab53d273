"""Boxes in the format of YOLO (https://docs.ultralytics.com/datasets/detect): a text file for each image.

A YAML file names the folders of images (`path`, `train`, `val`, `test`) and the classes (`names`). The text
of `images/a/b.jpg` is `labels/a/b.txt`. A line is a class, then the centre, width and height of a box as
parts of the image; or the corners of a polygon, whose bounds are the box.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vifex.media.sources import kinds
from vifex.media.sources.manifests import head_of, manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import printable, unreadable
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
    for split, image, name in _images(path, data):
        stated = {"uri": image, "split": split}
        lines = list(_lines(_labels_of(image)))
        if not lines:
            number += 1
            where = f"image {printable(os.path.basename(image))}"  # noqa: PTH119
            yield Row(number, stated, where=where, name=name)
        for place, cells in lines:
            number += 1
            where = f"{printable(os.path.basename(_labels_of(image)))}, line {place}"  # noqa: PTH119
            yield replace(_box(number, stated, cells, classes, where), name=name)


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
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            data = yaml.safe_load(file)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise InputError("this is not YAML in UTF-8.", of=printable(path), todo=_FORM) from exc
    names = data.get("names", {}) if isinstance(data, dict) else None
    if not isinstance(names, dict | list) or not any(data.get(split) for split in _SPLITS):
        raise InputError("it names no folders of images.", of=printable(path), todo=_FORM)
    return dict(data)


def _images(path: str, data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the split, the path and the name of each image, in the order of names."""
    here = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    root = os.path.join(here, str(data.get("path") or ""))  # noqa: PTH118
    if not os.path.isdir(root):  # noqa: PTH112
        root = here  # a path that starts at the folder where YOLO was run
    for split in _SPLITS:
        given = data.get(split) or ()
        for one in [given] if isinstance(given, str) else given:
            for image in _of(os.path.join(root, str(one)), path):  # noqa: PTH118
                yield split, image, os.path.relpath(image, root)


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
    before, between, after = image.rpartition(f"{os.sep}images{os.sep}")
    moved = f"{before}{os.sep}labels{os.sep}{after}" if between else image
    return os.path.splitext(moved)[0] + ".txt"  # noqa: PTH122


def _lines(path: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123
            yield from ((number, line.split()) for number, line in enumerate(file, 1) if line.strip())
    except FileNotFoundError:
        return  # an image without boxes


def _takes(path: str) -> bool:
    """Whether a YAML file names folders of images and classes; others are no sources."""
    if not path.lower().endswith((".yaml", ".yml")):
        return False
    keys = {line.split(":", 1)[0].strip("\ufeff\"'") for line in head_of(path).splitlines()}
    return "names" in keys and not keys.isdisjoint(_SPLITS)


YOLO = manifest_source(_rows, _takes)
