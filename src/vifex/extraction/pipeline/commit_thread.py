"""The way into the store, in a thread of its own: a commit waits for the disk, and nothing else does.

What is finished is handed over some media at a time, in the order in which it came. A view's writer belongs
to that thread; the run only asks what was committed.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from vifex.extraction.pipeline.row_collector import Rows, build_rows
from vifex.store import LabelChange, Spilled, ViewWriter, row_schema
from vifex.values import Medium, Outcome, Recipe, Status

__all__ = ["CommitThread", "SpilledRows", "ViewSink"]

_WAITING: Final = 8
"""Calls that wait for the thread: whoever has more waits too."""
_TOGETHER: Final = 256
"""Media handed over at once: laying out rows costs nearly the same for one and for many."""
_TOGETHER_BYTES: Final = 8 << 20


class CommitThread:
    """A thread that makes calls one after the other, until one fails."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="vifex-commit", daemon=True)
        self._thread.start()

    def do(self, call: Callable[[], object]) -> None:
        """Make a call soon, after all that were asked for before.

        Raises:
            BaseException: What an earlier call raised. None is made after it.
        """
        self.check()
        self._calls.put(call)

    def check(self) -> None:
        """Raise what a call raised."""
        if self._failure is not None:
            raise self._failure

    @property
    def has_failed(self) -> bool:
        """Whether a call raised."""
        return self._failure is not None

    @property
    def is_busy(self) -> bool:
        """Whether a call is being made or waits."""
        return self._calls.unfinished_tasks > 0

    def finish(self) -> None:
        """Return when all calls were made.

        Raises:
            BaseException: As `do`.
        """
        self._calls.join()
        self.check()

    def close(self) -> None:
        """End the thread, after what it was asked for."""
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                if self._failure is None:
                    call()
            except BaseException as exc:
                self._failure = exc  # raised where the run asks next
            finally:
                call = None  # it holds rows
                self._calls.task_done()


@dataclass(slots=True)
class SpilledRows:
    """Rows of one unfinished medium that lie on the disk or are on their way there."""

    there: Spilled | None = None
    """Used by the commit thread alone."""


class ViewSink:
    """One view's place in the store.

    Args:
        commit_thread: Makes the calls of the writer.
        writer: Of the view.
        recipe: Of the view.
    """

    def __init__(self, commit_thread: CommitThread, writer: ViewWriter, recipe: Recipe) -> None:
        self._commit_thread, self._writer, self._recipe = commit_thread, writer, recipe
        self._hash, self._schema = recipe.hash, row_schema(recipe)
        self._settled: list[tuple[Outcome, Rows | None]] = []
        self._settled_bytes = 0
        self._relabelled: dict[str, LabelChange] = {}

    def status_of(self, medium: Medium) -> Status | None:
        """Return how a medium ended by what is committed; `None` if that holds no more, or it never did.

        Where the source states another label or split than the store has, the store gets the new one.
        """
        finished = self._writer.finished()
        status = finished.status_of(medium, self._hash)
        if status is not None and not finished.has_labels_of(medium):
            self._relabelled[medium.medium_id] = _stated_labels(medium)
            if len(self._relabelled) >= _TOGETHER:
                self._relabel()
        return status

    def settle(self, outcome: Outcome, rows: Rows | None) -> None:
        """Take a finished medium with all its rows."""
        self._settled.append((outcome, rows))
        if rows is not None:
            self._settled_bytes += sum(v.nbytes for v in rows.vectors.values())
        if len(self._settled) >= _TOGETHER or self._settled_bytes >= _TOGETHER_BYTES:
            self._hand_over()

    def settle_spilled(self, outcome: Outcome, rows: Rows | None, spill: SpilledRows) -> None:
        """Take a finished medium of which some rows went to the disk before."""
        self._commit_thread.do(partial(self._keep_spilled, outcome, rows, spill))

    def spill(self, spill: SpilledRows, rows: Rows) -> None:
        """Take some rows of an unfinished medium to the disk."""
        self._commit_thread.do(partial(self._keep_some, spill, rows))

    def discard(self, spill: SpilledRows) -> None:
        """Take the rows of a medium that will not be finished from the disk."""
        self._commit_thread.do(partial(self._drop, spill))

    def tick(self) -> None:
        """Hand over and commit what has waited long enough."""
        if self._settled:
            self._hand_over()
        if not self._commit_thread.is_busy:
            self._commit_thread.do(self._writer.tick)

    def commit(self) -> None:
        """Commit everything that is finished. It is durable when the commit thread has finished."""
        if self._settled:
            self._hand_over()
        if self._relabelled:
            self._relabel()
        self._commit_thread.do(self._writer.commit)

    def _hand_over(self) -> None:
        settled, self._settled, self._settled_bytes = self._settled, [], 0
        self._commit_thread.do(partial(self._keep, settled))

    def _relabel(self) -> None:
        changes, self._relabelled = self._relabelled, {}
        self._commit_thread.do(partial(self._writer.relabel, changes))

    # -- in the commit thread ----------------------------------------------------------------------------

    def _keep(self, settled: list[tuple[Outcome, Rows | None]]) -> None:
        parts = [rows for _, rows in settled if rows is not None]
        batch = build_rows(parts, self._schema, self._recipe) if parts else None
        self._writer.add_many([outcome for outcome, _ in settled], batch)

    def _keep_spilled(self, outcome: Outcome, rows: Rows | None, spill: SpilledRows) -> None:
        batch = None if rows is None else build_rows([rows], self._schema, self._recipe)
        self._writer.add(outcome, batch, spill.there)

    def _keep_some(self, spill: SpilledRows, rows: Rows) -> None:
        spill.there = self._writer.spill(spill.there, build_rows([rows], self._schema, self._recipe))

    def _drop(self, spill: SpilledRows) -> None:
        if spill.there is not None:
            self._writer.discard(spill.there)


def _stated_labels(medium: Medium) -> LabelChange:
    """Return the label and the split that a source states; what it does not state stays."""
    stated: LabelChange = {}
    if medium.label is not None:
        stated["label"] = medium.label
    if medium.split is not None:
        stated["split"] = medium.split
    return stated
