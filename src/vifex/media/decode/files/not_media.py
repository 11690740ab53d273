"""Recognises files that are not media: archives, lists, playlists, and manifests with the wrong suffix."""

from __future__ import annotations

import json
import os
import re
from typing import Final

from vifex.media.decode.files.sniff import text_kind
from vifex.values import MediaError

__all__ = ["archive_kind", "refuse_archive", "text_error"]

_ARCHIVES: Final = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b\x08", "a file packed by gzip"),
    (b"\xfd7zXZ\x00", "a file packed by xz"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd"),
    (b"\x04\x22\x4d\x18", "a file packed by LZ4"),
    (b"MSCF\x00\x00\x00\x00", "a CAB archive"),
)
_TAR_AT: Final = 257
_MEDIA_PATH: Final = re.compile(r"\.[A-Za-z0-9]{2,5}$")
_PATH_COLUMNS: Final = ("uri", "url", "path", "file", "filename", "filepath", "file_name", "image", "video")
_FIRST_LINES: Final = 20


def archive_kind(head: bytes) -> str | None:
    """Name the archive that a file is by its first 4096 bytes; `None` for all else."""
    for magic, words in _ARCHIVES:
        if head.startswith(magic):
            return words
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "a file packed by bzip2"
    return "a tar archive" if head[_TAR_AT : _TAR_AT + 5] == b"ustar" else None


def refuse_archive(head: bytes, display_name: str) -> None:
    """Refuse an archive, and say how its contents can be read.

    Raises:
        MediaError: If it is one.
    """
    words = archive_kind(head)
    if words is not None:
        readable = next((suffix for suffix in ("zip", "tar") if f"a {suffix} " in words), None)
        todo = "Unpack it and give the folder or the file that comes out."
        if readable:
            todo = f"Rename it to end in .{readable}, by which its members are read; or unpack it."
        raise MediaError(f"it is {words}, not a medium.", of=display_name, todo=todo)


def text_error(head: bytes, display_name: str, *, wanted: str) -> MediaError:
    """Return the error for a text file: what it is, and how to read the media that it names.

    Args:
        head: Its first 4096 bytes, or all of a shorter file.
        display_name: What to call it.
        wanted: What it is not, e.g. `an image or a video`.
    """
    name = os.path.basename(display_name) or display_name  # noqa: PTH119
    words, todo = text_kind(head), "Give the file that is meant."
    is_playlist = head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U") and b"#EXT-X-" not in head
    if words == "a text file" or is_playlist:
        words, todo = _named(head, name) or (words, todo)
    return MediaError(f"it is {words}, not {wanted}.", of=display_name, todo=todo)


def _named(head: bytes, name: str) -> tuple[str, str] | None:
    """Name the kind of media list that a text is, and how to use it; `None` if it is not a list."""
    text = head.decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(head) >= 4096:
        lines = lines[:-1]  # the last one may be cut
    lines = lines[:_FIRST_LINES]
    if not lines:
        return None
    if lines[0].startswith("#EXTM3U"):
        return "a playlist, which only names other files", _playlist(name)
    if lines[0].startswith(("{", "[")) and _is_json(text, lines[0]):
        return (
            "JSON",
            "If it is a manifest, write one object per line and let its name end in .jsonl.",
        )
    if _is_table(lines):
        return (
            "a table of text",
            "If it is a manifest, let its name end in .csv (or .tsv), with a column uri in its head.",
        )
    if all(_is_path(line) for line in lines if not line.startswith("#")):
        return "a list of paths", f"Give the list on standard input: vifex extract - -o STORE < '{name}'."
    return None


def _playlist(name: str) -> str:
    return (
        "Give the files that it names, from the folder in which it lies: "
        f"grep -v '^#' '{name}' | vifex extract - -o STORE."
    )


def _is_json(text: str, first: str) -> bool:
    for part in (first, text):
        try:
            return isinstance(json.loads(part), dict | list)
        except (ValueError, RecursionError):
            continue
    return bool(re.match(r"[\[{]\s*[\[{\"]", text))  # cut in the middle


def _is_table(lines: list[str]) -> bool:
    """Whether the first line names a column of paths."""
    cells = [cell.strip().strip("\"'").lower() for cell in re.split(r"[,;\t]", lines[0])]
    return any(cell in _PATH_COLUMNS for cell in cells)


def _is_path(line: str) -> bool:
    """Whether a line may be the path of a file: one with a suffix, and no sentence."""
    line = line.strip("\"'")
    return bool(_MEDIA_PATH.search(line)) and len(line) < 1024 and not re.search(r"[.!?,;:] [A-Za-z]", line)
