"""The tree of shots, scenes and video, by hand; its properties are in `tests/property/test_tree.py`."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.pool.tree import Node, build_tree, shot_starts
from vifex.values import InputError

A, B, C = np.eye(3)


def spans(nodes: tuple[Node, ...]) -> list[tuple[int, int]]:
    return [(n.start, n.stop) for n in nodes]


def test_a_cut_is_found_where_the_features_jump() -> None:
    assert shot_starts(np.array([A] * 4 + [B] * 3 + [A] * 2)).tolist() == [0, 4, 7]


def test_a_slow_turn_is_one_shot() -> None:
    """Every step is 0.2 radians, distance 0.02; with `least` below that no step stands out of the others."""
    angles = np.arange(30) * 0.2
    turning = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert shot_starts(turning, least=0.01).tolist() == [0]


def test_a_jump_in_a_slow_turn_is_a_cut() -> None:
    angles = np.arange(30) * 0.2 + np.where(np.arange(30) >= 12, 1.2, 0.0)
    assert shot_starts(np.stack([np.cos(angles), np.sin(angles)], axis=1), least=0.01).tolist() == [0, 12]


def test_a_flash_is_cut_once_not_at_both_of_its_edges() -> None:
    """Two equal distances next to each other: the first counts, where a shot of one frame is too short."""
    flash = np.array([A] * 5 + [B] + [A] * 5)
    assert shot_starts(flash).tolist() == [0, 5, 6]
    assert shot_starts(flash, shortest=2).tolist() == [0, 5]


def test_what_jumps_at_every_frame_is_one_shot() -> None:
    assert shot_starts(np.array([A, B] * 6)).tolist() == [0]


def test_neighbouring_shots_of_one_kind_are_a_scene() -> None:
    """Two takes of nearly the same, then something else: two scenes, the first with two shots."""
    near = A + 0.4 * B
    rows = np.array([A] * 6 + [near] * 6 + [C] * 6)
    tree = build_tree(rows, np.arange(18.0))
    assert spans(tree.children) == [(0, 12), (12, 18)]
    assert spans(tree.children[0].children) == [(0, 6), (6, 12)]
    assert [n.level for n in tree.walk()] == ["video", "scene", "shot", "shot", "scene", "shot"]


def test_seconds_weigh_not_frames() -> None:
    """A for 1 s, then B for 3 s in fewer frames: the root is a quarter A."""
    rows, t_s = np.array([A, A, B]), np.array([0.0, 0.5, 1.0])
    tree = build_tree(rows, t_s, 4.0, starts=np.array([2]), similar=2.0)
    np.testing.assert_allclose(tree.vector, 0.25 * A + 0.75 * B, atol=1e-7)
    assert [(n.t_start_s, n.t_end_s) for n in tree.children] == [(0.0, 1.0), (1.0, 4.0)]
    assert tree.weight == 4.0


def test_other_poolings() -> None:
    rows = np.array([[1.0, 5.0], [2.0, 4.0], [9.0, 0.0]])
    by_max = build_tree(rows, np.arange(3.0), starts=np.array([2]), pooling="max")
    assert by_max.vector.tolist() == [9.0, 5.0]
    first = build_tree(rows, np.arange(3.0), starts=np.array([2]), pooling=lambda rows, weights: rows[0])
    assert first.vector.tolist() == [1.0, 5.0]
    with pytest.raises(InputError, match="no vector per sequence"):
        build_tree(rows, np.arange(3.0), pooling="flatten")


def test_one_frame_without_a_duration() -> None:
    tree = build_tree(A[None], np.array([7.0]))
    assert (tree.t_start_s, tree.t_end_s, tree.weight) == (7.0, 7.0, 1.0)
    np.testing.assert_array_equal(tree.vector, A)


@pytest.mark.parametrize(
    ("rows", "t_s", "options", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0), {}, "do not fit"),
        (np.ones((2, 3)), np.zeros(3), {}, "do not fit"),
        (np.ones((2, 3)), np.array([1.0, 0.0]), {}, "must rise"),
        (np.full((1, 3), np.nan), np.zeros(1), {}, "finite"),
        (np.ones((2, 3)), np.array([0.0, 1.0]), {"t_end_s": 0.5}, "before its last frame"),
        (np.ones((2, 3)), np.array([0.0, 1.0]), {"starts": np.array([2])}, "outside of the 2 frames"),
        (np.ones((2, 3)), np.array([0.0, 1.0]), {"radius": 0}, "find no shots"),
    ],
)
def test_what_does_not_fit_is_told(rows, t_s, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        build_tree(rows, t_s, **options)
