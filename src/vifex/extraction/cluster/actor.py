"""The program of a shard on a cluster: it connects a `Shard` with the calls that reach a Ray actor.

This module imports nothing of Ray, which makes an actor of the class.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vifex.extraction.cluster.outbox import Fetched, Outbox
from vifex.extraction.cluster.shipped import ShippedFile, received
from vifex.extraction.cluster.versions import check_same_version
from vifex.extraction.decoders.wire import FrameReader
from vifex.extraction.shards.protocol import Fault, ShardSetup
from vifex.values import VifexError

__all__ = ["ShardActor"]

_WAIT_S: Final = 5.0
"""A call that fetches nothing ends after so long, and is followed by the next."""


class ShardActor:
    """A shard with decoders and networks of its own on one machine of the cluster.

    Args:
        version: Of Vifex where the coordinator runs.
        setup: The shard's first message, in a frame.
        files: Files of the networks.
    """

    def __init__(self, version: str, setup: bytes, files: Sequence[ShippedFile]) -> None:
        self._outbox = Outbox()
        self._reader = FrameReader()
        self._shard: Any = None
        self._early: list[Any] = []
        self._turn = threading.Lock()
        work = threading.Thread(target=self._work, args=(version, setup, files), name="vifex-shard")
        work.daemon = True
        work.start()

    def take(self, frames: bytes) -> None:
        """Take messages of the coordinator."""
        with self._turn:
            for message in self._reader.feed(frames):
                if self._shard is None:
                    self._early.append(message)
                else:
                    self._shard.take(message)

    def fetch(self) -> Fetched:
        """Return what the shard has said since the last call."""
        return self._outbox.fetch(_WAIT_S)

    # -- in the thread of the shard ----------------------------------------------------------------------

    def _work(self, version: str, setup: bytes, files: Sequence[ShippedFile]) -> None:
        how = ""
        try:
            self._run(version, setup, files)
        except VifexError as exc:
            self._outbox.say(Fault(exc))
        except BaseException as exc:
            how = traceback.format_exception_only(exc)[-1].strip()
        self._outbox.end(how)

    def _run(self, version: str, setup: bytes, files: Sequence[ShippedFile]) -> None:
        import ray
        from ray.util import metrics

        from vifex.extraction.cluster.metrics import CountedMessages
        from vifex.extraction.shards.shard import Shard

        check_same_version(version)
        (message,) = FrameReader().feed(setup)
        assert isinstance(message, ShardSetup), "the first message sets a shard up"
        sys.path += [p for p in message.import_paths if p not in sys.path and Path(p).exists()]
        counted = CountedMessages(self._outbox, tuple(view.name for view in message.views), metrics)
        shard = Shard(received(message, files, ray.get), counted)
        with self._turn:
            self._shard = shard
            for early in self._early:
                shard.take(early)
        shard.run()
