"""A path in a bucket, with those methods of `pathlib.Path` that a store needs, and the same words for errors.

There are no folders: one is there as long as an object lies below it. There is no renaming.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from vifex.store.files.places.client import Client, client_of

__all__ = ["ObjectPath"]


@dataclass(frozen=True, slots=True, order=True)
class ObjectPath(os.PathLike[str]):
    """Where a store on `s3://` lies: a key in a bucket. `str` gives the address."""

    bucket: str
    key: str

    def __fspath__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def url(self) -> str:
        """Its address with the key percent-encoded."""
        return f"s3://{self.bucket}/{quote(self.key, safe='/-._~')}"

    def __truediv__(self, name: str | PurePosixPath) -> ObjectPath:
        return ObjectPath(self.bucket, f"{self.key}/{name}" if self.key else str(name))

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> ObjectPath:
        """What lies above it; the bucket is its own parent."""
        return ObjectPath(self.bucket, self.key.rpartition("/")[0])

    def relative_to(self, other: Path | ObjectPath) -> PurePosixPath:
        """Return the rest of the key below another path.

        Raises:
            ValueError: If it does not lie below that.
        """
        if not isinstance(other, ObjectPath) or other.bucket != self.bucket:
            raise ValueError(f"{self} does not lie below {other}")
        return PurePosixPath(self.key).relative_to(other.key)

    def is_file(self) -> bool:
        """Whether there is an object."""
        try:
            self._client.size(self.key)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether anything lies below it."""
        return any(self._client.children(self.key))

    def exists(self) -> bool:
        """Whether there is an object, or anything below it."""
        return self.is_file() or self.is_dir()

    def iterdir(self) -> Iterator[ObjectPath]:
        """Yield what lies directly below it.

        Raises:
            FileNotFoundError: If there is nothing.
        """
        files, folders = self._client.children(self.key)
        if not files and not folders:
            raise FileNotFoundError(2, "there is nothing", str(self))
        yield from (ObjectPath(self.bucket, key) for key in [*files, *(f.rstrip("/") for f in folders)])

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        """Yield what lies directly below it with names of a pattern."""
        try:
            yield from (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))
        except FileNotFoundError:
            return

    def sizes(self) -> Iterator[int]:
        """Yield the size of every object below it, in bytes."""
        yield from (size for _, size in self._client.below(self.key))

    def stat(self) -> os.stat_result:
        """Return the size of the object as that of a file; all else is zero."""
        return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, self._client.size(self.key), 0, 0, 0))

    def read_bytes(self) -> bytes:
        """Read the object."""
        return self._client.get(self.key).data

    def read_text(self, encoding: str = "utf-8") -> str:
        """Read the object as text."""
        return self.read_bytes().decode(encoding)

    def chunks(self, size: int) -> Iterator[bytes]:
        """Read the object in pieces."""
        return self._client.chunks(self.key, size)

    def write_bytes(self, data: bytes) -> None:
        """Write the object; it is there whole, or as it was before."""
        self._client.put(self.key, data)

    def write_if(self, data: bytes, tag: str | None) -> str:
        """Write the object if it is absent, or of this tag; see `Client.put_if`."""
        return self._client.put_if(self.key, data, tag)

    def read_with_tag(self) -> tuple[bytes, str]:
        """Read the object and its tag."""
        kept = self._client.get(self.key)
        return kept.data, kept.tag

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object; S3 does not say whether it was there."""
        self._client.delete(self.key)

    def remove_tree(self) -> None:
        """Remove every object below it."""
        for key, _ in list(self._client.below(self.key)):
            self._client.delete(key)

    @property
    def _client(self) -> Client:
        return client_of(self.bucket)
