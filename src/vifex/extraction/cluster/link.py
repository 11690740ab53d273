"""A shard of the cluster as its coordinator sees it: an actor, and calls that are always one ahead."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

from vifex.extraction.cluster.outbox import Fetched
from vifex.extraction.cluster.shipped import ShippedFile
from vifex.extraction.decoders.wire import FrameReader, frame
from vifex.extraction.shards.protocol import FromShard, ShardSetup, ToShard

__all__ = ["ActorLink"]

_RINGS: Final = 64
_TRIES: Final = 5
"""Calls in a row that do not reach an actor before it counts as gone."""
_KILLED: Final = "connection error code 2. End of file"
"""Of a process that ended without a word, by a signal for example."""


class ActorLink:
    """A `ShardLink` to a Ray actor.

    One call that fetches what the shard says is always under way. Its answer rings a socket, so that the
    coordinator waits for actors as it waits for pipes. The next call goes out when the answer was taken, so
    that the coordinator holds one answer of each shard.

    Args:
        setup: The first message to the shard.
        version: Of Vifex here.
        files: Files of the networks.
        options: Of the actor: what Ray is to reserve for it.
    """

    def __init__(
        self, setup: ShardSetup, version: str, files: Sequence[ShippedFile], options: dict[str, Any]
    ) -> None:
        import ray

        from vifex.extraction.cluster.remote import GROUPS, RemoteShard

        actor_class = ray.remote(concurrency_groups=GROUPS)(RemoteShard)
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._answers: deque[Future[Fetched]] = deque()
        self._outbox: list[ToShard] = []
        self._reader = FrameReader()
        self._end: str | None = None
        self._unreached = 0
        """Calls in a row that did not reach the actor."""
        self.lost_machine = False
        self._actor = actor_class.options(max_restarts=0, **options).remote(
            version, frame([setup]), list(files)
        )
        self._ask()

    @property
    def reads_from(self) -> int:
        """Descriptor that is readable when an answer has come."""
        return self._bell.fileno()

    @property
    def writes_to(self) -> int:
        """Descriptor that nothing is ever written to: calls do not block."""
        return self._button.fileno()

    def say(self, message: ToShard) -> None:
        """Send a message with the next `flush`."""
        self._outbox.append(message)

    def flush(self) -> bool:
        """Send what waits; nothing has to wait longer."""
        if self._outbox:
            messages, self._outbox = self._outbox, []
            self._actor.take.remote(frame(messages))
        return False

    def listen(self) -> list[FromShard] | None:
        """Return what the shard has said; `None` when it is gone."""
        with contextlib.suppress(OSError):
            self._bell.recv(_RINGS)
        if self._end is not None:
            return None
        if not self._answers:
            return []
        said = self._take(self._answers.popleft())
        if self._end is None:
            self._ask()
        elif said:
            self._ring()  # the end is told after the last words
        else:
            return None
        return said

    def kill(self) -> list[FromShard]:
        """End the shard; returns what it had said before and this process has."""
        import ray

        said = [message for answer in self._answers for message in self._take(answer)]
        self._answers.clear()
        with contextlib.suppress(Exception):  # a cluster that is gone has ended its actors
            ray.kill(self._actor, no_restart=True)
        return said

    def died_by(self) -> str:
        """Say how it ended, after `kill`."""
        return self._end or "ended"

    def close(self) -> None:
        """Free what belongs to it, after `kill`."""
        self._bell.close()
        self._button.close()

    def _ask(self) -> None:
        future = self._actor.fetch.remote().future()
        future.add_done_callback(self._hear)

    def _hear(self, answer: Future[Fetched]) -> None:
        """Take an answer, in a thread of Ray."""
        self._answers.append(answer)
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full of rings, or closed
            self._button.send(b"\0")

    def _take(self, answer: Future[Fetched]) -> list[FromShard]:
        from ray.exceptions import ActorUnavailableError, RayError

        try:
            fetched = answer.result()
        except ActorUnavailableError:
            # The next call says whether the process or its machine is gone. If it comes through, what this
            # one would have fetched is lost, and the shard with it.
            self._unreached += 1
            if self._unreached >= _TRIES:
                self._end = "could not be reached"
            return []
        except RayError as exc:
            self._end, self.lost_machine = _how(exc)
            return []
        if self._unreached:
            self._end = "could not be reached for a while"
            return []
        if fetched.ended is not None:
            self._end = f"ended ({fetched.ended})" if fetched.ended else "ended"
        return self._reader.feed(fetched.frames)


def _how(error: Exception) -> tuple[str, bool]:
    """Say in a few words how an actor ended, and whether it ended with its machine."""
    text = str(error)
    if "its node has died" in text or "the actor's node was" in text:
        return "lost its machine", True
    if _KILLED in text:
        return "was killed or crashed", False
    last = (text.strip().splitlines() or [""])[-1].strip()
    return f"ended ({last[:200]})", False
