"""One decoder process as its supervisor sees it: what it was given, what it writes, and how it fares."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import replace

from vifex.extraction.decoders.dispatching.lanes import Lane
from vifex.extraction.decoders.memory.heartbeat import Heartbeat
from vifex.extraction.decoders.memory.shared_memory import SharedBlock
from vifex.extraction.decoders.protocol import Assignment, Setup, Wrote
from vifex.extraction.processes.child_process import ChildProcess

__all__ = ["Decoder"]


class Decoder(ChildProcess):
    """A decoder process.

    Args:
        setup: The first message to it.
        block: The shared memory.
        heartbeat_at: Offset of its heartbeat in that.
        seat: Which of the decoders it is; one that takes its place has the same.
    """

    def __init__(self, setup: Setup, block: SharedBlock, heartbeat_at: int, seat: int) -> None:
        super().__init__(
            "vifex.extraction.decoders.worker", environment=_environment(), inherited=block.inherited
        )
        self.seat = seat
        self.heartbeat = Heartbeat(block.memory, heartbeat_at)
        self.heartbeat.clear()
        self.is_ready = False
        self.jobs: deque[Assignment] = deque()
        """What it was given and has not finished, in order."""
        self.lane: Lane | None = None
        """The lane from which it was given media last."""
        self.measured = 0
        """Measurements of its waiting for files that were taken note of."""
        self.open: dict[int, int] = {}
        """Request to the slot that it is filling..."""
        self.written: dict[int, list[Wrote]] = {}
        """... and what it wrote into that."""
        self.needs: set[int] = set()
        """Requests for which it waits for a slot."""
        self.idle_since_s = 0.0
        self.seen: tuple[int | None, int] = (None, 0)
        """The attempt and the beats that its heartbeat showed last."""
        self.started_s = 0.0
        self.heard_s = time.monotonic()
        self.say(replace(setup, heartbeat=heartbeat_at))

    @property
    def reads_slow_disk(self) -> bool:
        """Whether it holds media for which it waits longer than it computes."""
        return bool(self.jobs) and self.lane is not None and self.lane.is_slow

    def look(self, now_s: float) -> None:
        """Take note of what its heartbeat shows."""
        shown = self.heartbeat.job, self.heartbeat.beats
        if shown[0] != self.seen[0]:
            self.started_s = now_s
        if shown != self.seen or self.heartbeat.waiting:
            self.heard_s = now_s
        self.seen = shown

    def close(self) -> None:
        """Free what belongs to a process that was ended."""
        super().close()
        self.heartbeat.release()

    def cause_of_death(self) -> str:
        """Say how the process ended, for the medium that it was reading."""
        todo = "Try `retry_failed=True`."
        if self.exit_code is not None and self.exit_code < 0:
            todo = "The file may be damaged or hostile; try a fresh copy, then `retry_failed=True`."
        return f"The decoder {self.died_by()} while reading it. {todo}"


def _environment() -> dict[str, str]:
    """One thread per decoder: parallelism comes from their number."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
