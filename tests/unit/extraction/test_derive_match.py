"""Which rows are partners, by hand and against a plain search over all pairs."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vifex.derived.match import partners

Span = tuple[float, float]
BOX, OTHER = (0.0, 0.0, 8.0, 8.0), (4.0, 0.0, 8.0, 8.0)


def rows(*spans: Span | None, boxes: list[tuple[float, ...] | None] | None = None) -> pa.Table:
    corners = boxes or [None] * len(spans)
    columns = {
        "t_start_s": pa.array([s and s[0] for s in spans], pa.float64()),
        "t_end_s": pa.array([s and s[1] for s in spans], pa.float64()),
    }
    for i, side in enumerate(("x0", "y0", "x1", "y1")):
        columns[side] = pa.array([box and box[i] for box in corners], pa.float32())
    return pa.table(columns)


def test_an_image_goes_with_the_same_image() -> None:
    assert partners(rows(None), rows(None), within_s=0.5).tolist() == [0]


def test_a_box_goes_with_the_same_box_else_with_the_whole() -> None:
    base = rows(None, None, boxes=[OTHER, BOX])
    assert partners(base, rows(None, None, boxes=[BOX, OTHER]), within_s=0.5).tolist() == [1, 0]
    assert partners(base, rows(None), within_s=0.5).tolist() == [0, 0]
    assert partners(base, rows(None, boxes=[BOX]), within_s=0.5).tolist() == [-1, 0]


def test_the_whole_never_goes_with_a_box() -> None:
    assert partners(rows(None), rows(None, boxes=[BOX]), within_s=0.5).tolist() == [-1]


def test_an_image_never_goes_with_a_time() -> None:
    assert partners(rows(None), rows((0.0, 1.0)), within_s=9.0).tolist() == [-1]
    assert partners(rows((0.0, 1.0)), rows(None), within_s=9.0).tolist() == [-1]


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ((0.9, 1.2), 1),  # 0.1 s of the first, 0.2 s of the second
        ((0.8, 1.2), 0),  # as much of both: the first
        ((2.0, 2.04), 2),
        ((3.3, 3.4), 2),  # 0.3 s behind the last
        ((3.6, 3.7), None),  # too far behind it
        ((1.5, 1.5), 1),  # a moment inside
        ((3.5, 3.5), 2),  # exactly at the limit
    ],
)
def test_the_one_that_overlaps_most_else_the_nearest(base: Span, wanted: int | None) -> None:
    seconds = rows((0.0, 1.0), (1.0, 2.0), (2.0, 3.0))
    found = partners(rows(base), seconds, within_s=0.5).tolist()
    assert found == [-1 if wanted is None else wanted]


def spans() -> st.SearchStrategy[list[Span]]:
    moment = st.integers(0, 40).map(lambda n: n / 4)
    length = st.integers(0, 12).map(lambda n: n / 4)
    return st.lists(st.tuples(moment, length).map(lambda s: (s[0], s[0] + s[1])), min_size=1, max_size=12)


@given(base=spans(), other=spans(), within_s=st.sampled_from([0.0, 0.5, 3.0]))
def test_no_other_row_is_a_better_partner(base: list[Span], other: list[Span], within_s: float) -> None:
    """All pairs: what was chosen shares the most time, or where none shares any is the nearest allowed."""
    found = partners(rows(*base), rows(*other), within_s=within_s)
    for (start, end), chosen in zip(base, found, strict=True):
        shared = [min(end, e) - max(start, s) for s, e in other]
        best = max(shared)
        if best > 0:
            assert shared[chosen] == best
        elif -best > within_s:
            assert chosen == -1
        else:
            assert math.isclose(max(-shared[chosen], 0), max(-best, 0))


def test_ten_thousand_rows_are_matched_at_once() -> None:
    """A long film at 25 frames a second against windows of a second: no pair is looked at twice."""
    frames = [(n / 25, (n + 1) / 25) for n in range(10_000)]
    windows = [(float(n), n + 1.0) for n in range(400)]
    found = partners(rows(*frames), rows(*windows), within_s=0.0)
    assert found.tolist() == [n // 25 for n in range(10_000)]
    assert isinstance(found, np.ndarray)
