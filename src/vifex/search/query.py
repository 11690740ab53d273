"""What a query means: an image, a moment of a video, a row of the store, a file with a vector, or words.

An image in memory and a vector are what they are. Of a text the first rule that fits counts:

1. `text:WORDS` is text, whatever the words look like. A file of such a name is `./text:WORDS`.
2. A file that exists is that file, whatever its name: `.npy` is a vector, all else an image. The name of a
   folder is text where it holds no slash and the model reads words; else it is an error.
3. `PATH@TIME` with an existing PATH is the frame on screen at TIME: `12`, `12.5`, `12.5s`, `mm:ss`,
   `hh:mm:ss.mmm`. The last `@` counts.
4. `QUERY#xywh=X,Y,WIDTH,HEIGHT`, with one of the two before it, is that part of the upright image in pixels,
   `#xywh=percent:X,Y,WIDTH,HEIGHT` in hundredths of its sides. Source: W3C Media Fragments URI 1.0.
5. `row:KEY` is a row of the store.
6. What looks like a path (a slash, a suffix such as `.jpg`, a leading `~`) is a file that is not there: an
   error. Several words with a slash between them (`a black/white dog`) are no path, unless they begin or end
   like one or the folder before the last slash exists.
7. Anything else is text, for a model with a text tower.

A local `file://` address, as search itself prints, stands for its path in all of this. An address of a web
server or a bucket is an image there, or with `@TIME` a frame of a video.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from vifex.media.places import is_remote, shown, written
from vifex.media.remote.addresses import address_of, public
from vifex.search.times import parse_time
from vifex.values import InputError
from vifex.values.media import Box, member_of, path_to_uri, uri_to_path

__all__ = [
    "FrameQuery",
    "ImageQuery",
    "Part",
    "PixelsQuery",
    "Query",
    "RowQuery",
    "TextQuery",
    "VectorQuery",
    "as_query",
    "names_file",
    "no_words",
    "parse_query",
    "video_needs_time",
]

_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_TEXT = "text:"
_PART = "#xywh="
_KINDS = "an image, VIDEO@TIME (clip.mp4@00:12), row:KEY or a .npy file"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image: a rectangle in pixels of the upright image, or in hundredths of its sides."""

    x: float
    y: float
    width: float
    height: float
    is_percent: bool = False

    def box(self, width: int, height: int) -> Box | None:
        """Return the part of an image of this size in pixels, `None` if nothing of it lies in the image."""
        x_px, y_px = (width / 100, height / 100) if self.is_percent else (1.0, 1.0)
        left, top = self.x * x_px, self.y * y_px
        right, bottom = left + self.width * x_px, top + self.height * y_px
        right, bottom = min(right, width), min(bottom, height)
        return Box(left, top, right, bottom) if left < right and top < bottom else None


@dataclass(frozen=True, slots=True)
class _FileQuery:
    path: Path | str
    """Its path, or the address by which one on another machine is read."""

    @property
    def name(self) -> str:
        """What to call it in messages; of an address without secrets."""
        return shown(os.fspath(self.path))

    @property
    def uri(self) -> str:
        """The address by which it is read."""
        return self.path if isinstance(self.path, str) else path_to_uri(self.path)


@dataclass(frozen=True, slots=True)
class ImageQuery(_FileQuery):
    """An image file. Whether it really is one shows when it is decoded; see `video_needs_time`."""

    part: Part | None = None
    """`None` is the whole."""


@dataclass(frozen=True, slots=True)
class FrameQuery(_FileQuery):
    """The frame of a video on screen at a time."""

    t_s: float
    """Seconds from the start of the video, at least 0."""
    part: Part | None = None
    """`None` is the whole."""


@dataclass(frozen=True, slots=True)
class RowQuery:
    """A row of the store."""

    key: str
    """`medium_id:ordinal`."""


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """A `.npy` file that holds one vector."""

    path: Path


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Words, for a model that has a text tower."""

    text: str
    folder: Path | None = None
    """A folder of that name: for a model that reads no words it is what was given."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelsQuery:
    """An image in memory."""

    image: Any
    """A Pillow image, a uint8 RGB array `[H, W, 3]`, or a uint8 torch tensor `[3, H, W]`."""


Query = ImageQuery | FrameQuery | RowQuery | VectorQuery | TextQuery | PixelsQuery


