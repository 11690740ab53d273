"""A process with shards whose decoders and networks are sleep: `python sleeping_shards.py MS DESCRIPTOR ...`.

Each thread is a shard at the other end of a socket. It speaks the protocol of shards: it wants media as real
ones do, ahead of its need, is busy with each for MS, and hands over rows of the real size twice a second or
1,024 at a time. Time is kept by the clock: a thread that woke late is not slower for it.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
import time
from collections import deque
from typing import Any

import numpy as np

from vifex.extraction.decoders.wire import FrameReader, frame
from vifex.extraction.pipeline.rows import MediumRows, RowChunk, build_rows
from vifex.extraction.shards.ipc import to_bytes
from vifex.extraction.shards.protocol import (
    Beat,
    Give,
    HandedOver,
    NoMore,
    OutcomeColumns,
    Ready,
    ShardSetup,
    Stop,
    Want,
)
from vifex.values import Medium, Outcome, Sample
from vifex.values.sample_facts import FactsBuilder

WANTED, BLOCK, BLOCK_S, HAND_OVER_S, HAND_OVER_MEDIA, BEAT_S = 256, 64, 0.1, 0.5, 1024, 0.2
READ_BYTES = 1 << 20


class Shard:
    """One shard.

    Args:
        connection: To the coordinator.
        cost_s: Of each medium.
    """

    def __init__(self, connection: socket.socket, cost_s: float) -> None:
        self._connection, self._cost_s = connection, cost_s
        self._reader = FrameReader()
        self._setup: ShardSetup | None = None
        self._waiting: deque[Medium] = deque()
        self._finished: list[Medium] = []
        self._has_asked = self._is_over = False
        self._beat_s = self._handed_s = 0.0
        self._block = max(1, min(BLOCK, int(BLOCK_S / cost_s) if cost_s else BLOCK))

    def run(self) -> None:
        """Work until there are no more media, or the coordinator is gone."""
        try:
            while self._setup is None:
                self._read(wait_s=None)
            chunk = _chunk(self._setup)
            self._say(Ready())
            due_s = time.monotonic()
            while self._waiting or not self._is_over:
                self._ask()
                self._read(wait_s=0.0 if self._waiting else BEAT_S / 4)
                due_s = self._work(due_s)
                self._hand_over(chunk, at_once=not self._waiting)
            self._hand_over(chunk, at_once=True)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            pass
        self._connection.close()

    def _work(self, due_s: float) -> float:
        """Be busy with some media; returns when that ends by the clock."""
        done = [self._waiting.popleft() for _ in range(min(self._block, len(self._waiting)))]
        if not done:
            return time.monotonic()
        due_s += len(done) * self._cost_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        self._finished += done
        return due_s

    def _ask(self) -> None:
        now_s = time.monotonic()
        if not self._has_asked and len(self._waiting) <= WANTED // 2:
            self._has_asked = True
            self._say(Want(WANTED, 1))
        if now_s - self._beat_s >= BEAT_S:
            self._beat_s = now_s
            self._say(Beat((), is_decoding=bool(self._waiting)))

    def _hand_over(self, chunk: RowChunk, *, at_once: bool) -> None:
        now_s = time.monotonic()
        is_due = len(self._finished) >= HAND_OVER_MEDIA or now_s - self._handed_s >= HAND_OVER_S
        if not self._finished or not (is_due or at_once):
            return
        assert self._setup is not None
        self._handed_s = now_s
        done, self._finished = self._finished, []
        parts = [MediumRows(medium, ((chunk, n, n + 1),)) for n, medium in enumerate(done)]
        rows = build_rows(parts, self._setup.schemas[0], self._setup.views[0].recipe)
        outcomes = [Outcome(m, "ok", rows=1, wall_s=self._cost_s, content_hash="0" * 32) for m in done]
        self._say(HandedOver(0, OutcomeColumns.of(outcomes, [0.0] * len(done)), to_bytes(rows)))

    def _say(self, message: Any) -> None:
        self._connection.sendall(frame([message]))

    def _read(self, wait_s: float | None) -> None:
        """Take what has come; waits for something so long at most."""
        while select.select([self._connection], [], [], wait_s)[0]:
            data = self._connection.recv(READ_BYTES)
            if not data:
                raise EOFError
            for message in self._reader.feed(data):
                match message:
                    case ShardSetup():
                        self._setup = message
                    case Give():
                        self._has_asked = False
                        self._waiting += [given.medium for given in message.media]
                    case NoMore() | Stop():
                        self._is_over = True
            if self._setup is not None:
                wait_s = 0.0


def _chunk(setup: ShardSetup) -> RowChunk:
    """Make constant rows of as many images as are handed over at once."""
    count = HAND_OVER_MEDIA + BLOCK
    facts = FactsBuilder()
    for _ in range(count):
        facts.add(Sample(0, 0, np.empty(0, np.uint8)))
    sizes = {"float16": np.float16, "float32": np.float32}
    layers = setup.views[0].recipe.layers
    vectors = {layer.column: np.zeros((count, layer.size), sizes[layer.dtype]) for layer in layers}
    return RowChunk(facts.take().records, vectors)


def main() -> None:
    """Run all shards of this process."""
    cost_s = float(sys.argv[1]) / 1000
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[2:]]
    threads = [threading.Thread(target=Shard(one, cost_s).run) for one in sockets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
