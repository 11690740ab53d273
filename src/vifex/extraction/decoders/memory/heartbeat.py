"""What a decoder says of itself without a message: a few numbers in shared memory.

Writing here wakes no process and costs next to nothing, so it is done for every file and packet. The
supervisor looks a few times a second, and when the decoder has died.
"""

from __future__ import annotations

import mmap
from typing import Final

__all__ = ["HEARTBEAT_BYTES", "Heartbeat"]

HEARTBEAT_BYTES: Final = 64
"""One cache line each: decoders do not slow each other down."""

_JOB, _BEATS, _WAITING, _WAITED_US, _AT_MS, _END_MS, _MEASURED, _BLOCKED_PERMILLE = range(8)


class Heartbeat:
    """One decoder's numbers: it alone writes, its supervisor reads.

    Args:
        memory: The shared memory.
        offset: Where in it, in bytes, a multiple of `HEARTBEAT_BYTES`.
    """

    def __init__(self, memory: mmap.mmap, offset: int) -> None:
        self._numbers = memoryview(memory)[offset : offset + HEARTBEAT_BYTES].cast("q")

    def clear(self) -> None:
        """Set everything back, for a new decoder."""
        for i in range(len(self._numbers)):
            self._numbers[i] = 0

    def start(self, job: int) -> None:
        """Report that a job's file is being opened now."""
        self._numbers[_WAITED_US] = 0
        self._numbers[_AT_MS] = self._numbers[_END_MS] = 0
        self._numbers[_JOB] = job + 1
        self._numbers[_BEATS] += 1

    def stop(self) -> None:
        """Report that there is nothing in work."""
        self._numbers[_JOB] = 0

    def resume(self, job: int) -> None:
        """Report after `stop` that a job goes on, without a new start."""
        self._numbers[_JOB] = job + 1

    def beat(self) -> None:
        """Report that there is progress."""
        self._numbers[_BEATS] += 1

    def reach(self, t_s: float, end_s: float | None) -> None:
        """Describe how far the decoding of a video or a sound is.

        Args:
            t_s: Seconds of its own time.
            end_s: Where it ends, where that is known.
        """
        self._numbers[_AT_MS] = int(t_s * 1000)
        self._numbers[_END_MS] = int((end_s or 0.0) * 1000)

    def wait(self) -> None:
        """Report that the decoder waits for a free slot, which is not its file's fault."""
        self._numbers[_WAITING] = 1

    def go_on(self, waited_s: float) -> None:
        """Report that the wait is over, and how long it was."""
        self._numbers[_WAITED_US] += int(waited_s * 1e6)
        self._numbers[_WAITING] = 0

    def block(self, share: float) -> None:
        """Report the part of the last moments for which the decoder waited for files, 0 to 1."""
        self._numbers[_BLOCKED_PERMILLE] = round(1000 * share)
        self._numbers[_MEASURED] += 1

    @property
    def job(self) -> int | None:
        """The job in work."""
        number = self._numbers[_JOB]
        return number - 1 if number else None

    @property
    def beats(self) -> int:
        """Rises with every sign of life."""
        return self._numbers[_BEATS]

    @property
    def waiting(self) -> bool:
        """Whether it waits for a free slot."""
        return bool(self._numbers[_WAITING])

    @property
    def waited_s(self) -> float:
        """Seconds it has waited for free slots in this job, without the present wait."""
        return self._numbers[_WAITED_US] / 1e6

    @property
    def at_s(self) -> float:
        """Seconds of the medium's own time that the decoding has reached."""
        return self._numbers[_AT_MS] / 1000

    @property
    def end_s(self) -> float | None:
        """Where the medium ends, as its container says."""
        return self._numbers[_END_MS] / 1000 or None

    @property
    def measured(self) -> int:
        """How often the waiting for files was measured."""
        return self._numbers[_MEASURED]

    @property
    def blocked(self) -> float:
        """Part of the time before the last measurement for which the decoder waited for files, 0 to 1."""
        return self._numbers[_BLOCKED_PERMILLE] / 1000

    def release(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
