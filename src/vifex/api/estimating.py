"""`vifex.estimate`: how long an extraction will take and how much disk it will fill."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import BinaryIO, Unpack

from vifex.api.extracting import listed_sources
from vifex.api.progress import shown_progress
from vifex.api.views import RunOptions, plan_run
from vifex.extraction.estimate import estimate_run
from vifex.extraction.planning.shards import parse_shard
from vifex.values.reports import Estimate

__all__ = ["estimate"]


def estimate(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    shard: str | None = None,
    stdin: BinaryIO | None = None,
    progress: bool = False,
    on_notice: Callable[[str], None] | None = None,
    **options: Unpack[RunOptions],
) -> Estimate:
    """Estimate what `vifex.extract` with the same arguments will take, from at most 20 s of probing.

    A few media are extracted into a scratch folder; the store is not changed. Media that it holds already are
    not counted.

    Args:
        sources: As `vifex.extract` takes them.
        store: The store's folder.
        shard: `I/N`, a part of the media.
        stdin: Where `-` reads from.
        progress: Show on standard error what is being done.
        on_notice: Called with what a user must know of a model or a source; by default it is a `UserWarning`.
        **options: As for `vifex.extract`: `model`, `view`, `views`, `workers`, `cores`, `memory`, `limits`,
            `shards`, and the choices for every view that does not choose by itself.

    Raises:
        VifexError: If the extraction could not be done, or would learn int8 from its media first.
    """
    with shown_progress(progress):
        plans, use = plan_run(options, on_notice)
        return estimate_run(
            listed_sources(sources),
            store,
            plans,
            shard=None if shard is None else parse_shard(shard),
            stdin=stdin,
            on_notice=on_notice,
            **use,
        )
