"""The exact scan: what it ranks, what it leaves out, and that nothing about batches shows."""

from __future__ import annotations

import tracemalloc
from functools import partial

import numpy as np
import pytest

from vifex.search.exact import Searcher, nearest, nearest_many
from vifex.search.scan import blocks
from vifex.store import View
from vifex.values import InputError

METRICS = ("cosine", "dot", "l2")


def keys_of(view, where=None):
    return view.to_arrow(["key"], where).column("key").to_pylist()


def by_key(key):
    medium, _, ordinal = key.rpartition(":")
    return medium, int(ordinal)


def test_a_row_is_nearest_to_itself(plain_view, numbers):
    key = keys_of(plain_view)[5]
    cosine = nearest(plain_view, numbers[5], k=1)[0]
    l2 = nearest(plain_view, numbers[5], k=1, metric="l2")[0]
    assert (cosine.key, cosine.score) == (key, pytest.approx(1.0, abs=1e-15))
    assert (l2.key, l2.score) == (key, 0.0)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_rows_come_in_the_order_of_their_keys(plain_view, numbers, metric):
    """Rows 19 to 59 hold one vector; the best ten of them are the ten smallest keys."""
    equal = sorted(keys_of(plain_view)[19:60], key=by_key)
    query = numbers[19]
    where = "key IN (" + ", ".join(f"'{k}'" for k in equal) + ")"
    found = nearest(plain_view, query, k=10, metric=metric, where=where)
    assert [m.key for m in found] == equal[:10]
    assert len({m.score for m in found}) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_batches_change_no_score_and_no_rank(plain_view, numbers, metric, rows, monkeypatch):
    queries = np.nan_to_num(numbers[[3, 19, 150]])
    whole = nearest_many(plain_view, queries, k=50, metric=metric)
    monkeypatch.setattr(blocks, "_NUMBERS", rows * numbers.shape[1])
    assert nearest_many(plain_view, queries, k=50, metric=metric) == whole
    assert Searcher(plain_view).nearest_many(queries, k=50, metric=metric) == whole


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("metric", METRICS)
def test_mapped_columns_give_what_read_ones_give(make_view, numbers, metric, dtype, monkeypatch):
    """Long vectors are mapped; a filter, ties and rows without a score change nothing about that."""
    with np.errstate(over="ignore"):
        long = np.tile(numbers, 16).astype(dtype)
    view = make_view({"head": long}, dtype=dtype, commits=3, labels=["cat", None] * 100)
    assert view.mapped("head") is not None
    queries = np.nan_to_num(numbers[[3, 19, 74, 150, 151]]).astype(np.float64)
    queries = np.tile(queries, 16)
    where = "label = 'cat' AND ordinal < 4"
    mapped = [
        [finder(queries, k=k, metric=metric, where=w) for w in (None, where) for k in (1, 25, 250)]
        for finder in (Searcher(view).nearest_many, partial(nearest_many, view))
    ]
    monkeypatch.setattr(View, "mapped", lambda self, column: None)
    read = [
        nearest_many(view, queries, k=k, metric=metric, where=w) for w in (None, where) for k in (1, 25, 250)
    ]
    assert mapped[0] == mapped[1] == read
    assert [len(found[0]) for found in read[:3]][:2] == [1, 25]


def test_a_searcher_holds_no_vectors_of_a_mapped_column(make_view):
    """4 bytes a row; a float32 copy would be 1,024."""
    view = make_view({"head": np.ones((2000, 256))}, dtype="float16")
    tracemalloc.start()
    try:
        searcher = Searcher(view)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(searcher) == 2000
    assert held < 2000 * 256


def test_many_ties_are_chosen_by_key(make_view):
    """3,000 equal rows, more than are held before keys are read."""
    view = make_view({"head": np.ones((3000, 128))}, dtype="float16")
    expected = sorted(keys_of(view), key=by_key)[:7]
    assert [m.key for m in nearest(view, np.ones(128), k=7)] == expected
    assert [m.key for m in Searcher(view).nearest(np.ones(128), k=7, metric="l2")] == expected


