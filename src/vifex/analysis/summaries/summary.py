"""The summary of one medium: shots with their middle frames, and key frames that stand for the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vifex.analysis.directions import hits_of, read_directions
from vifex.analysis.representatives import choose_representatives
from vifex.analysis.rows import FeatureRows, FloatMatrix
from vifex.pool.tree import shot_starts
from vifex.search.hits import Hit
from vifex.values import InputError

__all__ = ["KeyFrame", "Shot", "Summary", "summarize_rows"]

_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Shot:
    """A part of a video between two cuts, `[t_start_s, t_end_s)`."""

    number: int
    """From 1, in the order of time."""
    t_start_s: float
    t_end_s: float
    rows: int
    frame: Hit
    """The row that stands for the shot; its `score` is the cosine to the shot's mean direction."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A row that stands for a part of the video."""

    order: int
    """From 1, in the order of the choice: the first N key frames are the summary of N frames."""
    shot: int
    """Number of its shot."""
    share: float
    """Share of the video's time whose nearest key frame it is, 0 to 1."""
    explained: float
    """Share of the spread that the key frames up to this one explain, 0 to 1."""
    frame: Hit
    """The row; its `score` is the mean cosine to the rows that it stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Shots and key frames of one medium."""

    store: str
    view: str
    column: str
    name: str
    uri: str
    t_start_s: float
    t_end_s: float
    rows: int
    shots: tuple[Shot, ...]
    """In the order of time; they meet without a gap."""
    key_frames: tuple[KeyFrame, ...]
    """In the order of time."""
    explained: float
    """Share of the spread that the key frames explain: 1 minus the mean cosine distance to the nearest key
    frame, relative to that to the single best frame."""
    notes: tuple[str, ...] = ()
    """Sentences on what must be known of the result."""

    @property
    def frames_table(self) -> pa.Table:
        """A line for each key frame: `order`, `shot`, `t_s`, `pts`, `time_base`, `frame_index`, `share`,
        `explained`, `key`, `name` and `uri`."""
        frames = self.key_frames
        return pa.table(
            {
                "order": pa.array([one.order for one in frames], pa.int64()),
                "shot": pa.array([one.shot for one in frames], pa.int64()),
                "t_s": pa.array([one.frame.t_s for one in frames], pa.float64()),
                "pts": pa.array([one.frame.pts for one in frames], pa.int64()),
                "time_base": pa.array([one.frame.time_base for one in frames], pa.string()),
                "frame_index": pa.array([one.frame.frame_index for one in frames], pa.int64()),
                "share": pa.array([one.share for one in frames], pa.float64()),
                "explained": pa.array([one.explained for one in frames], pa.float64()),
                "key": pa.array([one.frame.key for one in frames], pa.string()),
                "name": pa.array([one.frame.name for one in frames], pa.string()),
                "uri": pa.array([one.frame.uri for one in frames], pa.string()),
            }
        )

    @property
    def shots_table(self) -> pa.Table:
        """A line for each shot: `shot`, `t_start_s`, `t_end_s`, `rows`, `frame_s`, `key`, `name` and
        `uri`."""
        shots = self.shots
        return pa.table(
            {
                "shot": pa.array([one.number for one in shots], pa.int64()),
                "t_start_s": pa.array([one.t_start_s for one in shots], pa.float64()),
                "t_end_s": pa.array([one.t_end_s for one in shots], pa.float64()),
                "rows": pa.array([one.rows for one in shots], pa.int64()),
                "frame_s": pa.array([one.frame.t_s for one in shots], pa.float64()),
                "key": pa.array([one.frame.key for one in shots], pa.string()),
                "name": pa.array([self.name for _ in shots], pa.string()),
                "uri": pa.array([self.uri for _ in shots], pa.string()),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "store": self.store,
            "view": self.view,
            "column": self.column,
            "name": self.name,
            "uri": self.uri,
            "t_start_s": self.t_start_s,
            "t_end_s": self.t_end_s,
            "rows": self.rows,
            "explained": self.explained,
            "shots": [
                {
                    "number": one.number,
                    "t_start_s": one.t_start_s,
                    "t_end_s": one.t_end_s,
                    "rows": one.rows,
                    "frame": one.frame.to_dict(),
                }
                for one in self.shots
            ],
            "key_frames": [
                {
                    "order": one.order,
                    "shot": one.shot,
                    "share": one.share,
                    "explained": one.explained,
                    "frame": one.frame.to_dict(),
                }
                for one in self.key_frames
            ],
            "notes": list(self.notes),
        }


def summarize_rows(
    rows: FeatureRows,
    *,
    store: str,
    count: int | None = None,
    coverage: float | None = None,
    radius: int = 5,
    factor: float = 3.0,
    least: float = 0.05,
    shortest: int = 1,
) -> Summary:
    """Summarize the rows of one medium.

    Args:
        rows: Whole frames or windows of one medium, with times.
        store: Name of the store, for the result.
        count: Number of key frames at most; by default the number of shots, or as many as `coverage` needs.
        coverage: Share of the spread that the key frames are to explain, above 0 and at most 1.
        radius: Gaps on both sides that a cut is compared with.
        factor: Smallest ratio of a cut's cosine distance to the median around it.
        least: Smallest cosine distance of a cut.
        shortest: Rows of the shortest shot.

    Raises:
        InputError: If the rows have no times or cannot be compared, or a choice is out of range.
    """
    medium = rows.media[0]
    if np.isnan(rows.t_s).any():
        raise InputError(
            "it has no times: a summary is of a video or a sound.",
            of=medium.name,
            todo="Use vifex cluster for representatives of images.",
        )
    found = read_directions(rows, least=1)
    numbers = found.numbers[np.argsort(rows.t_s[found.numbers], kind="stable")]
    unit = found.unit[np.searchsorted(found.numbers, numbers)]
    edges = _edges(rows, numbers)
    starts = shot_starts(unit, radius=radius, factor=factor, least=least, shortest=shortest)
    notes = found.notes()
    wanted = _count(count, coverage, len(starts), len(unit))
    if count is not None and count > len(unit):
        notes.append(f"{count} key frames were asked for, and the medium has {len(unit)} rows.")
    key_frames, explained = _key_frames(rows, numbers, unit, edges, starts, wanted, coverage)
    return Summary(
        store=store,
        view=rows.view.name,
        column=rows.column,
        name=medium.name,
        uri=medium.uri,
        t_start_s=float(edges[0]),
        t_end_s=float(edges[-1]),
        rows=len(unit),
        shots=_shots(rows, numbers, unit, edges, starts),
        key_frames=key_frames,
        explained=explained,
        notes=tuple(notes),
    )


def _count(count: int | None, coverage: float | None, shots: int, rows: int) -> int:
    """Return how many key frames there may be."""
    if count is not None and count < 1:
        raise InputError(f"needs a number of at least 1, got {count}.", option="count")
    if coverage is not None and not 0 < coverage <= 1:
        raise InputError(f"needs a number above 0 and at most 1, got {coverage:g}.", option="coverage")
    if count is not None:
        return min(count, rows)
    return min(rows, _MOST) if coverage is not None else shots


def _edges(rows: FeatureRows, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return where rows meet, `[T + 1]` seconds: a row lasts until the next one starts."""
    return np.append(rows.t_start_s[numbers], max(rows.t_end_s[numbers].max(), rows.t_start_s[numbers[-1]]))


def _shots(
    rows: FeatureRows,
    numbers: npt.NDArray[np.int64],
    unit: FloatMatrix,
    edges: npt.NDArray[np.float64],
    starts: npt.NDArray[np.int64],
) -> tuple[Shot, ...]:
    stops = np.append(starts[1:], len(unit))
    picks, scores = [], []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        mean = unit[start:stop].mean(axis=0)
        cosines = unit[start:stop] @ (mean / max(float(np.linalg.norm(mean)), 1e-12))
        picks.append(start + int(np.argmax(cosines)))
        scores.append(float(np.clip(cosines.max(), -1, 1)))
    hits = hits_of(rows, numbers[picks].tolist(), scores)
    return tuple(
        Shot(number, float(edges[start]), float(edges[stop]), stop - start, hit)
        for number, (start, stop, hit) in enumerate(
            zip(starts.tolist(), stops.tolist(), hits, strict=True), start=1
        )
    )


def _key_frames(
    rows: FeatureRows,
    numbers: npt.NDArray[np.int64],
    unit: FloatMatrix,
    edges: npt.NDArray[np.float64],
    starts: npt.NDArray[np.int64],
    count: int,
    coverage: float | None,
) -> tuple[tuple[KeyFrame, ...], float]:
    seconds = np.diff(edges)
    if len(seconds) > 1:  # a sampled frame ends sooner than the next one would start
        seconds[-1] = max(seconds[-1], float(np.median(seconds[:-1])))
    weights = seconds if seconds.sum() > 0 else np.ones(len(seconds))
    chosen = choose_representatives(unit, count, weights=weights, explained=coverage)
    similar = np.clip(unit @ unit[chosen.rows].T, -1, 1)
    nearest = similar.argmax(axis=1)
    shares = np.bincount(nearest, weights, len(chosen.rows)) / weights.sum()
    means = [
        float(np.average(similar[mine, n], weights=weights[mine] if weights[mine].sum() > 0 else None))
        if (mine := nearest == n).any()
        else 1.0
        for n in range(len(chosen.rows))
    ]
    hits = hits_of(rows, numbers[chosen.rows].tolist(), means)
    shots = np.searchsorted(starts, chosen.rows, side="right")
    frames = [
        KeyFrame(order, int(shot), float(share), float(explained), hit)
        for order, (shot, share, explained, hit) in enumerate(
            zip(shots, shares, chosen.explained, hits, strict=True), start=1
        )
    ]
    frames.sort(key=lambda one: one.frame.t_s or 0.0)
    return tuple(frames), float(chosen.explained[-1])
