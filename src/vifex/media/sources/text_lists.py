"""A text file with one path per line, each with a label behind it if it has one.

Relative paths start at the folder of the list. A label is what stands behind the last space or tab of a line
whose path ends there: `cats/1.jpg 0`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from vifex.media.sources.manifests import head_of, manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import printable, why
from vifex.values.errors import InputError

__all__ = ["TEXT_LIST"]


def _rows(path: str) -> Iterator[Row]:
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline=None) as file:  # noqa: PTH123
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                if line.strip():
                    yield _row(number, line, folder)
    except OSError as exc:
        raise InputError(f"{why(exc)}.", of=printable(path), todo="Give a list that can be read.") from exc


def _row(number: int, line: str, folder: str) -> Row:
    name, *label = line.rsplit(maxsplit=1)
    if label and not _is_there(line, folder) and _is_there(name, folder):
        return Row(number, {"uri": name, "label": label[0]})
    return Row(number, {"uri": line})


def _is_there(name: str, folder: str) -> bool:
    try:
        return os.path.lexists(os.path.join(folder, name))  # noqa: PTH118
    except ValueError:
        return False


def _takes(path: str) -> bool:
    """Whether a text names a file in its first line; other texts are no lists."""
    if not path.lower().endswith((".txt", ".lst")):
        return False
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    line = next((line.strip() for line in head_of(path).splitlines() if line.strip()), "")
    return bool(line) and any(_is_there(name, folder) for name in (line, line.rsplit(maxsplit=1)[0]))


TEXT_LIST = manifest_source(_rows, _takes)
