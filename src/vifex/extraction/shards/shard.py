"""The work of a shard: media from the coordinator become rows that are handed over to it."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vifex.extraction.pipeline.pipeline import Pipeline
from vifex.extraction.pipeline.running_view import RunningView
from vifex.extraction.progress import Progress
from vifex.extraction.shards.given_media import GivenMedia
from vifex.extraction.shards.hand_over import HandOverWriter, MediaSeconds
from vifex.extraction.shards.protocol import (
    Beat,
    Coordinator,
    Give,
    InWorkThere,
    NoMore,
    Noticed,
    Ready,
    ShardSetup,
    Step,
    Stop,
    ToShard,
)
from vifex.values.steps import listening

if TYPE_CHECKING:
    from vifex.store import RowsThere

__all__ = ["Shard"]


class _Stopped(BaseException):
    """The coordinator wants this shard to end."""


class Shard:
    """A pipeline whose media come from a coordinator and whose rows go to it.

    Args:
        setup: What to compute.
        coordinator: Gives media and commits.
    """

    def __init__(self, setup: ShardSetup, coordinator: Coordinator) -> None:
        self._setup, self._coordinator = setup, coordinator
        self._pipeline: Pipeline | None = None
        self._is_stopped = False
        self._media = GivenMedia(coordinator, self._capacity, self._beat)

    def take(self, message: ToShard) -> None:
        """Take a message of the coordinator; any thread may call this while `run` runs."""
        match message:
            case Give():
                self._media.give(message)
            case NoMore():
                self._media.end()
            case Stop():
                self._is_stopped = True
                self._media.end()
            case ShardSetup():
                raise AssertionError("a shard is set up once")

    def run(self) -> None:
        """Compile the networks, and work until the coordinator has no more media.

        Raises:
            VifexError: What ends the whole run.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(listening(lambda what: self._coordinator.say(Step(what))))
            stack.enter_context(warnings.catch_warnings())
            warnings.showwarning = self._warn
            seconds = MediaSeconds()
            views = [self._open_view(stack, number, seconds) for number in range(len(self._setup.views))]
            self._coordinator.say(Ready())
            self._pipeline = Pipeline(
                views,
                workers=self._setup.workers,
                limits=self._setup.limits,
                on_progress=self._on_progress,
                course=seconds,
            )
            with contextlib.suppress(_Stopped):
                self._pipeline.run(self._media)

    def _open_view(self, stack: contextlib.ExitStack, number: int, seconds: MediaSeconds) -> RunningView:
        plan = self._setup.views[number].load()
        network = plan.engine.compile(
            plan.model,
            plan.layers,
            precision=plan.recipe.precision,
            batch=plan.network_batch,
            cores=self._setup.cores,
        )
        stack.callback(network.close)
        schema = self._setup.schemas[number]
        writer = HandOverWriter(number, self._coordinator, self._media, seconds, self._table(number, schema))
        return RunningView(plan, network, writer, schema)

    def _table(self, number: int, schema: pa.Schema) -> RowsThere | None:
        if not self._setup.tables:
            return None
        from vifex.store import open_rows

        return open_rows(self._setup.tables[number], schema)

    def _capacity(self) -> tuple[int, int]:
        pipeline = self._pipeline
        assert pipeline is not None, "media are taken by a pipeline"
        return max(1, pipeline.capacity()), max(1, pipeline.free_decoders())

    def _on_progress(self, progress: Progress) -> None:
        if not progress.is_over:
            self._beat()

    def _beat(self) -> None:
        if self._is_stopped:
            raise _Stopped
        pipeline = self._pipeline
        assert pipeline is not None, "media are taken by a pipeline"
        in_work = pipeline.in_work()
        shown = (InWorkThere(w.medium.medium_id, w.at_s, w.end_s, w.spent_s) for w in in_work)
        self._coordinator.say(Beat(tuple(shown), pipeline.is_decoding))

    def _warn(self, message: Warning | str, *rest: Any, **options: Any) -> None:
        self._coordinator.say(Noticed(str(message)))
