"""The fields of a manifest, and the names that other tools give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

__all__ = [
    "BOX_LISTS",
    "FIELDS",
    "FORM",
    "Reading",
    "corners_of",
    "reading_of",
    "snake",
    "split_of",
]

_CORNERS: Final = ("x0", "y0", "x1", "y1")
_SAMPLING: Final = ("sample_fps", "sample_every", "max_frames")
"""How one medium is sampled. `fps` is not among them: in manifests it is a video's own frame rate."""
_SINGLE: Final = ("uri", "label", "split", "t_start_s", "t_end_s", "t_s", "frame", *_SAMPLING)
FIELDS: Final = (*_SINGLE, *_CORNERS)
"""What a line may state, by our own names."""

FORM: Final = f"A manifest has uri and, where they apply, {', '.join(FIELDS[1:])}."

_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "uri": (
        *("url", "path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
        *("image_name", "img", "img_path", "video", "video_path", "video_name"),
    ),
    "label": ("class", "class_name", "category", "category_name", "label_name"),
    "split": ("subset",),
    "t_start_s": ("start", "start_s", "start_time", "t_start", "t0", "begin"),
    "t_end_s": ("end", "end_s", "end_time", "t_end", "t1", "stop"),
    "t_s": ("t", "time", "time_s", "timestamp", "timestamp_s", "seconds"),
    **dict.fromkeys(_SAMPLING, ()),
    "frame": ("frame_index", "frame_idx", "frame_id", "frame_number", "frame_no", "frame_num"),
}
_MILLISECONDS: Final = ("t_ms", "time_ms", "timestamp_ms")
"""A moment in another unit."""

_OF_BOX: Final[tuple[tuple[tuple[str, ...], bool], ...]] = (
    # Beside x2 and y2, x1 and y1 are the left upper corner; alone with x0 and y0, the right lower one.
    (("x0", "y0", "x1", "y1"), False),
    (("x1", "y1", "x2", "y2"), False),
    (("xmin", "ymin", "xmax", "ymax"), False),
    (("x_min", "y_min", "x_max", "y_max"), False),
    (("left", "top", "right", "bottom"), False),
    (("x", "y", "w", "h"), True),
    (("x", "y", "width", "height"), True),
    (("left", "top", "width", "height"), True),
)
"""Four fields of a box each, and whether the last two are its width and height."""
BOX_LISTS: Final = {
    **dict.fromkeys(("bbox", "box", "bbox_xywh", "xywh"), True),
    **dict.fromkeys(("bbox_xyxy", "box_xyxy", "xyxy"), False),
}
"""Single fields with four numbers, and whether they are x, y, width and height, as in COCO."""


_SPLITS: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    "test": "test",
}
_SPLIT: Final = re.compile(rf"(?<![a-z])({'|'.join(_SPLITS)})(?![a-z])")


