"""The class of which Ray makes actors. Every process that makes calls or takes them imports it from here."""

from __future__ import annotations

from typing import Final

import ray

from vifex.extraction.cluster.actor import ShardActor

__all__ = ["GROUPS", "RemoteShard"]

_TAKE, _FETCH = "take", "fetch"
GROUPS: Final = {_TAKE: 1, _FETCH: 1}
"""Groups of calls. Those of one group are made in order, and do not wait for those of the other."""


class RemoteShard(ShardActor):
    """A shard whose two methods wait for themselves alone."""

    take = ray.method(concurrency_group=_TAKE)(ShardActor.take)
    fetch = ray.method(concurrency_group=_FETCH)(ShardActor.fetch)