def as_query(given: object) -> Query | npt.NDArray[Any]:
    """Return what a single query of any accepted type means: a query, or the vector itself.

    Args:
        given: A text or a path as `parse_query` takes it, an image in memory, or a vector `[D]` as an array,
            a tensor or a list of numbers.

    Raises:
        InputError: If it is of another type, or a text that `parse_query` refuses.
    """
    if isinstance(given, Query):
        return given
    if isinstance(given, str | os.PathLike):
        return parse_query(given)
    kind = f"{type(given).__module__}.".partition(".")[0]  # libraries are not imported to look at a type
    if kind == "PIL" and hasattr(given, "getbands"):
        return PixelsQuery(given)
    if kind == "torch" and hasattr(given, "detach"):
        array = np.asarray(given.detach().cpu())
        return PixelsQuery(given) if array.dtype == np.uint8 and array.ndim == 3 else _vector(array)
    if isinstance(given, np.ndarray):
        return PixelsQuery(given) if given.dtype == np.uint8 and given.ndim == 3 else _vector(given)
    if isinstance(given, list | tuple) and given and all(isinstance(n, Real) for n in given):
        return np.asarray(given, dtype=np.float64)
    raise InputError(
        f"{type(given).__name__} is no query.",
        todo="Give a path, words, a Pillow image, a uint8 array [H, W, 3], or a vector [D].",
    )


