"""What every pooling keeps, by registry line and by kind of layer."""

from __future__ import annotations

import numpy as np
import pytest

from vifex.pool import default_pooling, load_pooling, pool, pooled_shape, pooling_names
from vifex.pool.registry import DEFAULTS, POOLINGS
from vifex.values import Layer, LayerKind
from vifex.values.models import AXES

# Large enough that numpy sums in more than one go.
SHAPES: dict[LayerKind, tuple[int, ...]] = {
    "vector": (6,),
    "map": (6, 17, 13),
    "tokens": (197, 6),
    "sequence": (150, 6),
    "volume": (6, 8, 5, 4),
    "attention": (2, 7, 7),
}
FITTING = [(name, kind) for name in sorted(POOLINGS) for kind in AXES if kind in load_pooling(name).kinds]


def rows(kind: LayerKind, n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, *SHAPES[kind])).astype(np.float32)


@pytest.mark.parametrize("name", sorted(POOLINGS))
def test_a_line_names_its_pooling(name: str) -> None:
    assert load_pooling(name).name == name
    assert load_pooling(name).kinds
    assert name in pooling_names()


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_the_shape_is_as_announced(name: str, kind: LayerKind) -> None:
    shape = pooled_shape(name, Layer("t", kind, SHAPES[kind]))
    for n in (0, 1, 5):
        pooled = pool(name, kind, rows(kind, n))
        assert pooled.shape == (n, *shape)
        assert pooled.dtype == np.float32


@pytest.mark.parametrize(("name", "kind"), FITTING)
def test_a_row_does_not_touch_another(name: str, kind: LayerKind) -> None:
    """Bit for bit: alone, among others, and out of a batch that was laid out otherwise."""
    array = rows(kind, 5)
    before = array.copy()
    together = pool(name, kind, array)
    np.testing.assert_array_equal(array, before)
    for i in range(5):
        np.testing.assert_array_equal(pool(name, kind, array[i : i + 1])[0], together[i])
    np.testing.assert_array_equal(pool(name, kind, np.asfortranarray(array)), together)


@pytest.mark.parametrize("kind", sorted(AXES))
def test_every_kind_has_a_default_that_fits(kind: LayerKind) -> None:
    assert default_pooling(kind) in pooling_names(kind)
    assert set(DEFAULTS) == set(AXES)
