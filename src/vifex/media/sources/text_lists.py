"""A text file with one path per line, each with a label behind it if it has one.

Relative paths start at the folder of the list. A label is what stands behind the last space or tab of a line
whose path ends there: `cats/1.jpg 0`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from vifex.media.places import is_remote, open_text, written
from vifex.media.sources import kinds
from vifex.media.sources.manifests import head_of, manifest_source
from vifex.media.sources.rows import Row
from vifex.media.sources.source import unreadable

__all__ = ["TEXT_LIST"]


def _rows(path: str) -> Iterator[Row]:
    folder = _folder(path)
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\n")
                if line.strip():
                    yield _row(number, line, folder)
    except OSError as exc:
        raise unreadable(path, exc, "list") from exc


def _row(number: int, line: str, folder: str | None) -> Row:
    name, *label = line.rsplit(maxsplit=1)
    if label and not _is_there(line, folder) and _is_there(name, folder):
        return Row(number, {"uri": name, "label": label[0]})
    return Row(number, {"uri": line})


def _folder(path: str) -> str | None:
    """Return the folder of a list; `None` of one at a remote address."""
    return None if is_remote(path) else os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120


def _is_there(name: str, folder: str | None) -> bool:
    if folder is None or is_remote(name):
        # A server is not asked: names of media end as such, and addresses of others hold no spaces.
        return kinds.by_name(written(name)) is not None or (is_remote(name) and not re.search(r"\s", name))
    try:
        return os.path.lexists(os.path.join(folder, name))  # noqa: PTH118
    except ValueError:
        return False


def _takes(path: str) -> bool:
    """Whether a text names a file in its first line; other texts are no lists."""
    if not written(path).lower().endswith((".txt", ".lst")):
        return False
    if is_remote(path):
        return True
    folder = _folder(path)
    line = next((line.strip() for line in head_of(path).splitlines() if line.strip()), "")
    return bool(line) and any(_is_there(name, folder) for name in (line, line.rsplit(maxsplit=1)[0]))


TEXT_LIST = manifest_source(_rows, _takes, is_local=False)
