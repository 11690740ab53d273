"""Blocks of remote files: fetched by threads ahead of their use, within a limit of bytes.

Blocks are read ahead in the order in which they will be used, for media that are still to come too, so a
slow network delays only the first of them. Blocks that were read stay for a while: members of an archive
that lie in one block share it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from vifex.media.remote.objects import BLOCK_BYTES, RemoteObject
from vifex.media.remote.pool import FetchPool
from vifex.media.remote.settings import connections

__all__ = ["Blocks", "the_blocks"]

AHEAD_BYTES: Final = 32 << 20
"""Bytes that are fetched, or being fetched, before anybody read them."""
KEPT_BYTES: Final = 32 << 20
"""Bytes that were read and stay."""

_Key = tuple[RemoteObject, int]


@dataclass(slots=True, eq=False)
class _Block:
    future: Future[bytes]
    size_bytes: int
    owners: set[Hashable] = field(default_factory=set)
    """Readers that are expected and have not come. It is kept apart from blocks that nobody waits for."""


class Blocks:
    """Blocks of all remote files that a process reads.

    Args:
        pool: Fetches them.
    """

    def __init__(self, pool: FetchPool) -> None:
        self._pool = pool
        self._blocks: OrderedDict[_Key, _Block] = OrderedDict()
        self._coming: deque[tuple[Hashable, _Key]] = deque()
        self._of_owner: dict[Hashable, set[_Key]] = {}
        self._ahead_bytes = self._kept_bytes = 0
        self._awaited: dict[Hashable, int] = {}
        """Of each reader the blocks that must come before it can start."""
        self._lock = threading.RLock()  # what is done already calls back at once
        self.on_arrival: Callable[[], None] = _nothing
        """Called, in any thread, when a reader can start."""

    def expect(self, owner: Hashable, blocks: Sequence[_Key], n_first: int) -> None:
        """Fetch blocks ahead, after those that are expected already and within the limit.

        Args:
            owner: Who will read them, and say `over` in the end.
            blocks: Objects and numbers of their blocks, in the order of reading.
            n_first: How many of them must come before the reader can start.
        """
        with self._lock:
            if blocks:
                self._awaited[owner] = min(n_first, len(blocks))
            self._coming += ((owner, key) for key in blocks)
            self._fill()

    def is_awaited(self, owner: Hashable) -> bool:
        """Whether a reader would wait: its first blocks have neither come nor failed."""
        return owner in self._awaited

    def press(self, owner: Hashable) -> None:
        """Fetch what a reader expects whatever the limit: there is nothing else to read."""
        with self._lock:
            own = [key for one, key in self._coming if one == owner]
            if own:
                self._coming = deque(pair for pair in self._coming if pair[0] != owner)
            for key in own:
                self._start(owner, key)

    def hurry(self, owner: Hashable, blocks: Iterable[_Key]) -> None:
        """Fetch a few blocks ahead of all that are expected: their reader is at work."""
        with self._lock:
            for key in blocks:
                self._go(owner, key)

    def over(self, owner: Hashable) -> None:
        """Take note that a reader reads no more."""
        with self._lock:
            if any(one == owner for one, _ in self._coming):
                self._coming = deque(pair for pair in self._coming if pair[0] != owner)
            self._awaited.pop(owner, None)
            for key in self._of_owner.pop(owner, ()):
                if (block := self._blocks.get(key)) is not None and owner in block.owners:
                    block.owners.discard(owner)
                    self._let_go(block)
            self._evict()
            self._fill()

    def wanted(self, of: RemoteObject, index: int) -> Future[bytes]:
        """Return a block that is needed now, maybe still on its way."""
        key = (of, index)
        with self._lock:
            block = self._blocks.get(key)
            if block is not None and not block.owners and _has_failed(block.future):
                self._kept_bytes -= block.size_bytes
                block = None  # the reader before learnt of it; this one tries again
            if block is None:
                block = self._fetch(key, first=True)
                self._kept_bytes += block.size_bytes
            elif block.owners:
                block.owners.clear()
                self._let_go(block)
            self._blocks.move_to_end(key)
            self._evict()
            self._fill()
        return block.future

    def _let_go(self, block: _Block) -> None:
        """Count a block that nobody is expected to read for the first time."""
        if not block.owners:
            self._ahead_bytes -= block.size_bytes
            self._kept_bytes += block.size_bytes

    def _fetch(self, key: _Key, *, first: bool = False) -> _Block:
        of, index = key
        size = of.size_bytes
        length = BLOCK_BYTES if size is None else max(0, min(BLOCK_BYTES, size - index * BLOCK_BYTES))
        block = self._blocks[key] = _Block(self._pool.submit(lambda: of.block(index), first=first), length)
        return block

    def _fill(self) -> None:
        """Fetch what comes next while the limit allows."""
        while self._coming and self._ahead_bytes < AHEAD_BYTES:
            self._start(*self._coming.popleft())

    def _start(self, owner: Hashable, key: _Key) -> None:
        self._go(owner, key)
        self._blocks[key].future.add_done_callback(partial(self._come, owner))

    def _come(self, owner: Hashable, _: Future[bytes]) -> None:
        """Take note that a block has come, or cannot be read."""
        with self._lock:
            left = self._awaited.get(owner)
            if left is None:
                return
            if left > 1:
                self._awaited[owner] = left - 1
                return
            del self._awaited[owner]
        self.on_arrival()

    def _go(self, owner: Hashable, key: _Key) -> None:
        block = self._blocks.get(key)
        if block is None:
            block = self._fetch(key)
            self._ahead_bytes += block.size_bytes
        elif not block.owners:
            return  # it was read a moment ago and is still there
        block.owners.add(owner)
        self._of_owner.setdefault(owner, set()).add(key)

    def _evict(self) -> None:
        """Drop the blocks that were read longest ago."""
        old = []
        left = self._kept_bytes - KEPT_BYTES
        for key, block in self._blocks.items():
            if left <= 0:
                break
            if not block.owners and block.future.done():
                old.append(key)
                left -= block.size_bytes
        for key in old:
            self._kept_bytes -= self._blocks.pop(key).size_bytes


def _nothing() -> None:
    pass


def _has_failed(future: Future[bytes]) -> bool:
    return future.done() and future.exception() is not None


_made: Blocks | None = None
_making = threading.Lock()


def the_blocks() -> Blocks:
    """Return the blocks of this process."""
    global _made
    with _making:
        if _made is None:
            _made = Blocks(FetchPool(2 * connections()))
        return _made
