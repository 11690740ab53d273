"""`vifex.estimate`: how long an extraction will take and how much disk it will fill."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, Unpack

from vifex.api.extracting import listed_sources, take_devices, wanted_views
from vifex.api.models.loaded import LoadedModel
from vifex.api.progress import shown_progress
from vifex.api.views import Choices, ViewOptions, plan_views
from vifex.extraction.estimate import estimate_run
from vifex.extraction.planning.shards import parse_shard
from vifex.values import Limits
from vifex.values.reports import Estimate

__all__ = ["estimate"]


def estimate(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | LoadedModel | Sequence[str] | None = None,
    view: str | None = None,
    views: Mapping[str, ViewOptions] | None = None,
    workers: int | None = None,
    cores: int | None = None,
    memory: int | None = None,
    limits: Limits | None = None,
    shard: str | None = None,
    shards: int | None = None,
    stdin: BinaryIO | None = None,
    progress: bool = False,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Estimate:
    """Estimate what `vifex.extract` with the same arguments will take, from at most 20 s of probing.

    A few media are extracted into a scratch folder; the store is not changed. Media that it holds already are
    not counted.

    Args:
        sources: As `vifex.extract` takes them, and so are all other arguments.
        store: The store's folder.
        model: Name or file of a model.
        view: Name of the view.
        views: Several views.
        workers: Decoder processes.
        cores: CPU cores to use.
        memory: Bytes of memory for all processes together.
        limits: What one file may cost.
        shard: `I/N`, a part of the media.
        shards: Processes that share the work.
        stdin: Where `-` reads from.
        progress: Show on standard error what is being done.
        on_notice: Called with what a user must know of a model or a source; by default it is a `UserWarning`.
        **choices: For every view that does not choose by itself.

    Raises:
        VifexError: If the extraction could not be done, or would learn int8 from its media first.
    """
    devices = take_devices(choices)
    with shown_progress(progress):
        return estimate_run(
            listed_sources(sources),
            store,
            plan_views(wanted_views(model, view, views), choices, on_notice),
            workers=workers,
            cores=cores,
            memory_bytes=memory,
            limits=limits,
            shard=None if shard is None else parse_shard(shard),
            shards=shards,
            devices=devices,
            stdin=stdin,
            on_notice=on_notice,
        )