@dataclass(frozen=True, slots=True)
class Reading:
    """How the fields of a line, or of all lines of a table, are read."""

    named: Mapping[str, str]
    """The given names of our fields that are read as they stand: ours to given."""
    box: tuple[str, ...] = ()
    """The given names of a box: four, or one with four numbers."""
    is_box_sized: bool = False
    """Whether the last two numbers of a box are its width and height."""
    milliseconds: str | None = None
    """The given name of a moment in milliseconds."""
    ignored: tuple[str, ...] = ()
    """Names that are not read."""
    problem: str | None = None
    """Why the fields cannot be read."""

    def apply(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a line by our own names, and those that are not read by theirs."""
        fields = {ours: given[name] for ours, name in self.named.items() if name in given}
        if self.milliseconds is not None and self.milliseconds in given:
            fields["t_s"] = _divided(given[self.milliseconds])
        if any(name in given for name in self.box):
            fields |= corners_of([given.get(name) for name in self.box], is_sized=self.is_box_sized)
        return fields | {name: given[name] for name in self.ignored if name in given}

    def sentence(self) -> str | None:
        """Say which names of other tools are read as what; `None` if all names are ours."""
        said = [f"{name} is read as {ours}" for ours, name in self.named.items() if name != ours]
        if self.milliseconds:
            said.append(
                f"{self.milliseconds} as t_s in milliseconds"
                if said
                else f"{self.milliseconds} is read as t_s in milliseconds"
            )
        if self.box and self.box != ("x0", "y0", "x1", "y1"):
            meaning = "x, y, width and height" if self.is_box_sized else "the corners"
            are = "is" if len(self.box) == 1 else "are"
            said.append(f"{', '.join(self.box)} {are} read as {meaning} of a box")
        return ", ".join(said) or None


def reading_of(names: Sequence[str]) -> Reading:
    """Say how fields of these names are read."""
    return _reading_of(tuple(names))


@lru_cache(maxsize=256)  # lines of a JSONL file have few sets of names
def _reading_of(names: tuple[str, ...]) -> Reading:
    by_word: dict[str, str] = {}
    for name in names:
        by_word.setdefault(snake(name), name)
    problem = _doubled(names)
    named: dict[str, str] = {ours: ours for ours in _SINGLE if ours in names}
    for ours, others in _OTHER_NAMES.items():
        found = [by_word[word] for word in (ours, *others) if word in by_word]
        if ours in named or not found:
            continue
        if ours == "uri" and len(found) > 1:
            problem = problem or f"{' and '.join(found)} may both name the file; call one of them uri"
        named[ours] = found[0]
    milliseconds = next((by_word[word] for word in _MILLISECONDS if word in by_word), None)
    if "t_s" in named or "frame" in named:
        milliseconds = None
    if "t_s" in named and "frame" in named:
        del named["t_s"]  # a number has no rounding
    box, is_sized = _box(by_word)
    read = {*named.values(), *box, milliseconds}
    ignored = tuple(name for name in names if name not in read)
    problem = problem or _misspelt(ignored, {*named, *(("x0", "y0", "x1", "y1") if box else ())})
    return Reading(named, box, is_sized, milliseconds, ignored, problem)


def _box(by_word: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    for words, is_sized in _OF_BOX:
        if all(word in by_word for word in words):
            return tuple(by_word[word] for word in words), is_sized
    for word, is_sized in BOX_LISTS.items():
        if word in by_word:
            return (by_word[word],), is_sized
    return (), False


def _doubled(names: Sequence[str]) -> str | None:
    twice = sorted({name for name in names if name in FIELDS and names.count(name) > 1})
    return f"it has the column {twice[0]} twice" if twice else None


def _misspelt(names: Sequence[str], read: set[str]) -> str | None:
    """Return the problem of a field that looks like one of ours that is missing."""
    corners = [name for name in _CORNERS if name in names]
    if corners:
        return f"it has {', '.join(corners)} but not all four of x0, y0, x1, y1"
    # Columns such as num_frames are common, and no misspelt max_frames.
    absent = [name for name in FIELDS if name not in read and name not in ("t_s", "frame", *_SAMPLING)]
    for name in names:
        close = get_close_matches(snake(name), absent, n=1, cutoff=0.8)
        if close:
            return f"there is no field {name!r}; did you mean {close[0]}?"
    return None


def snake(name: str) -> str:
    """Return `frameId`, `Frame-ID` and `frame (id)` as `frame_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_").lower()


def split_of(name: str) -> str | None:
    """Return the split that a file's name states as a word of its own: of `x_train2017`, not of `latest`."""
    found = _SPLIT.search(name.lower())
    return _SPLITS[found[1]] if found else None


def corners_of(numbers: Sequence[Any], *, is_sized: bool) -> dict[str, Any]:
    """Return the fields x0, y0, x1 and y1 of a box; what is no number stays as it is, to be refused by name.

    Args:
        numbers: Four of them, or one list or text with four.
        is_sized: Whether the last two are width and height.
    """
    if len(numbers) == 1:
        numbers = _four(numbers[0])
    sides = dict(zip(_CORNERS, numbers, strict=True))
    if is_sized:
        for start, end in (("x0", "x1"), ("y0", "y1")):
            sides[end] = _sum(sides[start], sides[end])
    return {name: value for name, value in sides.items() if value is not None}


def _four(value: Any) -> Sequence[Any]:
    if isinstance(value, str):
        value = value.strip().strip("[]()").replace(",", " ").split()
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise ValueError(f"a box needs four numbers, got {value!r}")
    return value


def _sum(start: Any, length: Any) -> Any:
    first, second = _float(start), _float(length)
    return length if first is None or second is None else first + second


def _divided(value: Any) -> Any:
    number = _float(value)
    return value if number is None else number / 1000


def _float(value: Any) -> float | None:
    convert: Callable[[Any], float] = float
    try:
        return None if isinstance(value, bool) or "_" in str(value) else convert(value)
    except (TypeError, ValueError):
        return None
