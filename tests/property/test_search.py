"""What holds for every search: top K of a stream is top K of a full sort; a filter commutes with it."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vifex.search.exact import Searcher, nearest, nearest_many
from vifex.search.registry import distance
from vifex.search.scan.best import Best
from vifex.search.times import format_time, parse_time
from vifex.store import View, open_store

write_store = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))["write_store"]

METRICS = st.sampled_from(["cosine", "dot", "l2"])
SIZE = 3
# Few values, so that ties, zeros and opposite vectors abound; and any float32 at all.
COARSE = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5])
ANY = st.floats(width=32, allow_nan=True, allow_infinity=True)


def full_sort(x, keys, query, metric, k):
    """Score every row by itself and sort them all."""
    how = distance(metric)
    sign = -1 if how.higher_is_better else 1
    scored = []
    for row, key in zip(x.astype(np.float64), keys, strict=True):
        with np.errstate(all="ignore"):
            score = float(how.score(row[None], query)[0])
        if np.isfinite(score):
            medium, _, ordinal = key.rpartition(":")
            scored.append((sign * score, medium, int(ordinal), score))
    return [(f"{medium}:{n}", score) for _, medium, n, score in sorted(scored)[:k]]


@settings(max_examples=15, deadline=None)
@given(
    x=st.integers(0, 40).flatmap(lambda n: arrays(np.float32, (n, SIZE), elements=st.one_of(COARSE, ANY))),
    query=arrays(np.float64, SIZE, elements=st.one_of(COARSE, st.floats(-1e6, 1e6))).filter(
        lambda q: q.any()
    ),
    metric=METRICS,
    k=st.integers(1, 50),
)
def test_the_best_of_a_stream_are_the_best_of_a_full_sort(tmp_path_factory, x, query, metric, k):
    path = write_store(tmp_path_factory.mktemp("p") / "s.vifex", {"head": x}, commits=2)
    with open_store(path) as store:
        view = store.view("main")
        expected = full_sort(x, view.to_arrow(["key"])["key"].to_pylist(), query, metric, k)
        assert [(m.key, m.score) for m in nearest(view, query, metric=metric, k=k)] == expected
        assert [(m.key, m.score) for m in Searcher(view).nearest(query, metric=metric, k=k)] == expected


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    """300 rows of few values in 100 media, labelled in turn."""
    x = np.random.default_rng(1).integers(-2, 3, (300, SIZE)).astype(np.float32)
    path = tmp_path_factory.mktemp("p") / "labelled.vifex"
    with open_store(write_store(path, {"head": x}, labels=["cat", "dog", None, "it's"] * 75)) as store:
        yield store.view("main")


WHERES = ["label = 'cat'", "label IS NULL", "t_s >= 2", "ordinal < 2 AND label <> 'dog'", "label = 'it''s'"]


@settings(max_examples=25, deadline=None)
@given(
    query=arrays(np.float64, (2, SIZE), elements=COARSE).filter(lambda q: q.any(axis=1).all()),
    metric=METRICS,
    k=st.integers(1, 40),
    where=st.sampled_from(WHERES),
)
def test_a_filter_before_equals_a_filter_after(labelled, query, metric, k, where):
    passing = set(labelled.to_arrow(["key"], where)["key"].to_pylist())
    every = nearest_many(labelled, query, metric=metric, k=300)
    after = [[m for m in one if m.key in passing][:k] for one in every]
    assert nearest_many(labelled, query, metric=metric, k=k, where=where) == after


@settings(max_examples=50, deadline=None)
@given(
    blocks=st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan"), float("inf")]), max_size=9), max_size=6
    ),
    k=st.integers(1, 12),
    higher=st.booleans(),
)
def test_blocks_are_merged_as_one(blocks, k, higher):
    every: list[str] = []
    best, rows = Best(k, higher_is_better=higher, keys_of=lambda places: [every[p] for p in places]), []
    for n, scores in enumerate(blocks):
        keys = [f"{n % 2}:{9 * n + i}" for i in range(len(scores))]
        best.offer(np.array(scores), len(every) + np.arange(len(scores)))
        every += keys
        rows += [
            ((-s if higher else s), *_parts(key), s) for s, key in zip(scores, keys, strict=True) if s < 3
        ]
    assert [(m.key, m.score) for m in best.matches({p: every[p] for p in best.places})] == [
        (f"{a}:{o}", s) for _, a, o, s in sorted(rows)[:k]
    ]


def _parts(key):
    medium, ordinal = key.split(":")
    return medium, int(ordinal)


@given(t_s=st.floats(0, 1e6))
def test_a_written_time_reads_back_to_a_twentieth_of_a_second(t_s):
    assert parse_time(format_time(t_s)) == pytest.approx(t_s, abs=0.0501)
