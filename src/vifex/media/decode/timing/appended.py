"""Another recording after the end of the first, which FFmpeg does not read: `cat a.flv b.flv`.

For some formats FFmpeg reads what the first header describes, and stops there without a message.
"""

from __future__ import annotations

from typing import Final

from vifex.media.decode.files.source import MediaFile

__all__ = ["another_recording"]

_CHUNK_BYTES: Final = 4 << 20
_HEADERS: Final[dict[str, bytes]] = {
    "flv": b"\x00\x00\x00\x09\x00\x00\x00\x00",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
}
_MOV: Final = "mov,mp4,m4a,3gp,3g2,mj2"


def another_recording(file: MediaFile, format_name: str) -> int | None:
    """Return the place of a second header of its own in a file; `None` where there is none.

    Args:
        file: The open file; its place is kept.
        format_name: FFmpeg's name of the format.
    """
    at = file.tell()
    try:
        if format_name == _MOV:
            return _second_film(file)
        if format_name in _HEADERS:
            return _second_header(file, _HEADERS[format_name])
        return None
    finally:
        file.seek(at)


def _second_header(file: MediaFile, mark: bytes) -> int | None:
    at, kept = 16, b""
    while True:
        file.seek(at)
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return None
        data, base = kept + chunk, at - len(kept)
        place = data.find(mark)
        while place >= 0:
            if mark[0] or data[max(0, place - 5) : place - 1] == b"FLV\x01":
                return base + place
            place = data.find(mark, place + 1)
        kept = data[-(len(mark) + 5) :]
        at += len(chunk)


def _second_film(file: MediaFile) -> int | None:
    """Look for a second `ftyp` and `moov` among the outermost boxes, none of which is read."""
    at, n_films = 0, 0
    while at + 8 <= file.size_bytes:
        file.seek(at)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:16], "big")
        if kind == b"moov":
            n_films += 1
            if n_films == 2:
                return at
        if size < 8:
            return None
        at += size
    return None
