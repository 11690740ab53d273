"""A remote file that is read like a local one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from vifex.media.remote.blocks import the_blocks
from vifex.media.remote.errors import TransferError, UnreachableError
from vifex.media.remote.objects import BLOCK_BYTES, RemoteObject
from vifex.media.seeking import SeekableFile
from vifex.values.errors import MediaError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "RemoteFile",
    "expect",
    "faults_told",
    "is_awaited",
    "on_arrival",
    "on_wait",
    "over",
    "unreachable",
]

_AHEAD: Final = 4
"""Blocks that are fetched ahead of a reader that goes on from block to block."""
_FIRST_BYTES: Final = 8 << 20
"""Bytes of a medium that is still to come that are fetched: most images whole, the start of a video."""

_wait: Callable[[], AbstractContextManager[None]] = nullcontext
_fault = threading.local()


def on_wait(wait: Callable[[], AbstractContextManager[None]]) -> None:
    """Let a context surround each wait for the network, e.g. to tell that a process does not hang."""
    global _wait
    _wait = wait


def expect(owner: Hashable, of: RemoteObject, offset: int, size: int) -> None:
    """Fetch the start of a medium ahead of its use.

    Args:
        owner: Who will read it, for `over`.
        of: The file.
        offset: Where the medium starts in it, in bytes.
        size: Its size in bytes.
    """
    stop = offset + min(size, _FIRST_BYTES)
    blocks = [(of, i) for i in range(offset // BLOCK_BYTES, -(-stop // BLOCK_BYTES))]
    the_blocks().expect(owner, blocks, len(blocks) if size <= _FIRST_BYTES else 1)


def is_awaited(owner: Hashable) -> bool:
    """Whether a medium that is expected would have to wait for the network, as far as is known."""
    return the_blocks().is_awaited(owner)


def press(owner: Hashable) -> None:
    """Fetch an expected medium whatever the limit of what is fetched ahead."""
    the_blocks().press(owner)


def on_arrival(call: Callable[[], None]) -> None:
    """Call a function, in any thread, when an expected medium can be read without a wait."""
    the_blocks().on_arrival = call


def over(owner: Hashable) -> None:
    """Take note that a medium is over for which blocks were expected."""
    the_blocks().over(owner)


@contextmanager
def faults_told(name: str) -> Iterator[None]:
    """Raise a fault of the network as what it is, whatever a decoder makes of it.

    Raises:
        UnreachableError: If reading failed in between.
        MediaError: If it failed for what the file is.
    """
    _fault.last = None
    try:
        yield
    finally:
        fault: TransferError | None = _fault.last
        _fault.last = None
        if fault is not None:
            raise unreachable(fault, name) from None


def unreachable(fault: TransferError, name: str) -> MediaError:
    """Return the error of a medium for a fault of the network."""
    if fault.is_of_file:
        return MediaError(f"{fault.reason}.", of=name)
    todo = "Check the credentials." if fault.is_refused else "The next run tries it again."
    return UnreachableError(f"{fault.reason}.", of=name, todo=todo)


class RemoteFile(SeekableFile):
    """Bytes of a remote file, fetched in blocks.

    Args:
        of: The file.
    """

    def __init__(self, of: RemoteObject) -> None:
        super().__init__()
        self._of = of
        self._last = -1
        """Number of the block that was read last."""
        self._ahead_to = 0
        """Number of the first block that was not expected."""
        self._has_hurried = False

    @property
    def size_bytes(self) -> int:
        """Its size; asked for where it is not known.

        Raises:
            TransferError: If it cannot be learnt.
        """
        if self._of.size_bytes is not None:
            return self._of.size_bytes
        with self._noting(), _wait():
            return self._of.stat().size_bytes or 0

    @property
    def mtime_ns(self) -> int:
        """Its time of change with the tag; see `time_with_tag`.

        Raises:
            TransferError: If it cannot be learnt.
        """
        with self._noting(), _wait():
            return self._of.stat().mtime_ns

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read what the buffer holds, or up to the end."""
        view = memoryview(buffer).cast("B")
        have = 0
        while have < len(view):
            index, offset = divmod(self._at, BLOCK_BYTES)
            size = self._of.size_bytes
            if size is not None and self._at >= size:
                break
            part = memoryview(self._block(index))[offset : offset + len(view) - have]
            if not part:
                break
            view[have : have + len(part)] = part
            have += len(part)
            self._at += len(part)
        return have

    def _block(self, index: int) -> bytes:
        if index == self._last + 1 and index > 0:
            self._go_ahead(index)
        self._last = index
        future = the_blocks().wanted(self._of, index)
        with self._noting():
            if future.done():
                return future.result()
            with _wait():
                return future.result()

    def _go_ahead(self, index: int) -> None:
        """Fetch the blocks that come next."""
        stop = index + 1 + _AHEAD
        if self._of.size_bytes is not None:
            stop = min(stop, -(-self._of.size_bytes // BLOCK_BYTES))
        start = max(self._ahead_to, index + 1)
        if start < stop:
            the_blocks().hurry(self, ((self._of, i) for i in range(start, stop)))
            self._ahead_to = stop
            self._has_hurried = True

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except TransferError as exc:
            _fault.last = exc
            raise

    def _end(self) -> int:
        return self.size_bytes

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, as files do."""
        at = super().seek(offset, whence)
        if at // BLOCK_BYTES not in range(self._last, self._ahead_to + 1):
            self._ahead_to = 0
        return at

    def close(self) -> None:
        """Let go of what was fetched ahead."""
        if not self.closed and self._has_hurried:
            the_blocks().over(self)
        super().close()
