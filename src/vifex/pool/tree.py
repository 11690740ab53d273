"""A tree over time: frames in shots, shots in scenes, scenes in the video, each node with its own vector.

The input is features of frames and their times; networks and files are not known here. The vector of a node
is pooled from the vectors of its children (recursive pooling), not from the frames. With the default, the
mean weighted by duration, the two are equal.

**Shots.** d_t is the cosine distance between the features of frames t and t + 1. A new shot starts at frame t
+ 1 if d_t is at least `least` and at least `factor` times the median of the other distances within `radius`
gaps on both sides. A pan, where all distances are high, is therefore one shot, and so is a part that jumps at
every frame. Among cuts less than `shortest` frames apart, the one with the largest distance is kept; among
equal ones, the first. (PySceneDetect's adaptive detector compares with the mean of a window of pixel
differences; the median does not suppress a second cut nearby.)

**Scenes.** Neighbouring groups of shots are joined, the most similar pair first, while its cosine is at least
`similar`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vifex.pool import pool
from vifex.values import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["Level", "Node", "build_tree", "shot_starts"]

Level = Literal["video", "scene", "shot"]
Pool = Callable[["Array", "Array"], "Array"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A part of a video."""

    level: Level
    start: int
    """Its first frame."""
    stop: int
    """The frame after its last."""
    t_start_s: float
    t_end_s: float
    """Start of the next frame after its last one, or the end of the video: children meet without a gap."""
    weight: float
    """Weight in the mean of the parent: seconds, or frames if the video has no duration."""
    vector: Array
    """float32 `[D]`."""
    children: tuple[Node, ...] = ()
    """Of the next level down; a shot has none, its frames are `start` to `stop`."""

    def walk(self) -> Iterator[Node]:
        """Yield this node, then all below it, parents first, in the order of time."""
        yield self
        for child in self.children:
            yield from child.walk()


def build_tree(
    features: Array,
    t_s: Array,
    t_end_s: float | None = None,
    *,
    pooling: str | Pool = "mean",
    radius: int = 5,
    factor: float = 3.0,
    least: float = 0.05,
    shortest: int = 1,
    similar: float = 0.8,
    starts: Array | None = None,
) -> Node:
    """Build the tree of a video.

    Args:
        features: float `[T, D]`, one row per frame, in the order of time, T at least 1.
        t_s: `[T]`, where each frame starts, seconds, rising. A frame lasts until the next one's start.
        t_end_s: Where the last frame ends; by default it lasts as long as the median of the others.
        pooling: `mean` weighs by duration; a name of the pooling registry that fits sequences (`max`,
            `gem`, ...) does not; or a function of rows `[n, D]` and weights `[n]` that gives `[D]`.
        radius: Gaps on both sides that a cut is compared with.
        factor: How many times their median a cut's distance must be.
        least: Cosine distance that a cut must have in any case.
        shortest: Frames of the shortest shot that is kept apart.
        similar: Cosine from which neighbouring shots are of one scene; above 1 every shot is one.
        starts: First frames of the shots, if they are known; 0 among them or not.

    Returns:
        The root, level `video`; its children are scenes, theirs shots.

    Raises:
        InputError: If times and features do not fit each other, or a pooling does not fit.
    """
    import numpy as np

    rows = np.asarray(features, dtype=np.float64)
    edges = _edges(rows, np.asarray(t_s, dtype=np.float64), t_end_s)
    weights = np.diff(edges)
    if weights.sum() <= 0:
        weights = np.ones(len(rows))
    join = _pool_of(pooling)
    if starts is None:
        firsts = shot_starts(rows, radius=radius, factor=factor, least=least, shortest=shortest)
    else:
        firsts = np.union1d([0], np.asarray(starts, dtype=np.int64))
        if firsts[0] < 0 or firsts[-1] >= len(rows):
            raise InputError(f"shots start outside of the {len(rows)} frames.")
    stops = [*firsts[1:], len(rows)]
    shots = [
        _leaf(int(a), int(b), edges, weights[a:b], join(rows[a:b], weights[a:b]))
        for a, b in zip(firsts, stops, strict=True)
    ]
    scenes = [_parent("scene", group, join) for group in _grouped(shots, similar, join)]
    return _parent("video", scenes, join)


def shot_starts(
    features: Array, *, radius: int = 5, factor: float = 3.0, least: float = 0.05, shortest: int = 1
) -> Array:
    """Find the first frame of each shot; the module describes the rule.

    Args:
        features: float `[T, D]`, T at least 1.
        radius: Gaps on both sides that a cut is compared with, at least 1.
        factor: How many times their median a cut's distance must be, > 0.
        least: Cosine distance that a cut must have in any case, 0 (same direction) to 2 (opposite), > 0.
        shortest: Frames of the shortest shot that is kept apart, at least 1.

    Returns:
        int64, rising, 0 first.

    Raises:
        InputError: If a number is out of range.
    """
    import numpy as np

    if radius < 1 or factor <= 0 or least <= 0 or shortest < 1:
        raise InputError(
            f"radius {radius}, factor {factor}, least {least} and shortest {shortest} find no shots.",
            todo="Give a radius and a shortest shot of at least 1, a factor and a least distance above 0.",
        )
    unit = _unit(np.asarray(features, dtype=np.float64))
    distances = np.maximum(1.0 - np.einsum("td,td->t", unit[:-1], unit[1:]), 0.0)
    cuts = np.zeros(len(distances), dtype=bool)
    for t in map(int, np.nonzero(distances >= least)[0]):
        others = np.delete(distances[max(0, t - radius) : t + 1 + radius], min(t, radius))
        cuts[t] = distances[t] >= factor * (np.median(others) if len(others) else 0.0)
    # The largest cut first; each one that stays rules out those too near to it.
    kept: list[int] = []
    for t in np.argsort(np.where(cuts, -distances, np.inf), kind="stable")[: cuts.sum()]:
        if all(abs(int(t) - other) >= shortest for other in kept):
            kept.append(int(t))
    return np.array([0, *(t + 1 for t in sorted(kept))], dtype=np.int64)


