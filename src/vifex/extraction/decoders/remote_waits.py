"""A decoder process and the network: it fetches media ahead, and its waits are told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from vifex.extraction.decoders.memory.heartbeat import Heartbeat
from vifex.extraction.decoders.protocol import Assignment
from vifex.media.places import is_remote, place_of
from vifex.media.remote import file, settings
from vifex.media.remote.objects import remote_object
from vifex.values.media import member_of

__all__ = ["RemoteWaits"]

_THREADS_BYTES: Final = 4 << 30
"""Address space for the threads that fetch; what they fetch is bounded elsewhere."""


class RemoteWaits:
    """Prepares a decoder process for remote media when the first one comes.

    Args:
        heartbeat: Is told of waits.
        sharing: Decoder processes that share the connections to a host.
        leave_out: Takes each wait in seconds.
        on_arrival: Called, in any thread, when a medium has come that was awaited.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        sharing: int,
        leave_out: Callable[[float], None],
        on_arrival: Callable[[], None],
    ) -> None:
        self._heartbeat, self._sharing, self._leave_out = heartbeat, sharing, leave_out
        self._on_arrival = on_arrival
        self._is_ready = False

    def expect(self, jobs: Sequence[Assignment]) -> None:
        """Fetch media ahead that will be read, if they are remote."""
        for job in jobs:
            medium = job.medium
            access = medium.access or medium.uri
            if not is_remote(access):
                continue
            self._prepare()
            is_member = member_of(medium.uri) is not None
            of = remote_object(place_of(access), medium.mtime_ns, None if is_member else medium.size_bytes)
            if medium.extent is not None:
                file.expect(job.attempt, of, *medium.extent)
            elif not is_member:
                file.expect(job.attempt, of, 0, medium.size_bytes)

    def is_awaited(self, job: Assignment) -> bool:
        """Whether a medium is still on its way; others can be read meanwhile."""
        return self._is_ready and file.is_awaited(job.attempt)

    def press(self, job: Assignment) -> None:
        """Fetch an awaited medium now, since there is no other to read."""
        file.press(job.attempt)

    def over(self, job: Assignment) -> None:
        """Take note that a medium is read no more."""
        if self._is_ready:
            file.over(job.attempt)

    def _prepare(self) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        settings.share(self._sharing)
        _widen_memory()
        file.on_wait(self._wait)
        file.on_arrival(self._on_arrival)

    @contextmanager
    def _wait(self) -> Iterator[None]:
        since_s = time.monotonic()
        in_work = self._heartbeat.job is not None
        if in_work:
            self._heartbeat.wait()
        try:
            yield
        finally:
            waited_s = time.monotonic() - since_s
            if in_work:
                self._heartbeat.go_on(waited_s)
            self._leave_out(waited_s)


def _widen_memory() -> None:
    """Leave address space for threads: each maps some for its stack and its heap, and uses little of it."""
    if sys.platform != "linux":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        soft += _THREADS_BYTES
        resource.setrlimit(
            resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
        )
