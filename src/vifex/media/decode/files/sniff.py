"""The kind of a file by its first bytes. File names are not trusted (`gif-named.mp4`)."""

from __future__ import annotations

import struct
from typing import Final, Literal

from vifex.media.signatures import BRANDS, SIGNATURES

__all__ = ["Look", "is_avif", "is_heif", "look", "may_be_animated", "text_kind", "webp_size"]

Look = Literal["image", "video", "text", "unknown"]

_IMAGES: Final = tuple(s.mark for s in SIGNATURES if s.opened == "image")
_VIDEOS: Final = tuple(s.mark for s in SIGNATURES if s.opened == "video")
_IMAGE_BRANDS: Final = frozenset(s.mark for s in BRANDS if s.opened == "image")

_TEXT_KINDS: Final = (
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"),
    (b"#EXTM3U", "an HLS playlist, which only names other files"),
    (b"ffconcat", "a list of files for FFmpeg, which only names other files"),
    (b"v=0", "a session description (SDP), which only names network streams"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)


def look(head: bytes) -> Look:
    """Return the kind of a file by its first bytes.

    Args:
        head: The first 4096 bytes, or all of a shorter file.

    Returns:
        `image` or `video` where a signature says so, `text` where it is readable text, else `unknown`.
    """
    if head[4:8] == b"ftyp":
        return "image" if head[8:12] in _IMAGE_BRANDS else "video"
    if head[:4] == b"RIFF":
        return "image" if head[8:12] == b"WEBP" else "video"
    if head[6:14] == b"HEAPCCDR" or head.startswith(_IMAGES):
        return "image"
    if head.startswith(_VIDEOS):
        return "video"
    return "text" if _is_text(head) else "unknown"


def is_heif(head: bytes) -> bool:
    """Whether a file is HEIF: HEIC, AVIF and their like."""
    return head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS and head[8:12] != b"crx "


def is_avif(head: bytes) -> bool:
    """Whether a file is HEIF and calls itself AVIF."""
    return head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis")


def may_be_animated(head: bytes) -> bool:
    """Whether a file is of a kind that can hold an animation: GIF, PNG, WebP, AVIF."""
    is_avif = head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"msf1")
    return is_avif or head.startswith((b"GIF8", b"\x89PNG")) or head[8:12] == b"WEBP"


def text_kind(head: bytes) -> str:
    """Name what a text file is, e.g. `a web page`, or `a text file`."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for mark, words in _TEXT_KINDS:
        if start[: len(mark)].lower() == mark.lower():
            return words
    if b"<svg" in head:
        return "an SVG drawing, which is not supported"
    if b"<MPD" in head:
        return "a DASH manifest, which only names other files"
    return "a text file"


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Read width and height in pixels of a WebP file, which its decoder would allocate when opened."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    kind, body = head[12:16], head[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    may_be_cut = len(head) >= 4096
    head = head.removeprefix(b"\xef\xbb\xbf")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as exc:
        if exc.start < len(head) - 4 or not may_be_cut:
            return False
        text = head[: exc.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f\x1b" for c in text)
