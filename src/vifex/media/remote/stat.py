"""Size and time of a remote file: what tells whether it is still the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["RemoteStat", "is_same_time", "time_with_tag"]


@dataclass(frozen=True, slots=True)
class RemoteStat:
    """What a server says about a file."""

    size_bytes: int | None
    """`None` where it does not say."""
    mtime_ns: int
    """See `time_with_tag`."""


def time_with_tag(modified_s: float | None, tag: str | None) -> int:
    """Return the time of change in nanoseconds, with a hash of the entity tag below the second.

    Servers give times in seconds. The part below holds the tag, so two versions of one second differ, and a
    file without a time has its tag alone.

    Args:
        modified_s: Unix time; `None` where the server does not say. The part below the second is dropped,
            because listings have it and answers do not.
        tag: The entity tag; quotes and the mark of a weak tag do not count.
    """
    clean = (tag or "").removeprefix("W/").strip('"')
    digest = hashlib.blake2b(clean.encode(), digest_size=8).digest() if clean else b""
    return int(modified_s or 0) * 1_000_000_000 + int.from_bytes(digest, "big") % 1_000_000_000


def is_same_time(one: int, other: int) -> bool:
    """Whether two answers are of one version of a file; what one of them does not say counts as the same."""
    (second, tag), (other_second, other_tag) = (divmod(time, 1_000_000_000) for time in (one, other))
    return (not second or not other_second or second == other_second) and (
        not tag or not other_tag or tag == other_tag
    )