def _vector(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise InputError(
            f"a query is one vector [D], got {array.dtype} of the shape {list(array.shape)}.",
            todo="Give several queries as a list: list(array).",
        )
    return array


def parse_query(query: str | os.PathLike[str]) -> Query:
    """Settle what a query means; the module says how.

    Args:
        query: As on the command line. A `Path` can only be a file, never a row, a time or text.

    Raises:
        InputError: If it names a file that is not there, a folder or a time that cannot be read.
    """
    if isinstance(query, str) and query.startswith(_TEXT):
        return _words(query.removeprefix(_TEXT))
    if isinstance(query, str) and is_remote(query):
        return _remote(query)
    text = _local(os.fspath(query))
    found = _existing(text)
    if found is not None and found.is_dir():
        if isinstance(query, str) and query.strip() and not _looks_like_path(query):
            return TextQuery(query, folder=found)
        raise _no_folder(found)
    if found is not None:
        return VectorQuery(found) if found.suffix.lower() == ".npy" else ImageQuery(found)
    if not isinstance(query, str):
        raise InputError("there is no such file.", of=text, todo="Check the name and the folder.")
    image, mark, sides = text.rpartition(_PART)
    if mark:
        return _part_of(image, sides)
    head, at, tail = text.rpartition("@")
    video = _existing(head) if at and head else None
    if video is not None:
        return FrameQuery(video, _time(tail, head))
    if text.startswith("row:"):
        return _row(text.removeprefix("row:").strip())
    if not text.strip():
        raise InputError("the query is empty.", todo=f"Give {_KINDS}.")
    if at and parse_time(tail) is not None:
        raise _absent(head, words=text)
    if _looks_like_path(text) or (at and _looks_like_path(head)):
        raise _absent(text)
    return TextQuery(text)


def _remote(text: str) -> Query:
    """Return what the address of a file on another machine means."""
    image, mark, sides = text.rpartition(_PART)
    if mark:
        return _part_of(image, sides)
    head, at, tail = text.rpartition("@")
    t_s = parse_time(tail) if at and "/" in head.partition("://")[2] else None
    try:
        access = address_of(text if t_s is None else head).access
    except ValueError as exc:
        raise InputError(f"this is not an address: {exc}.", of=public(text), todo="Check it.") from exc
    if written(access).lower().endswith(".npy"):
        raise InputError("a vector is read from a local file only.", of=public(text), todo="Fetch it first.")
    return ImageQuery(access) if t_s is None else FrameQuery(access, t_s)


def _part_of(image: str, sides: str) -> Query:
    whole = parse_query(image)
    if not isinstance(whole, ImageQuery | FrameQuery):
        raise InputError("a part can be taken of an image or a frame.", of=f"{image}{_PART}{sides}")
    kind, colon, numbers = sides.rpartition(":")
    found = re.fullmatch(r"(\d+(?:\.\d*)?)" + r",(\d+(?:\.\d*)?)" * 3, numbers)
    if found is None or (colon and kind not in ("pixel", "percent")) or 0 in map(float, found.groups()[2:]):
        raise InputError(
            f"{sides!r} is no part of an image.",
            of=image,
            todo=f"Write {_PART}X,Y,WIDTH,HEIGHT in pixels, or {_PART}percent:X,Y,WIDTH,HEIGHT.",
        )
    x, y, width, height = map(float, found.groups())
    part = Part(x, y, width, height, is_percent=kind == "percent")
    return replace(whole, part=part)


def _words(text: str) -> TextQuery:
    if not text.strip():
        raise InputError("there are no words behind text:.", todo='Write for example "text:a red bus".')
    return TextQuery(text.strip())


def no_words(query: TextQuery) -> InputError:
    """Return the error for words where the view's model reads none."""
    if query.folder is not None:
        return _no_folder(query.folder)
    return InputError(
        "these are words, and the store's model has no text tower to search by words.",
        of=repr(query.text),
        todo=f"Give {_KINDS}.",
    )


def _no_folder(path: Path) -> InputError:
    return InputError(
        "a folder cannot be a query.",
        of=str(path),
        todo=f"Name one image in it; for words write {_quoted(path)}.",
    )


def video_needs_time(path: str | os.PathLike[str]) -> InputError:
    """The error for a video as a query without a time: whoever decodes a `ImageQuery` raises it.

    No frame is chosen silently: the first is often black, and any choice would answer another question
    than was asked.
    """
    return InputError(
        "a video as a query needs a time.",
        of=shown(os.fspath(path)),
        todo=f"Name the frame, e.g. {Path(path).name}@0 for the first or {Path(path).name}@00:12.5.",
    )


def _local(text: str) -> str:
    """The path of a `file://` address; other addresses are refused, other text is left as it is."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return text
    if urlsplit(text).scheme != "file":
        raise InputError(
            "a query cannot be read from an address of this kind.",
            of=public(text),
            todo="Fetch the file first.",
        )
    if member_of(text) is not None and _PART not in text:
        raise InputError(
            "a member of an archive or a table is no query by its address.",
            of=text,
            todo="Name one of its rows, row:KEY, with the key that the hits of a search show; or unpack it.",
        )
    try:
        return uri_to_path(text)
    except ValueError as exc:
        raise InputError("this address is on another host.", of=text, todo="Fetch the file first.") from exc


def _existing(text: str) -> Path | None:
    """The path that a text names, if there is anything."""
    for path in (Path(text), Path(os.path.expanduser(text))):  # noqa: PTH111 - Path's raises without a home
        try:
            if text and path.exists():
                return path
        except (OSError, ValueError):  # too long for a name, or a zero byte in it
            return None
    return None


def names_file(text: str) -> bool:
    """Return whether a text names a file or a folder that exists."""
    return _existing(text) is not None


def _row(key: str) -> RowQuery:
    medium, _, ordinal = key.rpartition(":")
    if not (medium.isascii() and medium) or not (ordinal.isascii() and ordinal.isdigit()):
        raise InputError(
            "this is no key of a row.",
            of=f"row:{key}",
            todo="A key is MEDIUM_ID:ORDINAL, as the column 'key' and the hits of a search show it.",
        )
    return RowQuery(f"{medium}:{int(ordinal)}")


def _time(text: str, path: str) -> float:
    t_s = parse_time(text)
    if t_s is None:
        raise InputError(
            f"{text!r} is no time.",
            of=path,
            todo="Write seconds (12 or 12.5), mm:ss or hh:mm:ss.mmm after the '@'.",
        )
    return t_s


def _looks_like_path(text: str) -> bool:
    if text.startswith("~") or _SUFFIX.search(text) is not None:
        return True
    slashes = {"/", os.sep}
    if not any(slash in text for slash in slashes):
        return False
    head = max((text.rpartition(slash)[0] for slash in slashes), key=len)
    several = len(text.split()) > 1
    return not several or text[0] in {".", *slashes} or text[-1] in slashes or _existing(head) is not None


def _absent(path: str, words: str | None = None) -> InputError:
    return InputError(
        "there is no such file.",
        of=path,
        todo=f"Check the name and the folder; for words write {_quoted(words or path)}.",
    )


def _quoted(words: object) -> str:
    """The words as a query of text, ready for a shell."""
    return shlex.quote(f"{_TEXT}{words}")
