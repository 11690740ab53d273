"""A member of an archive as its directory or its headers tell of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ArchiveMember"]


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A member, or why it or the rest of the archive cannot be read."""

    name: str
    """Undecodable bytes are surrogates; empty if `problem` is about the archive."""
    size_bytes: int = 0
    """When it is unpacked."""
    extent: tuple[int, int] | None = None
    """Where it lies, offset and number of bytes; `None` if it is packed."""
    problem: str | None = None
    is_other: bool = False
    """Whether it is no file: a link, a device; `problem` says which."""