def test_rows_without_a_score_are_left_out(plain_view, numbers):
    keys = keys_of(plain_view)
    found = {m.key for m in nearest(plain_view, numbers[0], k=1000)}
    assert set(keys) - found == {keys[70], keys[71], keys[72]}  # zero, NaN, infinite
    found = {m.key for m in nearest(plain_view, numbers[0], k=1000, metric="l2")}
    assert set(keys) - found == {keys[71], keys[72]}


def test_huge_and_tiny_rows_keep_their_direction(plain_view, numbers):
    """Their squares overflow and underflow in float32."""
    keys = keys_of(plain_view)
    for row in (73, 74):
        best = nearest(plain_view, numbers[row].astype(np.float64), k=1)[0]
        assert (best.key, best.score) == (keys[row], pytest.approx(1.0, abs=1e-12))
    assert nearest(plain_view, numbers[73], k=1, metric="dot")[0].key == keys[73]


def test_where_limits_what_is_looked_at(plain_view, numbers):
    keys = keys_of(plain_view)
    allowed = set(keys_of(plain_view, "label = 'cat'")) - {keys[71], keys[72]}  # they have no score
    found = nearest(plain_view, numbers[1], k=1000, where="label = 'cat'", metric="l2")
    assert {m.key for m in found} == allowed
    assert Searcher(plain_view).nearest(numbers[1], k=1000, where="label = 'cat'", metric="l2") == found


def test_a_filter_that_nothing_passes_gives_nothing(plain_view, numbers):
    assert nearest(plain_view, numbers[1], where="label = 'dog'") == []
    assert Searcher(plain_view).nearest(numbers[1], where="label = 'dog'") == []


def test_an_empty_view_gives_nothing(make_view):
    view = make_view({"head": np.empty((0, 4))})
    assert nearest(view, [1.0, 0, 0, 0]) == []
    assert Searcher(view).nearest([1.0, 0, 0, 0]) == []


def test_float16_columns_are_computed_in_full_precision(make_view):
    """60,000 squared is far beyond float16, and sums of 1,000 parts lose digits in it."""
    x = np.full((3, 1000), 60_000, dtype=np.float16)
    x[1, 0] = 59_968  # the float16 below
    x[2] = -x[2]
    view = make_view({"head": x}, dtype="float16")
    found = nearest(view, x[1], k=3, metric="l2")
    assert [m.score for m in found] == [0.0, 32.0, pytest.approx(2 * 60_000 * 1000**0.5, rel=1e-5)]


def test_maps_are_compared_as_flat_vectors(make_view):
    x = np.random.default_rng(0).standard_normal((6, 4, 3, 2)).astype(np.float32)
    view = make_view({"stage": x})
    assert nearest(view, x[4].reshape(-1), k=1)[0].key == keys_of(view)[4]


def test_a_column_is_named_by_itself_or_by_its_layer(make_view):
    x = np.eye(4, dtype=np.float32)
    view = make_view({"blocks.3": x, "head": -x})
    assert nearest(view, x[2], column="blocks_3") == nearest(view, x[2], column="blocks.3")
    with pytest.raises(InputError, match=r"2 feature columns.*Columns: blocks_3, head"):
        nearest(view, x[2])
    with pytest.raises(InputError, match=r"no feature column 'heat'.*Did you mean head"):
        nearest(view, x[2], column="heat")


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (np.ones(5), {}, r"has 5 numbers, but a row of column 'head' has 16"),
        (np.ones((2, 16)), {}, r"one vector \[D\], got the shape \[2, 16\]"),
        (np.full(16, np.nan), {}, "NaN, infinity or a number too large"),
        (np.full(16, 1e39), {}, "NaN, infinity or a number too large"),
        (np.zeros(16), {}, "all zeros, which has no cosine similarity"),
        (np.ones(16), {"k": 0}, "at least 1, got 0"),
        (np.ones(16), {"metric": "cosin"}, "no distance 'cosin'. Did you mean cosine"),
    ],
)
def test_what_cannot_be_searched_is_said(plain_view, query, options, message):
    with pytest.raises(InputError, match=message):
        nearest(plain_view, query, **options)
    with pytest.raises(InputError, match=message):
        Searcher(plain_view).nearest(query, **options)


def test_a_query_of_zeros_has_distances(plain_view):
    assert len(nearest(plain_view, np.zeros(16), metric="l2", k=3)) == 3
    assert {m.score for m in nearest(plain_view, np.zeros(16), metric="dot", k=3)} == {0.0}
