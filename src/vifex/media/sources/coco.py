"""Detections in the format of COCO (https://cocodataset.org/#format-data): one JSON file for many images.

`images` have an `id` and a `file_name`, `annotations` an `image_id`, a `category_id` and a `bbox` of x, y,
width and height in pixels, `categories` an `id` and a `name`. Images are beside the file, in a folder
`images`, or in a folder that is named like the file's last part: `train2017` of
`annotations/instances_train2017.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vifex.media.places import base_name, written
from vifex.media.sources.beside import beside, is_there
from vifex.media.sources.fields import corners_of, split_of
from vifex.media.sources.manifests import head_of, manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import parsed, printable
from vifex.values.errors import InputError

__all__ = ["COCO"]

_OF_IMAGE: Final = frozenset(("id", "file_name", "width", "height"))
_OF_BOX: Final = frozenset(("id", "image_id", "category_id", "bbox", "iscrowd"))
"""Fields that are read, or that the image says itself."""
_OUTLINES: Final = ("segmentation", "keypoints")
"""Fields of many numbers, which are not kept."""
_FORM = "Give a JSON file with images, annotations and categories as COCO has them, or a JSONL manifest."


def _rows(path: str) -> Iterator[Row]:
    """Yield a row for each box, and one for each image without boxes.

    Raises:
        InputError: If the file cannot be read or is not of this format.
    """
    data = _load(path)
    images, boxes, n_crowds = data["images"], _by_image(data.get("annotations", ())), 0
    names = {one.get("id"): one.get("name") for one in data.get("categories", ()) if isinstance(one, dict)}
    folder = _folder_of(path, images)
    split = split_of(base_name(path))
    n_crowds = sum(bool(one.get("iscrowd")) for some in boxes.values() for one in some)
    note = f"regions of crowds (iscrowd) are left out: {n_crowds:,}" if n_crowds else None
    number = 0
    for image in images:
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            number += 1
            yield Row(number, {}, "an image without a file_name", where=f"image {number}")
            continue
        try:
            uri = beside(path, os.path.join(folder, name))  # noqa: PTH118
        except ValueError as exc:
            number += 1
            yield Row(number, {}, str(exc), where=f"image {image.get('id')}")
            continue
        stated = {"uri": uri} | ({"split": split} if split else {})
        extra = {key: value for key, value in image.items() if key not in _OF_IMAGE and value is not None}
        own = [one for one in boxes.get(image.get("id"), ()) if not one.get("iscrowd")]
        if not own:
            number += 1
            where = f"image {image.get('id')}"
            yield Row(number, stated, extra=extra, note=note, where=where, name=name)
        for one in own:
            number += 1
            yield replace(_box(number, stated, one, names, note), name=name, **_more(extra, one))


def _more(of_image: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an image and an annotation say beside what is read, and the names of what is not kept."""
    stated = {key: value for key, value in one.items() if key not in _OF_BOX and value is not None}
    outlines = tuple(key for key in _OUTLINES if key in stated)
    return {
        "extra": {**of_image, **{key: value for key, value in stated.items() if key not in outlines}},
        "ignored": outlines,
    }


def _box(
    number: int, stated: Mapping[str, Any], one: Mapping[str, Any], names: Mapping[Any, Any], note: str | None
) -> Row:
    where = f"annotation {one.get('id', number)}"
    label = names.get(one.get("category_id"), one.get("category_id"))
    fields = {**stated} if label is None else {**stated, "label": label}
    try:
        fields |= corners_of([one.get("bbox")], is_sized=True)
    except ValueError as exc:
        return Row(number, fields, str(exc), note=note, where=where)
    return Row(number, fields, note=note, where=where)


def _load(path: str) -> dict[str, Any]:
    data = parsed(path, json.load, wrong=(ValueError, RecursionError), language="JSON", todo=_FORM)
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise InputError("it has no list of images.", of=printable(path), todo=_FORM)
    for name in ("annotations", "categories"):
        if not isinstance(data.get(name, []), list):
            raise InputError(f"its {name} are not a list.", of=printable(path), todo=_FORM)
    return dict(data)


def _by_image(annotations: Sequence[Any]) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for one in annotations:
        if isinstance(one, dict) and one.get("bbox") is not None:
            found.setdefault(one.get("image_id"), []).append(one)
    return found


def _folder_of(path: str, images: Sequence[Any]) -> str:
    """Find the folder in which the first image lies, from the file's own, which it is if there is none."""
    last = os.path.splitext(base_name(path))[0].rsplit("_", 1)[-1]  # noqa: PTH122
    first = next((one["file_name"] for one in images if isinstance(one, dict) and one.get("file_name")), "")
    for above in ("", ".."):
        for below in ("", "images", last, os.path.join("images", last)):  # noqa: PTH118
            folder = os.path.join(above, below)  # noqa: PTH118
            if is_there(path, os.path.join(folder, str(first))):  # noqa: PTH118
                return folder
    return ""


def _takes(path: str) -> bool:
    """Whether a JSON file starts like one of COCO; others are no sources."""
    if not written(path).lower().endswith(".json"):
        return False
    head = head_of(path)
    is_object = head.lstrip("\ufeff \t\r\n").startswith("{")
    return is_object and any(f'"{key}"' in head for key in ("images", "annotations", "categories"))


COCO = manifest_source(_rows, _takes, is_local=False)
