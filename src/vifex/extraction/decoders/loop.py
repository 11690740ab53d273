"""The event loop of decoding: media in; full slots, endings and items from other threads out.

A run, a calibration and a measurement of rates all decode through this loop. One thread owns it and takes its
events; any thread may post to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Generic, Self, TypeVar, cast

from vifex.extraction.decoders.decoder import Decoder
from vifex.extraction.decoders.events import Event, InWork
from vifex.extraction.decoders.memory.shared_memory import Pixels
from vifex.extraction.decoders.poller import Poller
from vifex.extraction.decoders.supervisor import Supervisor
from vifex.values import Limits, Medium, ViewRequest

__all__ = ["DecodingLoop"]

_TICK_S: Final = 0.1
"""The longest wait: hanging decoders are noticed although nothing happens."""

Posted = TypeVar("Posted")


class DecodingLoop(Generic[Posted]):
    """Supervised decoders at work on media.

    Args:
        requests: What is wanted of every medium.
        batch_rows: Samples in a slot, one number for each request.
        extra_slots: Slots beyond the two of each decoder: batches queued or inside the engine.
        workers: Decoder processes.
        limits: What one file may cost.
        slow_workers: Decoder processes beyond those, started for media of slow disks.
        window: Media that may wait for a decoder, so that long ones and those of other disks are found early.
    """

    def __init__(
        self,
        requests: Sequence[ViewRequest],
        batch_rows: Sequence[int],
        *,
        extra_slots: int,
        workers: int,
        limits: Limits,
        slow_workers: int = 0,
        window: int = 0,
    ) -> None:
        self._poller = Poller()
        self._posted: deque[Posted] = deque()
        self._requests = tuple(range(len(requests)))
        try:
            self._supervisor = Supervisor(
                tuple(requests),
                tuple(batch_rows),
                extra_slots=extra_slots,
                workers=workers,
                limits=limits,
                slow_workers=slow_workers,
                window=window,
                poller=self._poller,
            )
        except BaseException:
            self._poller.close()
            raise

    @property
    def ready_s(self) -> float | None:
        """When the first decoder stood ready to read, on `time.monotonic`; `None` before that."""
        return self._supervisor.ready_s

    @property
    def is_idle(self) -> bool:
        """Whether every medium that was given is over."""
        return self._supervisor.is_idle

    def capacity(self) -> int:
        """Count the media that would be taken now."""
        return self._supervisor.capacity()

    def free_decoders(self) -> int:
        """Count the decoders that would take a video or sound now."""
        return self._supervisor.free_decoders()

    def give(self, medium: Medium, requests: tuple[int, ...] | None = None) -> int:
        """Hand a medium to a decoder, with the next step.

        Args:
            medium: To be read.
            requests: Numbers of the requests that want it; all of them where it is `None`.

        Returns:
            The number of this attempt, by which events name it.
        """
        return self._supervisor.give(medium, self._requests if requests is None else requests)

    def pixels(self, request: int, slot: int) -> Pixels:
        """A slot's pixels or sound `[rows, *sample_shape]` over the shared memory."""
        return self._supervisor.pixels(request, slot)

    def free(self, request: int, slot: int) -> None:
        """Take a slot back whose pixels are no longer needed."""
        self._supervisor.free(request, slot)

    def in_work(self) -> list[InWork]:
        """Return the media that decoders are reading now."""
        return self._supervisor.in_work()

    def post(self, item: Posted) -> None:
        """Let something come out of `step`; any thread may call this."""
        self._posted.append(item)
        self._poller.wake()

    def wake(self) -> None:
        """End a wait; any thread may call this."""
        self._poller.wake()

    def flush(self) -> None:
        """Send decoders what waits for them, before the caller does something that may take long."""
        self._supervisor.flush()

    def step(self, *, more: bool) -> list[Event | Posted]:
        """Wait until something happens, at most a tenth of a second.

        Args:
            more: Whether more media will be given; where none will be, slots that are not full come out as
                soon as all decoders are idle.

        Returns:
            What happened, in order; a `Filled` slot is the caller's until it is freed.

        Raises:
            VifexError: If decoders do not start, or cannot work with what is installed.
        """
        self._supervisor.flush()
        for decoder in self._poller.wait(0.0 if self._posted else _TICK_S):
            self._supervisor.listen(cast(Decoder, decoder))
        posted = [self._posted.popleft() for _ in range(len(self._posted))]
        return [*posted, *self._supervisor.events(more=more)]

    def events(
        self, media: Iterator[Medium], *, busy: Callable[[], bool] = lambda: False
    ) -> Iterator[Event | Posted]:
        """Decode media until all are over and `busy` returns false.

        Args:
            media: To be decoded for all requests.
            busy: Whether something is still to be posted.

        Yields:
            As `step` returns.
        """
        more = True
        while more or not self.is_idle or busy():
            for _ in range(self.capacity() if more else 0):
                medium = next(media, None)
                if medium is None:
                    more = False
                    break
                self.give(medium)
            yield from self.step(more=more)

    def close(self) -> None:
        """End every decoder."""
        self._supervisor.close()
        self._poller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
