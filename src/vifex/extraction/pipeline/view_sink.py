"""The way of finished media into one view.

What is finished is handed to the commit thread many media at a time: laying out rows costs nearly the same
for one and for many.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vifex.extraction.pipeline.commit_thread import CommitThread
from vifex.extraction.pipeline.interfaces import RowWriter, SpilledPart
from vifex.extraction.pipeline.rows import MediumRows, build_rows
from vifex.values import Medium, Outcome, Recipe, Status

if TYPE_CHECKING:
    from vifex.store import LabelChange  # a shard does without the store, which takes long to import

__all__ = ["SpilledRows", "ViewSink"]

_TOGETHER: Final = 1024
"""Media that are handed over at once, at most..."""
_TOGETHER_BYTES: Final = 8 << 20
"""... and bytes of their rows."""


@dataclass(slots=True)
class SpilledRows:
    """Rows of one unfinished medium that lie on the disk or are on their way there."""

    there: SpilledPart | None = None
    """Used by the commit thread alone."""


class ViewSink:
    """One view's place in the store.

    Args:
        commit_thread: Makes the calls of the writer.
        writer: Of the view.
        recipe: Of the view.
        schema: Of its rows, from the store.
    """

    def __init__(
        self, commit_thread: CommitThread, writer: RowWriter, recipe: Recipe, schema: pa.Schema
    ) -> None:
        self._commit_thread, self._writer, self._recipe = commit_thread, writer, recipe
        self._hash, self._schema = recipe.hash, schema
        sizes = {"float16": 2, "float32": 4}
        self.row_bytes = sum(spec.size * sizes[spec.dtype] for spec in recipe.layers)
        """Of the vectors of one row."""
        self._settled: list[tuple[Outcome, MediumRows | None]] = []
        self._settled_bytes = 0
        self._relabelled: dict[str, LabelChange] = {}

    def write_to(self, writer: RowWriter) -> None:
        """Write to another writer of the view from now on; all that was taken must be committed."""
        self._writer = writer

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

    def has_rows(self, medium: Medium) -> bool:
        """Return whether the view has rows of a medium, as it is or as it was."""
        return self._writer.finished().has_rows(medium.medium_id)

    def settle(self, outcome: Outcome, rows: MediumRows | None) -> None:
        """Take a finished medium with all its rows."""
        self._settled.append((outcome, rows))
        self._settled_bytes += outcome.rows * self.row_bytes
        if len(self._settled) >= _TOGETHER or self._settled_bytes >= _TOGETHER_BYTES:
            self._hand_over()

    def settle_spilled(self, outcome: Outcome, rows: MediumRows | None, spill: SpilledRows) -> None:
        """Take a finished medium of which some rows went to the disk before."""
        self._commit_thread.do(partial(self._keep_spilled, outcome, rows, spill))

    def spill(self, spill: SpilledRows, rows: MediumRows) -> None:
        """Take some rows of an unfinished medium to the disk."""
        self._commit_thread.do(partial(self._keep_some, spill, rows))

    def discard(self, spill: SpilledRows) -> None:
        """Take the rows of a medium that will not be finished from the disk."""
        self._commit_thread.do(partial(self._drop, spill))

    def tick(self) -> None:
        """Hand over what is finished, and commit what has waited long enough."""
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

    def _keep(self, settled: list[tuple[Outcome, MediumRows | None]]) -> None:
        parts = [rows for _, rows in settled if rows is not None]
        batch = build_rows(parts, self._schema, self._recipe) if parts else None
        self._writer.add_many([outcome for outcome, _ in settled], batch)

    def _keep_spilled(self, outcome: Outcome, rows: MediumRows | None, spill: SpilledRows) -> None:
        batch = None if rows is None else build_rows([rows], self._schema, self._recipe)
        self._writer.add(outcome, batch, spill.there)

    def _keep_some(self, spill: SpilledRows, rows: MediumRows) -> None:
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