def _edges(rows: Array, t_s: Array, t_end_s: float | None) -> Array:
    """Return where frames meet, `[T + 1]` seconds."""
    import numpy as np

    if rows.ndim != 2 or len(rows) < 1 or t_s.shape != (len(rows),):
        raise InputError(f"features [T, D] and times [T] do not fit: {list(rows.shape)}, {list(t_s.shape)}.")
    if not np.isfinite(rows).all() or not np.isfinite(t_s).all() or (np.diff(t_s) < 0).any():
        raise InputError("features must be finite, and times must rise.")
    if t_end_s is None:
        t_end_s = float(t_s[-1] + (np.median(np.diff(t_s)) if len(t_s) > 1 else 0.0))
    if t_end_s < t_s[-1]:
        raise InputError(f"the video ends at {t_end_s} s, before its last frame at {t_s[-1]} s.")
    return np.append(t_s, t_end_s)


def _grouped(shots: list[Node], similar: float, join: Pool) -> list[list[Node]]:
    """Join neighbouring groups, the most similar pair first, while a pair is similar enough.

    A join changes one group's vector and at most two cosines, so only those are computed again.
    """
    import numpy as np

    n = len(shots)
    vectors = np.stack([shot.vector for shot in shots]).astype(np.float64)
    weights = np.array([shot.weight for shot in shots])
    unit = _unit(vectors)
    # A group is named by its first shot. `stops` holds the shot behind its last, `before` the group before
    # it.
    stops = np.arange(1, n + 1)
    before = np.arange(-1, n)
    cosines = np.full(n, -np.inf)  # of a group and the next one
    cosines[:-1] = np.einsum("td,td->t", unit[:-1], unit[1:])
    for _ in range(n - 1):
        left = int(np.argmax(cosines))
        if cosines[left] < similar:
            break
        right, stop = int(stops[left]), int(stops[stops[left]])
        stops[left], before[stop], cosines[right] = stop, left, -np.inf
        pooled = join(vectors[left:stop], weights[left:stop]).astype(np.float32)
        unit[left] = _unit(pooled[None].astype(np.float64))[0]
        cosines[left] = _cosine(unit, left, stop) if stop < n else -np.inf
        if left:
            cosines[before[left]] = _cosine(unit, int(before[left]), left)
    groups, start = [], 0
    while start < n:
        groups.append(shots[start : stops[start]])
        start = int(stops[start])
    return groups


def _cosine(unit: Array, one: int, other: int) -> float:
    """Multiply two rows of length 1, summed in the same order as all pairs at once."""
    import numpy as np

    return float(np.einsum("td,td->t", unit[one : one + 1], unit[other : other + 1])[0])


def _leaf(start: int, stop: int, edges: Array, weights: Array, vector: Array) -> Node:
    import numpy as np

    times = float(edges[start]), float(edges[stop])
    return Node("shot", start, stop, *times, float(weights.sum()), vector.astype(np.float32))


def _parent(level: Level, children: list[Node], join: Pool) -> Node:
    import numpy as np

    weights = np.array([c.weight for c in children])
    vector = join(np.stack([c.vector for c in children]).astype(np.float64), weights).astype(np.float32)
    first, last = children[0], children[-1]
    return Node(
        level,
        first.start,
        last.stop,
        first.t_start_s,
        last.t_end_s,
        float(weights.sum()),
        vector,
        tuple(children),
    )


def _pool_of(pooling: str | Pool) -> Pool:
    import numpy as np

    if not isinstance(pooling, str):
        return pooling
    if pooling == "mean":
        # A part without a duration still has a vector, and counts nothing beside one that has.
        return lambda rows, weights: np.average(rows, axis=0, weights=weights if weights.sum() > 0 else None)
    vector = pool(pooling, "sequence", np.zeros((1, 2, 3), dtype=np.float32))
    if vector.shape != (1, 3):
        raise InputError(
            f"the pooling {pooling!r} gives no vector per sequence.", todo="Use mean, max or gem."
        )
    return lambda rows, weights: pool(pooling, "sequence", rows[None].astype(np.float32))[0]


def _unit(rows: Array) -> Array:
    """Divide rows by their length. A row of zeros stays, so its cosine to every other row is 0."""
    import numpy as np

    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Array = rows / np.where(lengths > 0, lengths, 1.0)
    return unit
