"""Time lines of videos: novelty along time, and the spans that stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.directions import hits_of
from vifex.analysis.outliers.novelty import LEAST_ROWS, modified_z, novelty_of, unusual_runs
from vifex.analysis.rows import FeatureRows, unit_vectors
from vifex.search.hits import Hit
from vifex.values import InputError

__all__ = ["TimeLine", "TimeLines", "UnusualSpan", "find_time_lines"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnusualSpan:
    """A part of a video that is unlike the rest of it, `[t_start_s, t_end_s)`.

    It ends where the row after its last one starts.
    """

    t_start_s: float
    t_end_s: float
    z: float
    """Modified z-score of the peak."""
    peak: Hit
    """The most unusual row of the span; its `score` is the novelty."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeLine:
    """The novelty of the rows of one medium, in the order of time."""

    medium_id: str
    name: str
    uri: str
    t_s: Floats
    """`[T]` seconds."""
    novelty: Floats
    """`[T]`: mean cosine distance to the nearest tenth of the other rows."""
    z: Floats
    """`[T]`: modified z-score of the novelty within the medium."""
    spans: tuple[UnusualSpan, ...]
    """In the order of time."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeLines:
    """Unusual moments of the videos and sounds of a view."""

    store: str
    view: str
    column: str
    z: float
    """Smallest modified z-score of an unusual row."""
    least: float
    """Smallest difference of its novelty to the median of the medium."""
    lines: tuple[TimeLine, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what must be known of the result."""

    @property
    def spans(self) -> pa.Table:
        """A line for each span: `name`, `t_start_s`, `t_end_s`, `peak_s`, `novelty`, `z`, `key` and `uri`."""
        found = [(line, span) for line in self.lines for span in line.spans]
        return pa.table(
            {
                "name": pa.array([line.name for line, _ in found], pa.string()),
                "t_start_s": pa.array([span.t_start_s for _, span in found], pa.float64()),
                "t_end_s": pa.array([span.t_end_s for _, span in found], pa.float64()),
                "peak_s": pa.array([span.peak.t_s for _, span in found], pa.float64()),
                "novelty": pa.array([span.peak.score for _, span in found], pa.float64()),
                "z": pa.array([span.z for _, span in found], pa.float64()),
                "key": pa.array([span.peak.key for _, span in found], pa.string()),
                "uri": pa.array([line.uri for line, _ in found], pa.string()),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "z": self.z,
            "least": self.least,
            "lines": [
                {
                    "medium_id": line.medium_id,
                    "name": line.name,
                    "uri": line.uri,
                    "t_s": line.t_s.tolist(),
                    "novelty": line.novelty.tolist(),
                    "z": line.z.tolist(),
                    "spans": [
                        {
                            "t_start_s": span.t_start_s,
                            "t_end_s": span.t_end_s,
                            "z": span.z,
                            "peak": span.peak.to_dict(),
                        }
                        for span in line.spans
                    ],
                }
                for line in self.lines
            ],
            "notes": list(self.notes),
        }


def find_time_lines(
    rows: FeatureRows, *, store: str, z: float = 3.5, least: float = 0.02, gap_s: float = 2.0
) -> TimeLines:
    """Find the moments of each medium that are unlike the rest of it.

    Args:
        rows: Rows of one feature column.
        store: Name of the store, for the result.
        z: Smallest modified z-score of an unusual row, above 0.
        least: Smallest difference of its novelty to the median of the medium, a cosine distance of at least
            0.
        gap_s: Unusual rows with at most this many seconds between them form one span.

    Raises:
        InputError: If no medium has enough rows with times, or a choice is out of range.
    """
    for name, value, fits in (("z", z, z > 0), ("least", least, least >= 0), ("gap_s", gap_s, gap_s >= 0)):
        if not fits:
            raise InputError(f"is out of range, got {value:g}.", option=name)
    vectors = rows.vectors()
    lines: list[TimeLine] = []
    short: list[str] = []
    lost = 0
    for mine in _timed(rows):
        number = int(rows.medium[mine[0]])
        unit = unit_vectors(vectors[mine])
        usable = unit.any(axis=1)
        lost += int((~usable).sum())
        if usable.sum() < LEAST_ROWS:
            short.append(rows.media[number].name)
            continue
        lines.append(_time_line(rows, mine[usable], unit[usable], number, z, least, gap_s))
    if not lines:
        raise InputError(
            f"no medium has {LEAST_ROWS} or more rows with times.",
            of=rows.view.name,
            todo="Extract videos at a higher rate, e.g. `fps=2`.",
        )
    return TimeLines(store, rows.view.name, rows.column, z, least, tuple(lines), _notes(short, lost))


def _timed(rows: FeatureRows) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each medium with times, in the order of time."""
    timed = np.flatnonzero(~np.isnan(rows.t_s))
    order = timed[np.lexsort((rows.t_s[timed], rows.medium[timed]))]
    return [part for part in np.split(order, np.flatnonzero(np.diff(rows.medium[order])) + 1) if len(part)]


def _notes(short: list[str], lost: int) -> tuple[str, ...]:
    notes = []
    if short:
        media = "medium has" if len(short) == 1 else "media have"
        notes.append(f"{len(short)} {media} fewer than {LEAST_ROWS} rows and no time line: {short[0]}.")
    if lost:
        notes.append(f"{lost} rows have only zeros, NaN or infinity as features and were left out.")
    return tuple(notes)


def _time_line(
    rows: FeatureRows,
    mine: npt.NDArray[np.int64],
    unit: npt.NDArray[np.float32],
    number: int,
    z: float,
    least: float,
    gap_s: float,
) -> TimeLine:
    medium, novelty = rows.media[number], novelty_of(unit)
    starts_s = rows.t_start_s[mine]
    # A sampled frame stands for the time until the next one.
    ends_s = np.append(np.maximum(starts_s[1:], starts_s[:-1]), rows.t_end_s[mine[-1]])
    runs = unusual_runs(novelty, starts_s, ends_s, z=z, least=least, gap_s=gap_s)
    peaks = [run.peak for run in runs]
    scores = modified_z(novelty)
    hits = hits_of(rows, mine[peaks].tolist(), novelty[peaks].tolist()) if runs else []
    spans = tuple(
        UnusualSpan(
            t_start_s=float(starts_s[run.start]),
            t_end_s=float(ends_s[run.start : run.stop].max()),
            z=float(scores[run.peak]),
            peak=hit,
        )
        for run, hit in zip(runs, hits, strict=True)
    )
    return TimeLine(medium.medium_id, medium.name, medium.uri, rows.t_s[mine], novelty, scores, spans)
