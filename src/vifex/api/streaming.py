"""`vifex.stream`: features and times of media without a store."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Sequence
from typing import Unpack

from vifex.api.arguments import checked
from vifex.api.extracting import listed_sources
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell
from vifex.api.views import Choices, plan_views
from vifex.extraction.streaming import StreamBatch, stream_plan
from vifex.media.sources import find
from vifex.values import Limits, Outcome

__all__ = ["stream"]


@checked("sources", "model")
def stream(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Generator[StreamBatch, None, None]:
    """Read features and times of images, videos and sound, batch by batch. Nothing is stored.

    The rows are those that `vifex.extract` would store. Memory does not grow with the number or the length of
    the media. Rows of one medium come in the order of time; media may be mixed. A medium that fails late has
    given rows before.

    Args:
        sources: Files, folders, globs, CSV or JSONL manifests.
        model: A model's name or file, or one from `vifex.load_model`; by default the embedded one.
        workers: Decoder processes; by default one for each core.
        limits: What one file may cost.
        on_outcome: Called with what became of each medium, after its last row. By default a medium that
            failed or is partial is a notice.
        on_notice: Called with what a user must know of a model, a source or a medium; by default it is a
            `UserWarning`.
        **choices: As for `vifex.extract`: `fps`, `clip`, `layers`, `pool`, `precision`, `device` and others.

    Yields:
        Batches of rows. Close the generator, or read it to its end, so that the decoder processes end.

    Raises:
        VifexError: If a choice is wrong, the model cannot be used, or nothing is found. One bad medium is an
            outcome, never an exception.
    """
    listed = listed_sources(sources)
    plan = plan_views([("stream", {} if model is None else {"model": model})], choices, on_notice)[0]

    def settled(outcome: Outcome) -> None:
        if on_outcome is not None:
            on_outcome(outcome)
        elif outcome.status in ("failed", "partial"):
            tell(f"{outcome.medium.name}: {outcome.status}: {outcome.reason}", on_notice)

    # What is wrong with the sources shows at the call, not at the first batch.
    found = find(listed, on_notice=lambda notice: tell(notice, on_notice))
    first = next(found, None)
    media = found if first is None else itertools.chain([first], found)
    return stream_plan(plan, media, workers=workers, limits=limits, on_outcome=settled)
