"""A remote file as it was at one time, in blocks.

A server without ranges gives the whole file, which goes to a temporary file without a name.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from vifex.media.remote import transfer
from vifex.media.remote.copies import TemporaryCopy
from vifex.media.remote.errors import NoRangesError, TransferError
from vifex.media.remote.stat import RemoteStat, is_same_time

__all__ = ["BLOCK_BYTES", "RemoteObject", "examine", "remote_object"]

BLOCK_BYTES: Final = 1 << 20
"""A larger block costs bytes where a reader jumps, a smaller one costs requests."""
_KNOWN: Final = 4096
"""Objects that are remembered."""
_COPIES: Final = 4
"""Temporary files that are kept for the next reader of the same object."""

_known: OrderedDict[tuple[str, int, int | None], RemoteObject] = OrderedDict()
_latest: OrderedDict[str, RemoteObject] = OrderedDict()
"""Of each address the object that was asked for last."""
_copied: OrderedDict[int, RemoteObject] = OrderedDict()
_lock = threading.Lock()


def remote_object(access: str, mtime_ns: int | None = None, size_bytes: int | None = None) -> RemoteObject:
    """Return the object at an address, as it was at a time where one is given.

    Args:
        access: How it is read.
        mtime_ns: Time of change with the tag, see `time_with_tag`; `None` takes it as it was last asked for.
        size_bytes: Its size where it is known.
    """
    with _lock:
        if mtime_ns is None:
            found = _latest.get(access) or RemoteObject(access, None, size_bytes)
        else:
            key = (access, mtime_ns, size_bytes)
            found = _known.get(key) or RemoteObject(access, mtime_ns, size_bytes)
            _keep(_known, key, found)
        _keep(_latest, access, found)
    return found


def examine(access: str) -> RemoteObject:
    """Return the object at an address as it is now.

    Raises:
        TransferError: If its server does not tell.
    """
    stat = transfer.stat(access)
    found = remote_object(access, stat.mtime_ns, stat.size_bytes)
    found.stat()  # of a server that does not say how long it is, it is read
    return found


def _keep(among: OrderedDict[Any, RemoteObject], key: Any, found: RemoteObject) -> None:
    among[key] = found
    among.move_to_end(key)
    while len(among) > _KNOWN:
        among.popitem(last=False)


class RemoteObject:
    """One object. Threads may read its blocks at once."""

    def __init__(self, access: str, mtime_ns: int | None, size_bytes: int | None) -> None:
        self.access = access
        self._mtime_ns = mtime_ns
        self._size_bytes = size_bytes
        self._lock = threading.Lock()
        self._copy: TemporaryCopy | None = None
        """Holds all of it where its server has no ranges."""

    def stat(self) -> RemoteStat:
        """Return size and time, asked for at the first call.

        Raises:
            TransferError: If they cannot be learnt.
        """
        if self._size_bytes is None or self._mtime_ns is None:
            with self._lock:
                if self._size_bytes is None or self._mtime_ns is None:
                    self._take(transfer.stat(self.access))
                if self._size_bytes is None:
                    self._copied_whole()
        assert self._size_bytes is not None
        assert self._mtime_ns is not None
        return RemoteStat(self._size_bytes, self._mtime_ns)

    @property
    def size_bytes(self) -> int | None:
        """Its size where it is known already."""
        return self._size_bytes

    def block(self, index: int) -> bytes:
        """Fetch a block.

        Raises:
            TransferError: If it cannot be read, or the object has changed.
        """
        start = index * BLOCK_BYTES
        stop = start + BLOCK_BYTES if self._size_bytes is None else min(start + BLOCK_BYTES, self._size_bytes)
        copy = self._copy
        if copy is None:
            try:
                data, found = transfer.fetch(self.access, start, stop)
            except NoRangesError:
                with self._lock:
                    copy = self._copy or self._copied_whole()
            else:
                self._take(found)
                if len(data) < min(stop, self._size_bytes or stop) - start:
                    raise TransferError("the server sent less than it was asked for", is_passing=True)
                return data
        return copy.read(start, stop - start)

    def _take(self, found: RemoteStat) -> None:
        """Compare what a server says with what is known.

        Raises:
            TransferError: If it is not the same object any more.
        """
        self._mtime_ns = found.mtime_ns if self._mtime_ns is None else self._mtime_ns
        if self._size_bytes is None:
            self._size_bytes = found.size_bytes
        if not is_same_time(found.mtime_ns, self._mtime_ns) or found.size_bytes not in (
            None,
            self._size_bytes,
        ):
            raise TransferError("the file changed since it was found", is_passing=True)

    def _copied_whole(self) -> TemporaryCopy:
        """Read all of it into a temporary file."""
        self._copy = copy = transfer.whole(self.access, self._copied)
        with _lock:
            _copied[id(self)] = self
            while len(_copied) > _COPIES:
                _, other = _copied.popitem(last=False)
                other._copy = None  # deleted when its last reader lets go of it
        return copy

    def _copied(self, pieces: Iterator[tuple[bytes, RemoteStat]]) -> TemporaryCopy:
        copy, found = TemporaryCopy(), None
        for data, found in pieces:
            copy.add(data, found.size_bytes or 0)
        if found is None:
            raise TransferError("the file is empty", is_passing=False)
        self._take(RemoteStat(copy.size_bytes, found.mtime_ns))
        return copy
