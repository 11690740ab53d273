"""Media items: a file, the span of it that is used, and boxes in its images."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

__all__ = [
    "HASH_OF_WHOLE_MEDIUM",
    "Box",
    "Kind",
    "Medium",
    "Span",
    "grid_boxes",
    "member_of",
    "member_uri",
    "path_to_uri",
    "uri_to_path",
]

Kind = Literal["image", "video", "audio", "unknown"]
"""What the name and the first bytes suggest; the decoder finds out what the file is."""

_IN_QUERY: Final = re.compile("[?#]")
# Everything that a path may keep as it is in a file:// address, beside letters and digits.
_SAFE_IN_PATH = "/-._~"


def path_to_uri(path: str | os.PathLike[str]) -> str:
    """Return the absolute `file://` address of a local path; every byte of the name is kept.

    Links are not resolved: the address names what the user named.
    """
    absolute = os.path.abspath(os.fspath(path))  # noqa: PTH100 - Path would resolve nothing more
    if os.name == "nt":
        return Path(absolute).as_uri()
    return "file://" + quote_from_bytes(os.fsencode(absolute), safe=_SAFE_IN_PATH)


@lru_cache(maxsize=64)  # a medium's address is asked for several times while it is read
def uri_to_path(uri: str) -> str:
    """Return the local path of a `file://` address, undecodable bytes as surrogates.

    Of a member of a file it is the path of that file.

    Raises:
        ValueError: If the address is not a local file's.
    """
    if uri.startswith("file:///") and uri.isascii() and uri.isprintable() and not _IN_QUERY.search(uri):
        path = uri[7:]  # what `urlsplit` gives of it, in a tenth of the time
        path = os.fsdecode(unquote_to_bytes(path)) if "%" in path else path
        return path.lstrip("/") if os.name == "nt" else path
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ValueError(f"not a local file: {uri}")
    path = os.fsdecode(unquote_to_bytes(parts.path))
    return path.lstrip("/") if os.name == "nt" else path


def member_uri(uri: str, member: str) -> str:
    """Return the address of a member of a file: the file's own, `#`, and the member's name.

    Args:
        uri: Address of the archive or the table.
        member: Its name in the archive; undecodable bytes are surrogates.
    """
    return f"{uri}#{quote_from_bytes(os.fsencode(member), safe=_SAFE_IN_PATH)}"


def member_of(uri: str) -> str | None:
    """Return the name of the member that an address names; `None` for a file by itself."""
    _, between, member = uri.partition("#")
    return os.fsdecode(unquote_to_bytes(member)) if between and "://" in uri else None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a video, in seconds of its own time `[t_start_s, t_end_s)`; `None` leaves a side open."""

    t_start_s: float | None = None
    t_end_s: float | None = None

    def __post_init__(self) -> None:
        for side in (self.t_start_s, self.t_end_s):
            if side is not None and (not math.isfinite(side) or side < 0):
                raise ValueError(f"a span needs finite times of at least 0 s, got {side}")
        if self.t_start_s is not None and self.t_end_s is not None and self.t_end_s <= self.t_start_s:
            raise ValueError(f"a span must end after it starts, got {self.t_start_s} s to {self.t_end_s} s")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright image, `[x0, x1) x [y0, y1)`."""

    x0: float
    y0: float
    x1: float
    y1: float
    label: str | None = None
    """Of what is in it; `None` takes the medium's label."""
    t_s: float | None = None
    """The moment of a video in which it lies, in seconds; `None` is every sampled frame, or `frame`."""
    frame: int | None = None
    """The same as the number of a frame in presentation order, from 0."""
    is_relative: bool = False
    """Whether the corners are parts of the image's width and height, not pixels."""
    extra: str | None = field(default=None, compare=False)
    """What the source says of it beside these, as JSON; `None` takes what it says of the medium."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (self.x0, self.y0, self.x1, self.y1)):
            raise ValueError("a box needs four finite numbers")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ValueError(f"a box needs x0 < x1 and y0 < y1, got {self.x0},{self.y0},{self.x1},{self.y1}")

    def in_pixels(self, width: float, height: float) -> Box:
        """Return the box in pixels of an image of this size."""
        if not self.is_relative:
            return self
        x0, x1 = self.x0 * width, self.x1 * width
        y0, y1 = self.y0 * height, self.y1 * height
        return replace(self, x0=x0, y0=y0, x1=x1, y1=y1, is_relative=False)


def grid_boxes(width: float, height: float, rows: int, cols: int, overlap: float = 0.0) -> tuple[Box, ...]:
    """Lay boxes of one size over an image, row by row, from edge to edge.

    Args:
        width: Of the image, pixels.
        height: Of the image, pixels.
        rows: Boxes from top to bottom.
        cols: Boxes from left to right.
        overlap: Part of a box's side that it shares with its neighbour, 0 to below 1.
    """
    columns, lines = _cut(width, cols, overlap), _cut(height, rows, overlap)
    return tuple(Box(x0, y0, x1, y1) for y0, y1 in lines for x0, x1 in columns)


def _cut(side: float, count: int, overlap: float) -> list[tuple[float, float]]:
    length = side / (count - (count - 1) * overlap)
    starts = [i * length * (1 - overlap) for i in range(count)]
    # The last one ends exactly at the edge, whatever rounding gave.
    return [(start, side if i == count - 1 else start + length) for i, start in enumerate(starts)]


_as_json: Final = json.JSONEncoder().encode
"""Writes a text as `json.dumps` does."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One image, video or sound file that a source lists, as it was when it was found."""

    uri: str
    """Absolute, percent-encoded address that keeps every byte of the name."""
    name: str
    """Relative to the source that gave it; undecodable bytes as `\\xNN`."""
    kind: Kind
    """A guess from name and first bytes."""
    size_bytes: int
    mtime_ns: int
    label: str | None = None
    split: str | None = None
    span: Span | None = None
    boxes: tuple[Box, ...] = ()
    times_s: tuple[float, ...] = ()
    """Moments of a video, in seconds, whose frames are taken in place of those that a view samples."""
    frames: tuple[int, ...] = ()
    """The same as numbers of frames in presentation order, from 0."""
    sample_fps: float | None = None
    """Samples per second that are taken of this medium, in place of what a view samples."""
    sample_every: int | None = None
    """The same as each N-th frame."""
    max_frames: int | None = None
    """Samples of this medium at most, in place of what a view says."""
    extra: str | None = None
    """What the source says of it beside these, as JSON: see `vifex.values.extra`."""
    moment_extras: tuple[str | None, ...] = ()
    """The same of each of `times_s` or `frames`, where it differs between them; else empty."""
    extent: tuple[int, int] | None = None
    """Where a member of an archive lies in the archive: offset and number of bytes. `None` is a whole file,
    or a member that is not stored as it is."""
    device: int = field(default=0, repr=False, compare=False)
    """Number of the file system or the host that holds the file; 0 where it is not known."""
    access: str | None = field(default=None, repr=False, compare=False)
    """Address by which a remote file is read, where it is not `uri`: with a password or a signature. It is
    never stored or shown. Of a member it is that of the archive."""
    medium_id: str = field(init=False, repr=False, compare=False)
    """128-bit hex hash of uri and span: the same medium has the same id in every run."""

    def __post_init__(self) -> None:
        span = (self.span.t_start_s, self.span.t_end_s) if self.span else None
        # Most media are whole files. The text is the same, and a run makes one for each of its media.
        digest = _digest(f"[{_as_json(self.uri)},null]") if span is None else _hash_128([self.uri, span])
        object.__setattr__(self, "medium_id", digest)

    @property
    def spec_hash(self) -> str:
        """Hash of what a manifest says of a medium that decides its rows: span, boxes, moments, sampling.

        Its label and split are no part of it: rows with new ones need not be computed again. Labels of boxes
        are, because a row does not say of which box it is.
        """
        own = (self.sample_fps, self.sample_every, self.max_frames)
        is_own = own != (None, None, None)
        if self.span is None and not (self.boxes or self.times_s or self.frames or is_own):
            return HASH_OF_WHOLE_MEDIUM
        span = (self.span.t_start_s, self.span.t_end_s) if self.span else None
        said: list[object] = [span, [(b.x0, b.y0, b.x1, b.y1) for b in self.boxes]]
        # What came later is left out where it is unset: the hashes of older stores must stay.
        more = [(b.label, b.t_s, b.frame, b.is_relative or None) for b in self.boxes]
        if any(value is not None for values in more for value in values):
            said.append(more)
        if self.times_s or self.frames:
            said.append([self.times_s, self.frames])
        if is_own:
            said.append({"sampling": own})
        return _hash_128(said)


def _hash_128(value: object) -> str:
    return _digest(json.dumps(value, sort_keys=True, separators=(",", ":")))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


HASH_OF_WHOLE_MEDIUM: Final = _hash_128([None, []])
"""The `spec_hash` of a medium with neither a span nor boxes, as most are."""
