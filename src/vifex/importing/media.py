"""The media of imported rows: their addresses, their files where these are there, and their ids."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from vifex.media.content_hash import content_hash
from vifex.media.sources import kinds
from vifex.values.media import Medium, member_of, path_to_uri, uri_to_path

__all__ = ["Addresses", "ImportedMedium", "hash_128"]

_ID: Final = re.compile("[0-9a-f]{32}")
_UNKNOWN: Final = "unknown:"
"""Scheme of the address of a medium of which the name alone is known."""


@dataclass(frozen=True, slots=True)
class ImportedMedium(Medium):
    """A medium whose rows come from a file of features."""

    id: str = ""
    """As the file says it; empty takes that of its address."""
    spec: str = ""
    """Names the file of features: rows of another one are other rows."""
    content: str = ""
    """The content hash of the medium's own file, where that is there."""

    def __post_init__(self) -> None:
        Medium.__post_init__(self)
        if self.id:
            object.__setattr__(self, "medium_id", self.id)

    @property
    def spec_hash(self) -> str:
        """Return the hash of the file of features."""
        return self.spec


class Addresses:
    """Finds the files of media by what a file of features says of them.

    Args:
        beside: The folder of the file of features, where relative paths start.
        folder: The folder of the media, if the user names one: names and relative paths start there.
    """

    def __init__(self, beside: Path, folder: Path | None) -> None:
        self._beside, self._folder = beside, folder
        self.unknown = 0
        """Media without an address."""
        self.absent = 0
        """Media whose file is not there."""

    def medium(self, said: Mapping[str, Any], spec: str) -> ImportedMedium:
        """Return a medium.

        Args:
            said: `uri`, `name`, `medium_id`, `label` and `split`, each if the file says it.
            spec: Of the file of features.
        """
        given, own_id = said.get("uri"), str(said.get("medium_id") or "")
        if own_id and _ID.fullmatch(own_id) is None:  # of another tool
            own_id = hash_128(["imported", own_id])
        name = str(said.get("name") or given or "")
        uri = self._uri(given, name)
        if own_id and given and uri != given:  # the same medium, in another place
            own_id = own_id if given.startswith(_UNKNOWN) else hash_128([own_id, uri])
        size, changed, content = self._file(uri)
        return ImportedMedium(
            uri=uri,
            name=name,
            kind=kinds.by_name(name) or "unknown",
            size_bytes=size,
            mtime_ns=changed,
            label=said.get("label"),
            split=said.get("split"),
            id=own_id,
            spec=spec,
            content=content,
        )

    def _uri(self, given: str | None, name: str) -> str:
        if self._folder is not None:
            path = self._in_folder(name)
            if path is not None:
                return path_to_uri(path)
        if given is not None and "://" in given:
            return given
        if given is not None and given.startswith(_UNKNOWN):
            return given
        text = given if given is not None else name
        if os.path.isabs(text):  # noqa: PTH117 - a text that is no path, too
            return path_to_uri(text)
        path = self._beside / text
        if text and _is_file(path):
            return path_to_uri(path)
        self.unknown += 1
        return _UNKNOWN + quote(name, safe="/-._~")

    def _in_folder(self, name: str) -> Path | None:
        """Return the file of a name in the folder of the media; names may lack the suffix."""
        assert self._folder is not None
        path = self._folder / name.lstrip("/")
        if _is_file(path):
            return path
        try:
            found = [one for one in path.parent.glob(f"{escape(path.name)}.*") if kinds.by_name(one.name)]
        except (OSError, ValueError):
            return None
        return found[0] if len(found) == 1 else None

    def _file(self, uri: str) -> tuple[int, int, str]:
        """Return size, time of change and content hash of a medium's file; zeros where there is none."""
        if not uri.startswith("file:") or member_of(uri) is not None:
            return 0, 0, ""
        try:
            path = uri_to_path(uri)
            stat = os.stat(path)  # noqa: PTH116 - undecodable names stay as they are
            return stat.st_size, stat.st_mtime_ns, content_hash(path)
        except (OSError, ValueError):
            self.absent += 1
            return 0, 0, ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def hash_128(value: object) -> str:
    """Return 128 bits in hex over a plain value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
