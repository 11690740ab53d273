"""Where a store lies: `pathlib.Path` on a disk, or `ObjectPath` at an object store."""

from __future__ import annotations

import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from vifex.store.files.places.object_path import ObjectPath
from vifex.values import StoreError

__all__ = ["Place", "beside", "children", "local", "not_there_yet", "place_of", "remote_scheme"]

Place: TypeAlias = Path | ObjectPath

# Two letters at least, for C:/ is a disk of Windows; a path drops the second of two slashes.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")


def place_of(path: str | os.PathLike[str]) -> Place:
    """Return where a store lies.

    Raises:
        StoreError: If it is an address at which no store can lie.
    """
    if isinstance(path, ObjectPath):
        return path
    text = os.fspath(path)
    scheme = remote_scheme(text)
    if scheme is None or Path(text).exists():
        return Path(text)
    if scheme != "s3":
        raise _no_store_at(scheme, text)
    bucket, _, key = text[_SCHEME.match(text).end() :].partition("/")  # type: ignore[union-attr]
    key = "/".join(part for part in key.split("/") if part)
    if not bucket or "@" in bucket:
        raise StoreError(
            "this address names no bucket." if not bucket else "an address may hold no credentials.",
            of=f"s3://{bucket.rpartition('@')[2]}/{key}",
            todo="Write s3://BUCKET/NAME.vifex; credentials come from the environment or ~/.aws.",
        )
    if not key or {".", ".."} & set(key.split("/")):
        raise StoreError("a store needs a name in the bucket.", of=text, todo="Write s3://BUCKET/NAME.vifex.")
    return ObjectPath(bucket, key)


def local(place: Place) -> Path:
    """Return a place on a disk.

    Raises:
        StoreError: If it is at an object store.
    """
    if isinstance(place, ObjectPath):
        raise not_there_yet(str(place))
    return place


def children(folder: Place) -> list[Place]:
    """Return what lies directly in a folder; nothing where there is none."""
    if isinstance(folder, ObjectPath):
        return list(folder.glob("*"))
    return list(folder.iterdir()) if folder.is_dir() else []


def beside(folder: Place) -> Path:
    """Return a folder of this machine with the files that a view keeps beside its tables."""
    return Path(_copied(folder).name) if isinstance(folder, ObjectPath) else folder


@lru_cache(maxsize=8)
def _copied(folder: ObjectPath) -> tempfile.TemporaryDirectory[str]:
    copy = tempfile.TemporaryDirectory(prefix="vifex-view-")
    for file in folder.iterdir():
        if "." in file.name and not file.name.endswith(".lance"):
            Path(copy.name, file.name).write_bytes(file.read_bytes())
    return copy


def remote_scheme(text: str) -> str | None:
    """Return the scheme of an address, in lower case; `None` for a path."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else None


def not_there_yet(text: str) -> StoreError:
    """Return the error of everything that is possible only with a store on a local disk."""
    scheme = remote_scheme(text)
    if scheme != "s3":
        return _no_store_at(scheme or "", text)
    address = _SCHEME.sub("s3://", text, count=1)
    return StoreError(
        "this is not possible yet with a store at an object store's address.",
        of=address,
        todo=f"Copy the store to a local disk (aws s3 sync {address} NAME.vifex) and give that path.",
    )


def _no_store_at(scheme: str, text: str) -> StoreError:
    if scheme == "file":
        what, todo = "a store is named by its path, not by an address.", "Give the path of a local folder."
    else:
        what = f"a store cannot lie at an address of {scheme}://."
        todo = "Give the path of a local folder, or an address s3://BUCKET/NAME.vifex."
    return StoreError(what, of=text, todo=todo)
