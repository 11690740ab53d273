"""What holds for every scan of float16 rows: its numbers are right, and its answer is that of a full sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vifex.search.registry import distance
from vifex.search.scan import passes
from vifex.search.scan.blocks import Block
from vifex.search.scan.halves import COARSE_ERROR, FIRST_NOT_FINITE, SCALE, Halves
from vifex.search.scan.passes import Pass
from vifex.search.scan.products import Products

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
HALVES = st.integers(0, (1 << 16) - 1)
SIZE = 6


def test_every_float16_widens_exactly():
    """All 65,536 of them: finite ones come out as NumPy casts them, the others as large numbers."""
    wide = Halves(64, 1024).widened(EVERY.reshape(64, 1024)).reshape(-1) * SCALE
    finite = np.isfinite(EVERY)
    np.testing.assert_array_equal(wide[finite], EVERY[finite].astype(np.float32))
    assert np.array_equal(np.signbit(wide), np.signbit(EVERY))
    assert (np.abs(wide[~finite]) >= FIRST_NOT_FINITE).all()
    assert (np.abs(wide[finite]) < FIRST_NOT_FINITE).all()


@pytest.mark.parametrize("neighbours", [0.0, -0.0, 65504.0, -1.0, 6e-8])
def test_every_float16_is_coarsely_right(neighbours):
    """Whatever lies beside it, at odd and at even places."""
    finite = EVERY[np.isfinite(EVERY)]
    rows = np.full((len(finite), 4), neighbours, np.float16)
    rows[:, 1] = rows[:, 2] = finite
    odd, even = Halves(len(rows), 4).coarse(rows)
    exact = finite.astype(np.float64)
    allowed = np.maximum(COARSE_ERROR * np.abs(exact), 2.0**-21)
    for found in (odd[:, 0], even[:, 1]):
        assert (np.abs(found.astype(np.float64) * float(SCALE) - exact) <= allowed).all()


@settings(max_examples=200, deadline=None)
@given(
    bits=st.integers(1, 30).flatmap(lambda n: arrays(np.uint16, (n, SIZE), elements=HALVES)),
    query=arrays(np.float64, SIZE, elements=st.floats(-1e3, 1e3)).filter(lambda q: q.any()),
)
def test_coarse_products_lie_within_their_bound(bits, query):
    rows = bits.view(np.float16)
    rows = rows[np.isfinite(rows).all(axis=1) & rows.any(axis=1)]
    if not len(rows):
        return
    products, queries = Products(SIZE), passes.Queries.of(query[None])
    lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
    exact = rows.astype(np.float64) @ queries.units[0]
    allowed = [products.coarse_error(length) * length for length in lengths]
    assert (np.abs(products.coarse(rows, queries)[0] - exact) <= allowed).all()
    assert (np.abs(products.fine(rows, queries)[0] - exact) <= products.error * lengths).all()


def full_sort(rows, query, metric, k):
    how = distance(metric)
    sign = -1 if how.higher_is_better else 1
    with np.errstate(all="ignore"):
        scores = [float(how.score(row[None], query)[0]) for row in rows.astype(np.float64)]
    ranked = sorted((sign * s, i, s) for i, s in enumerate(scores) if np.isfinite(s))
    return [(f"m:{i}", s) for _, i, s in ranked[:k]]


def near_ones(n):
    """Rows whose cosines lie close together, so that coarse products cannot tell them apart."""
    return st.builds(
        lambda seed: (1 + 0.01 * np.random.default_rng(seed).standard_normal((n, SIZE))).astype(np.float16),
        st.integers(0, 1000),
    )


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 60).flatmap(
        lambda n: st.one_of(
            arrays(np.uint16, (n, SIZE), elements=HALVES).map(lambda bits: bits.view(np.float16)),
            arrays(np.float16, (n, SIZE), elements=st.sampled_from([0.0, 1.0, -1.0, 0.5, 6e-8, 60000.0])),
            near_ones(n),
        )
    ),
    queries=st.integers(1, 5).flatmap(
        lambda q: arrays(np.float64, (q, SIZE), elements=st.floats(-1e3, 1e3)).filter(
            lambda x: x.any(axis=1).all()
        )
    ),
    metric=st.sampled_from(["cosine", "dot", "l2"]),
    k=st.integers(1, 20),
    step=st.integers(1, 20),
    known=st.booleans(),
    coarse=st.booleans(),
)
def test_a_pass_over_blocks_equals_a_full_sort(rows, queries, metric, k, step, known, coarse):
    """With or without known lengths, coarse products, and in blocks of any size and any order of threads."""
    blocks = []
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(rows[start : start + step])
        with np.errstate(all="ignore"):
            lengths = Products(SIZE).lengths(part) if known else None
        shortest = np.nanmin(lengths) if known and not np.isnan(lengths).all() else 0.0
        blocks.append(Block(part, start, None, lengths, float(shortest)))
    found = Pass(queries, k, distance(metric), lambda places: [f"m:{p}" for p in places], coarse=coarse).over(
        blocks
    )
    for one, query in zip(found, queries, strict=True):
        assert [(m.key, m.score) for m in one] == full_sort(rows, query, metric, k)
        assert [f"m:{m.place}" for m in one] == [m.key for m in one]
