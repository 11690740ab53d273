"""Opens a member of an archive or a table by its address, for reading like a file.

Nothing is unpacked beside the archive. Members that are stored as they are, as all of a tar, are read in
place; packed ones are unpacked in memory, or in a file without a name if they are large.
"""

from __future__ import annotations

import io
from typing import Final, Protocol, cast

from vifex.media.members import tables, tars, zips
from vifex.media.members.window import Window
from vifex.media.places import base_name, written
from vifex.values import MediaError

__all__ = ["OpenMember", "is_archive", "is_table", "open_member"]

_TABLES: Final = (".parquet", ".arrow", ".feather", ".lance")


class OpenMember(Protocol):
    """What is read of a member."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Read up to `size` bytes."""
        ...

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read up to what the buffer holds."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move, as files do."""
        ...

    def tell(self) -> int:
        """Return the position."""
        ...

    def close(self) -> None:
        """Close it, and the file that it lies in."""
        ...


def is_archive(path: str) -> bool:
    """Whether a place is one of a tar or zip archive, by its name."""
    return written(path).lower().endswith((".tar", ".zip"))


def is_table(path: str) -> bool:
    """Whether a place is one of a table, by its name."""
    return written(path).lower().endswith(_TABLES)


def open_member(
    file: io.RawIOBase, path: str, member: str, extent: tuple[int, int] | None, display_name: str
) -> tuple[OpenMember, int]:
    """Open a member of an open file, which it closes in the end.

    Args:
        file: The archive or the table.
        path: Its path, or the address by which it is read.
        member: The name of the member.
        extent: Where it lies, if that is known.
        display_name: What to call it in a message.

    Returns:
        The member, and its size in bytes.

    Raises:
        MediaError: If the file has no such member, or it cannot be read.
    """
    try:
        if is_table(path):
            value = tables.read_value(path, member)
            file.close()
            return cast(OpenMember, io.BytesIO(value)), len(value)
        if extent is None:
            found = (
                tars.find(path, member) if written(path).lower().endswith(".tar") else zips.find(path, member)
            )
            if not isinstance(found, tuple):
                packed = cast(OpenMember, found.unpack())
                file.close()
                return packed, found.size_bytes
            extent = found
    except (OSError, ValueError, KeyError) as exc:
        file.close()
        why = exc.args[0] if isinstance(exc, KeyError) else getattr(exc, "strerror", None) or str(exc)
        raise MediaError(f"{why}.", of=display_name, todo=f"Check {base_name(path)}.") from exc
    offset, size = extent
    return cast(OpenMember, Window(file, offset, size)), size
