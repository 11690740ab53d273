"""The inputs of a fusion: the partners of each base row in the other views, and their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.derived.match import partners
from vifex.derived.sources import ROWS_AT_ONCE, MadeFrom, SourceView
from vifex.pool import l2_normalize
from vifex.values import Fusion, Outcome, Status

__all__ = ["Aligned", "align", "inputs_of"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Aligned:
    """The rows that a medium will have, and the places of their inputs."""

    outcome: Outcome
    facts: pa.Table
    """Of the base rows that have partners everywhere."""
    places: tuple[Array, ...]
    """For each input the place of each row in its view; empty where it is averaged over the medium."""

    def __len__(self) -> int:
        return self.outcome.rows

    def only(self, rows: Array, fusion: Fusion) -> Aligned:
        """Return some of the rows, by their numbers."""
        places = tuple(
            p if given.match == "mean" else p[rows]
            for p, given in zip(self.places, fusion.inputs, strict=True)
        )
        outcome = replace(self.outcome, rows=len(rows))
        return Aligned(outcome, self.facts.take(pa.array(rows)), places)


def align(
    media: Iterable[MadeFrom], sources: Sequence[SourceView], fusion: Fusion
) -> Iterator[list[Aligned]]:
    """Find the rows of each medium, several media at a time, each once and in order.

    Args:
        media: Media of the first source.
        sources: One for each input of the fusion.
        fusion: Says how rows are matched.

    Yields:
        Media with at most `ROWS_AT_ONCE` rows together, or one that has more.
    """
    for chunk in _chunks(media, sources[0]):
        facts: dict[int, dict[str, pa.Table]] = {}
        for source, given in zip(sources, fusion.inputs, strict=True):
            if given.match == "row" and id(source.view) not in facts:
                facts[id(source.view)] = _facts(source, chunk)
        yield [_aligned(medium, sources, fusion, facts) for medium in chunk]


def inputs_of(
    media: Sequence[Aligned],
    sources: Sequence[SourceView],
    fusion: Fusion,
    start: int = 0,
    stop: int | None = None,
) -> list[npt.NDArray[np.float32]]:
    """Read the inputs of aligned rows.

    Args:
        media: Whose rows.
        sources: One for each input.
        fusion: Says which are averaged over the medium, and whether each is scaled to length 1.
        start: First of these rows, all media counted through.
        stop: The row behind the last.

    Returns:
        For each input float32 `[rows, D_i]`.
    """
    inputs = []
    for number, (source, given) in enumerate(zip(sources, fusion.inputs, strict=True)):
        if given.match == "row":
            vectors = source.vectors(np.concatenate([m.places[number] for m in media])[start:stop])
        else:
            means = np.stack([source.mean(m.outcome.medium.medium_id) for m in media])
            vectors = np.repeat(means, [len(m) for m in media], axis=0)[start:stop]
        inputs.append(l2_normalize(vectors) if fusion.unit else vectors)
    return inputs


def _chunks(media: Iterable[MadeFrom], base: SourceView) -> Iterator[list[MadeFrom]]:
    chunk: list[MadeFrom] = []
    rows = 0
    for medium in media:
        more = base.media[medium.medium_id].rows
        if chunk and (rows + more > ROWS_AT_ONCE or len(chunk) >= ROWS_AT_ONCE):
            yield chunk
            chunk, rows = [], 0
        chunk.append(medium)
        rows += more
    if chunk:
        yield chunk


def _facts(source: SourceView, media: Sequence[MadeFrom]) -> dict[str, pa.Table]:
    """Read the facts of the rows of several media in one call."""
    places = [source.places(m.medium_id) for m in media]
    table = source.facts(np.concatenate(places))
    stops = np.cumsum([len(p) for p in places])
    return {
        m.medium_id: table.slice(stop - len(p), len(p))
        for m, p, stop in zip(media, places, stops, strict=True)
    }


def _aligned(
    medium: MadeFrom, sources: Sequence[SourceView], fusion: Fusion, facts: dict[int, dict[str, pa.Table]]
) -> Aligned:
    medium_id = medium.medium_id
    base = facts[id(sources[0].view)][medium_id]
    status, reason = _of_sources(medium_id, sources)
    if status in ("skipped", "failed"):
        return _nothing(Outcome(medium, status, reason), base, len(sources))
    found: list[Array] = []
    for source, given in zip(sources, fusion.inputs, strict=True):
        if given.match == "mean":
            found.append(np.full(base.num_rows, 0 if len(source.places(medium_id)) else -1))
        elif source.view is sources[0].view:
            found.append(np.arange(base.num_rows))
        else:
            theirs = facts[id(source.view)][medium_id]
            found.append(partners(base, theirs, within_s=fusion.within_s))
    kept = np.nonzero(np.all([f >= 0 for f in found], axis=0))[0]
    lost = base.num_rows - len(kept)
    if lost:
        views = sorted({s.name for s, f in zip(sources, found, strict=True) if (f < 0).any()})
        without = (
            f"{lost} of {base.num_rows} rows have no partner in {' and '.join(map(repr, views))} (same box, "
            f"times that overlap or lie within {fusion.within_s:g} s)"
        )
        if not len(kept):
            return _nothing(Outcome(medium, "failed", f"{without}.", lost=lost), base, len(sources))
        status, reason = "partial", "; ".join(filter(None, [reason.removesuffix("."), without])) + "."
    places = tuple(
        np.empty(0, np.int64) if given.match == "mean" else source.places(medium_id)[f[kept]]
        for f, source, given in zip(found, sources, fusion.inputs, strict=True)
    )
    outcome = Outcome(medium, status, reason, rows=len(kept), lost=lost)
    return Aligned(outcome, base.take(pa.array(kept)), places)


def _nothing(outcome: Outcome, base: pa.Table, n_inputs: int) -> Aligned:
    return Aligned(outcome, base.slice(0, 0), (np.empty(0, np.int64),) * n_inputs)


def _of_sources(medium_id: str, sources: Sequence[SourceView]) -> tuple[Status, str]:
    """Return status and reasons of a medium in the sources: the first source that lacks it decides."""
    problems: list[str] = []
    for view, known in {s.name: s.media.find(medium_id) for s in sources}.items():
        if known is None:
            return "failed", f"the view {view!r} was not made of it."
        said = f"in {view!r}: {known.reason}"
        if known.status in ("skipped", "failed"):
            return known.status, said
        if known.status == "partial":
            problems.append(said.removesuffix("."))
    return ("partial", "; ".join(problems) + ".") if problems else ("ok", "")
