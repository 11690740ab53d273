"""What every fusion keeps, by registry line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vifex.pool.fusion import FusionRule, fusion_names, load_fusion
from vifex.pool.registry import FUSIONS
from vifex.values import InputError

WIDTH = 3
"""Of what is learned."""


def learned(rule: FusionRule, sizes: Sequence[int]) -> dict[str, np.ndarray]:
    """Some numbers where a fusion would have learned them."""
    random = np.random.default_rng(1)
    shapes = {
        "mean": (sum(sizes),),
        "components": (WIDTH, sum(sizes)),
        "attend.weight": (WIDTH, WIDTH),
        "score.weight": (1, WIDTH),
        **{f"hidden.{i}.weight": (WIDTH, size) for i, size in enumerate(sizes)},
        **{f"gate.{i}.weight": (WIDTH, sum(sizes)) for i in range(len(sizes))},
    }
    return {n: random.normal(size=shapes[n]).astype(np.float32) for n in rule.learns(len(sizes))}


def inputs(sizes: Sequence[int], n: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(n, size)).astype(np.float32) for size in sizes]


SIZES = {name: (6, 6) if name == "sum" else (6, 9) for name in FUSIONS}
CASES = [*((name, sizes) for name, sizes in SIZES.items()), *((name, (4, 4, 4)) for name in FUSIONS)]


@pytest.mark.parametrize(("name", "sizes"), CASES)
def test_the_size_is_as_announced_and_a_row_does_not_touch_another(name: str, sizes: Sequence[int]) -> None:
    """Bit for bit, alone and among 300 others: a row that is made anew is the same row."""
    rule = load_fusion(name)
    assert rule.name == name
    assert name in fusion_names()
    arrays, given = learned(rule, sizes), inputs(sizes, 301)
    shares = [1 / len(sizes)] * len(sizes)
    together = rule.apply(given, shares, arrays)
    assert together.shape == (301, rule.size(sizes, arrays))
    assert together.dtype == np.float32
    for i in (0, 7, 300):
        alone = rule.apply([x[i : i + 1] for x in given], shares, arrays)
        np.testing.assert_array_equal(alone[0], together[i])
    assert rule.apply([x[:0] for x in given], shares, arrays).shape == (0, together.shape[1])


@pytest.mark.parametrize("name", [n for n in sorted(FUSIONS) if load_fusion(n).learns(2)])
def test_what_was_learned_on_other_sizes_is_refused(name: str) -> None:
    rule = load_fusion(name)
    with pytest.raises(InputError, match="the weights are for vectors of"):
        rule.size((6, 8), learned(rule, (6, 9)))
