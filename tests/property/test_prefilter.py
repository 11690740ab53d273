"""What holds for every prefilter in int8: its products lie within their bound, and no answer changes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vifex.search.registry import distance
from vifex.search.scan import passes, prefilter
from vifex.search.scan.blocks import Block
from vifex.search.scan.int8 import LARGEST, Int8Products, Int8Request
from vifex.search.scan.passes import Pass
from vifex.search.scan.prefilter import Prefilter, largest_share
from vifex.search.scan.products import Products, Queries

SIZE = 24
METRICS = ("cosine", "dot", "l2")


def halves(n: int) -> st.SearchStrategy[np.ndarray]:
    """Rows of every float16, NaN, infinity and subnormal numbers among them."""
    bits = arrays(np.uint16, (n, SIZE), elements=st.integers(0, (1 << 16) - 1))
    return bits.map(lambda b: b.view(np.float16))


def seeded(n: int, make: object) -> st.SearchStrategy[np.ndarray]:
    return st.integers(0, 1000).map(lambda seed: make(np.random.default_rng(seed), n))


def spread(rng: np.random.Generator, n: int) -> np.ndarray:
    """Lengths from 1e-20 to 1e20, of which the squares leave float32 at both ends."""
    return (rng.standard_normal((n, SIZE)) * 10.0 ** rng.integers(-20, 21, (n, 1))).astype(np.float32)


def odd(rng: np.random.Generator, n: int) -> np.ndarray:
    """Equal rows, rows of one number, zeros, and rows that differ in the last bit alone."""
    rows = np.tile(rng.standard_normal(SIZE).astype(np.float32), (n, 1))
    kinds = rng.integers(0, 5, n)
    rows[kinds == 1] = np.eye(SIZE, dtype=np.float32)[rng.integers(0, SIZE, (kinds == 1).sum())]
    rows[kinds == 2] = 0
    rows[kinds == 3, 0] = np.nextafter(rows[kinds == 3, 0], np.float32(9))
    rows[kinds == 4] *= -1
    return rows


def rows_of(n: int) -> st.SearchStrategy[np.ndarray]:
    return st.one_of(
        halves(n),
        seeded(n, lambda rng, n: rng.standard_normal((n, SIZE)).astype(np.float16)),
        seeded(n, lambda rng, n: (1 + 0.01 * rng.standard_normal((n, SIZE))).astype(np.float16)),
        seeded(n, spread),
        seeded(n, odd),
        seeded(n, odd).map(lambda rows: rows.astype(np.float16)),
    )


def exact_ranks(rows: np.ndarray, query: np.ndarray, metric: str, k: int) -> list[tuple[str, float]]:
    how = distance(metric)
    sign = -1 if how.higher_is_better else 1
    with np.errstate(all="ignore"):
        scores = [float(how.score(row[None], query)[0]) for row in rows.astype(np.float64)]
    ranked = sorted((sign * s, i, s) for i, s in enumerate(scores) if np.isfinite(s))
    return [(f"m:{i}", s) for _, i, s in ranked[:k]]


def in_blocks(rows: np.ndarray, step: int, *, known: bool) -> list[Block]:
    blocks = []
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(rows[start : start + step])
        with np.errstate(all="ignore"):
            lengths = Products(SIZE).lengths(part) if known else None
        blocks.append(Block(part, start, None, lengths))
    return blocks


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Filter every block for which there are bars; gives how many rows each block had and kept."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(prefilter, "_BLOCKS", 0)
    monkeypatch.setattr(prefilter, "_FEWEST_QUERIES", 1)
    monkeypatch.setattr(prefilter, "_SAVED_S", 1e9)
    monkeypatch.setattr(prefilter, "_TRIAL_NUMBERS", 0)
    monkeypatch.setattr(prefilter, "_MOST_KEPT", 1.0)
    monkeypatch.setattr(prefilter, "_is_faster", lambda *_: True)
    monkeypatch.setattr(prefilter, "_WAITING_NUMBERS", 30 * SIZE)
    near = prefilter.PrefilterThread._near

    def counted(self: prefilter.PrefilterThread, block: Block, *rest: object) -> np.ndarray:
        rows = near(self, block, *rest)
        seen.append((len(block.rows), len(rows)))
        return rows

    monkeypatch.setattr(prefilter.PrefilterThread, "_near", counted)
    return seen


def run(blocks: list[Block], queries: np.ndarray, k: int, metric: str) -> list[list[tuple[str, float]]]:
    search = Pass(queries, k, distance(metric), lambda places: [f"m:{p}" for p in places], rows=1 << 20)
    return [[(m.key, m.score) for m in one] for one in search.over(blocks)]


def test_filtered_passes_equal_a_full_sort(always: list[tuple[int, int]]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(
        rows=st.integers(1, 60).flatmap(rows_of),
        queries=st.integers(1, 4).flatmap(
            lambda q: arrays(np.float64, (q, SIZE), elements=st.floats(-1e3, 1e3)).filter(
                lambda x: x.any(axis=1).all()
            )
        ),
        own=st.booleans(),
        metric=st.sampled_from(METRICS),
        k=st.integers(1, 8),
        step=st.integers(1, 20),
        known=st.booleans(),
    )
    def check(
        rows: np.ndarray, queries: np.ndarray, own: bool, metric: str, k: int, step: int, known: bool
    ) -> None:
        first = rows[0].astype(np.float64)
        if own and np.isfinite(first).all() and first.any():
            queries = np.concatenate([queries, first[None]])
        found = run(in_blocks(rows, step, known=known), queries, k, metric)
        for one, query in zip(found, queries, strict=True):
            assert one == exact_ranks(rows, query, metric, k)

    check()
    assert sum(had for had, _ in always) > sum(kept for _, kept in always)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_most_rows_are_left_out(always: list[tuple[int, int]], metric: str, dtype: type) -> None:
    """Of random rows of one length, all but one in twenty; the answer is the one without a prefilter."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20_000, SIZE))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)
    queries = rng.standard_normal((3, SIZE))
    blocks = in_blocks(rows, 2_000, known=True)
    found = run(blocks, queries, 5, metric)
    had, kept = (sum(numbers) for numbers in zip(*always, strict=True))
    assert had >= 10_000
    assert kept < had / 20
    for one, query in zip(found, queries, strict=True):
        assert one == exact_ranks(rows, query, metric, 5)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_whose_length_float32_does_not_hold_are_found(
    always: list[tuple[int, int]], metric: str
) -> None:
    """The nearest row comes last and is tiny or huge."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, SIZE)).astype(np.float32)
    queries = rng.standard_normal((2, SIZE))
    rows[-2] = queries[0] * 1e-15
    rows[-1] = queries[1] * 1e16
    found = run(in_blocks(rows, 50, known=True), queries, 3, metric)
    assert sum(had for had, _ in always) >= 100
    for one, query in zip(found, queries, strict=True):
        assert one == exact_ranks(rows, query, metric, 3)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 40).flatmap(rows_of), seed=st.integers(0, 99), zero=st.booleans())
def test_products_lie_within_their_bound(rows: np.ndarray, seed: int, zero: bool) -> None:
    with np.errstate(all="ignore"):
        lengths = Products(SIZE).lengths(rows)
    rows, lengths = rows[~np.isnan(lengths)], lengths[~np.isnan(lengths)]
    if not len(rows):
        return
    units = np.random.default_rng(seed).standard_normal((3, SIZE))
    units[0] *= ~np.array(zero)
    queries = Queries.of(units)
    products = Int8Products(queries, rows.dtype, 1)
    share = largest_share(rows, lengths)
    factors = (LARGEST / share / lengths).astype(np.float32)
    found = products.request().multiply(np.ascontiguousarray(rows), factors) * (share / LARGEST)
    exact = rows.astype(np.float64) @ queries.units.T / lengths[:, None]
    assert products.is_right
    assert (np.abs(found - exact) <= products.errors(share) + 1e-5).all()


def test_the_bound_is_reached() -> None:
    """Numbers that lie just below the middle of two codes, each on the side that its query makes worse."""
    sign = np.random.default_rng(0).choice([-1.0, 1.0], SIZE)
    queries = Queries.of(sign[None])
    row = (sign * 3 + sign * 0.499).astype(np.float32)
    row[0] = LARGEST * sign[0]
    length = np.linalg.norm(row)
    products = Int8Products(queries, row.dtype, 1)
    share = LARGEST / length
    found = products.request().multiply(row[None], np.ones(1, np.float32))[0, 0] / length
    error = abs(found - row.astype(np.float64) @ queries.units[0] / length)
    bound = float(products.errors(share)[0])
    assert 0.9 * bound < error <= bound


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40).flatmap(rows_of))
def test_no_number_is_larger_than_the_largest_share(rows: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        lengths = Products(SIZE).lengths(rows)
    share = largest_share(rows, lengths)
    known = ~np.isnan(lengths)
    shares = np.abs(rows[known].astype(np.float64)).max(axis=1) / lengths[known]
    assert (shares <= share).all()
    if known.any():
        assert share <= max(1.1 * 1.001 * shares.max(), shares.max() * 1.002)


def test_rows_that_cannot_be_written_to_are_read() -> None:
    """Mapped columns are read-only."""
    rows = np.eye(SIZE, dtype=np.float16)
    rows.flags.writeable = False
    products = Int8Products(Queries.of(np.eye(SIZE)[:2]), rows.dtype, 1)
    found = products.request().multiply(rows, np.full(SIZE, LARGEST, np.float32))
    np.testing.assert_allclose(found, LARGEST * np.eye(SIZE)[:, :2], rtol=1e-6)


@pytest.mark.parametrize(
    ("queries", "rows", "metric"), [(8, 1 << 40, "cosine"), (100, 10_000, "cosine")], ids=["few", "small"]
)
def test_small_searches_start_no_engine(queries: int, rows: int, metric: str) -> None:
    some = Queries.of(np.ones((queries, SIZE)))
    filtering = Prefilter(some, distance(metric), rows, 2)
    block = np.ones((20_000, SIZE), np.float16)
    assert all(filtering.products_for(block, Products(SIZE)) is None for _ in range(10))


@pytest.mark.parametrize(("kept", "used"), [(40, True), (60, False)])
def test_a_prefilter_that_leaves_out_too_few_rows_is_given_up(
    kept: int, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefilter, "_is_faster", lambda *_: True)
    rows = np.ones((20_000, SIZE), np.float16)
    filtering = Prefilter(Queries.of(np.ones((16, SIZE))), distance("cosine"), 1 << 40, 2)
    begun = [filtering.products_for(rows, Products(SIZE)) is not None for _ in range(5)]
    assert begun == [False] * 4 + [True]  # the first blocks give the queries their bars
    for _ in range(200):
        filtering.note(100, kept)
    assert (filtering.products_for(rows, Products(SIZE)) is not None) == used


def test_products_that_are_slower_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product in int8 that waits, and one in float32 that waits."""
    rows = np.ones((20_000, SIZE), np.float16)
    for slow, used in ((Int8Request, False), (Products, True)):
        name = "multiply" if slow is Int8Request else "fine"
        original = getattr(slow, name)

        def waiting(*words: object, original: Callable[..., object] = original) -> object:
            time.sleep(0.05)
            return original(*words)

        with monkeypatch.context() as patch:
            patch.setattr(slow, name, waiting)
            filtering = Prefilter(Queries.of(np.ones((16, SIZE))), distance("cosine"), 1 << 40, 2)
            found = [filtering.products_for(rows, Products(SIZE)) for _ in range(5)]
        assert (found[-1] is not None) == used


@pytest.mark.parametrize("held", [1, 64, 1 << 20])
@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_wait_to_be_scored_change_nothing(
    held: int, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ties, near ties and room for few or many rows."""
    monkeypatch.setattr(passes, "_HELD_NUMBERS", held * SIZE)
    rows = np.concatenate([odd(np.random.default_rng(seed), 150) for seed in (0, 0, 1)])
    queries = np.concatenate([rows[:2].astype(np.float64) + 1e-3, rows[300:302].astype(np.float64) + 1e-3])
    found = run(in_blocks(rows, 40, known=True), queries, 7, metric)
    for one, query in zip(found, queries, strict=True):
        assert one == exact_ranks(rows, query, metric, 7)
