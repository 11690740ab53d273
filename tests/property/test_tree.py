"""What holds for every tree over time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vifex.pool import tree as tree_module
from vifex.pool.tree import Node, build_tree

Array = npt.NDArray[np.float64]


@st.composite
def videos(draw: st.DrawFn) -> tuple[Array, Array, float]:
    """Frames of a few kinds with some noise, at uneven times, some of them equal."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = rng.normal(size=(4, 5)) + draw(st.sampled_from([0.0, 2.0]))
    runs = np.cumsum(rng.random(n) < 0.2) % 4
    rows = kinds[runs] + 0.1 * rng.normal(size=(n, 5))
    gaps = draw(st.lists(st.sampled_from([0.0, 0.04, 0.04, 1.0, 2.5]), min_size=n, max_size=n))
    edges = np.cumsum([draw(st.sampled_from([0.0, 3.2])), *gaps])
    return rows, edges[:-1], float(edges[-1])


def check(node: Node) -> None:
    if not node.children:
        assert node.level == "shot"
        return
    first, last = node.children[0], node.children[-1]
    assert (first.start, last.stop) == (node.start, node.stop)
    assert (first.t_start_s, last.t_end_s) == (node.t_start_s, node.t_end_s)
    for child, following in zip(node.children[:-1], node.children[1:], strict=True):
        assert child.stop == following.start
        assert child.t_end_s == following.t_start_s
    for child in node.children:
        assert child.level == {"video": "scene", "scene": "shot"}[node.level]
        assert child.start < child.stop
        check(child)


@given(video=videos(), factor=st.sampled_from([1.0, 3.0]), similar=st.sampled_from([-2.0, 0.5, 0.9, 2.0]))
def test_children_partition_their_parent(
    video: tuple[Array, Array, float], factor: float, similar: float
) -> None:
    rows, t_s, end = video
    tree = build_tree(rows, t_s, end, factor=factor, similar=similar)
    assert (tree.level, tree.start, tree.stop) == ("video", 0, len(rows))
    assert (tree.t_start_s, tree.t_end_s) == (t_s[0], end)
    check(tree)
    shots = [n for n in tree.walk() if n.level == "shot"]
    if similar == -2.0:
        assert len(tree.children) == 1
    if similar == 2.0:
        assert len(tree.children) == len(shots)


@given(video=videos())
def test_every_node_is_the_mean_of_its_frames_by_duration(video: tuple[Array, Array, float]) -> None:
    """Recursive pooling and pooling the frames at once are the same for the weighted mean."""
    rows, t_s, end = video
    seconds = np.diff([*t_s, end])
    for node in build_tree(rows, t_s, end).walk():
        part = seconds[node.start : node.stop]
        weights = part if part.sum() > 0 else np.ones(len(part))
        if part.sum() == 0 and node.level != "shot":
            continue  # its children count the same, however many frames they have
        np.testing.assert_allclose(
            node.vector, np.average(rows[node.start : node.stop], axis=0, weights=weights), atol=1e-5
        )


def grouped_at_once(shots: list[Node], similar: float, join: tree_module.Pool) -> list[list[Node]]:
    """The grouping as its definition reads: after each join all cosines are computed again."""
    groups = [[shot] for shot in shots]
    vectors = [shot.vector for shot in shots]
    while len(groups) > 1:
        unit = tree_module._unit(np.stack(vectors).astype(np.float64))
        cosines = np.einsum("td,td->t", unit[:-1], unit[1:])
        best = int(np.argmax(cosines))
        if cosines[best] < similar:
            break
        groups[best : best + 2] = [groups[best] + groups[best + 1]]
        vectors[best : best + 2] = [tree_module._parent("scene", groups[best], join).vector]
    return groups


@given(
    video=videos(),
    similar=st.sampled_from([-2.0, 0.3, 0.8, 0.95, 2.0]),
    pooling=st.sampled_from(["mean", "max"]),
    size=st.sampled_from([1, 5, 131]),
)
def test_joining_step_by_step_equals_joining_at_once(
    video: tuple[Array, Array, float], similar: float, pooling: str, size: int
) -> None:
    """To the bit, at sizes whose sums run through different loops, with equal shots among them."""
    rows, t_s, end = video
    wide = np.resize(rows, (len(rows), size)) if size != 5 else rows
    every = np.arange(len(rows))  # each frame is a shot
    stepwise = build_tree(wide, t_s, end, pooling=pooling, similar=similar, starts=every)
    shots = [node for node in stepwise.walk() if node.level == "shot"]
    join = tree_module._pool_of(pooling)
    expected = [tree_module._parent("scene", g, join) for g in grouped_at_once(shots, similar, join)]
    assert [(s.start, s.stop) for s in stepwise.children] == [(s.start, s.stop) for s in expected]
    for scene, other in zip(stepwise.children, expected, strict=True):
        np.testing.assert_array_equal(scene.vector, other.vector)


def test_the_work_of_joining_grows_with_the_shots_not_with_their_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows whose length is computed: all shots once, then one for each join."""
    counted: list[int] = []
    unit = tree_module._unit

    def counting(rows: Array) -> Array:
        counted.append(len(rows))
        return unit(rows)

    n = 200
    rows = np.random.default_rng(0).normal(size=(n, 8)) + 2.0
    monkeypatch.setattr(tree_module, "_unit", counting)
    build_tree(rows, np.arange(float(n)), similar=-2.0, starts=np.arange(n))
    assert sum(counted) == 2 * n - 1
