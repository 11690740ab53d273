"""Poolings: maps, tokens and sequences become vectors, of length 1 and in the store's dtype if wanted.

A pooling takes `[N, *layer.shape]` and gives `[N, *shape]`, each row from its own numbers alone. It
knows neither networks nor files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.pool.base import Pooling
from vifex.pool.finish import l2_normalize, rows_that_fit, to_dtype
from vifex.pool.registry import DEFAULTS, GROUP, POOLINGS
from vifex.values import InputError, Layer, LayerKind
from vifex.values.registry import load, names

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Pooling",
    "default_pooling",
    "l2_normalize",
    "load_pooling",
    "pool",
    "pooled_shape",
    "pooling_names",
    "rows_that_fit",
    "to_dtype",
]


def pooling_names(kind: LayerKind | None = None) -> list[str]:
    """Every pooling, or those that fit a kind of layer, sorted."""
    known = names(POOLINGS, group=GROUP)
    return known if kind is None else [n for n in known if kind in load_pooling(n).kinds]


def default_pooling(kind: LayerKind) -> str:
    """Name what is done to a kind of layer where the user does not say."""
    return DEFAULTS[kind]


def load_pooling(name: str) -> Pooling:
    """Load a pooling by its name.

    Raises:
        InputError: If the name is unknown.
    """
    pooling: Pooling = load(POOLINGS, name, group=GROUP, what="pooling")
    return pooling


def pooled_shape(name: str, layer: Layer) -> tuple[int, ...]:
    """Return the shape of one row after pooling.

    Raises:
        InputError: If the pooling is unknown, or it does not fit the layer.
    """
    return _fitting(name, layer.kind, of=layer.name).shape(layer.kind, layer.shape)


def pool(name: str, kind: LayerKind, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pool rows.

    Args:
        name: Of the pooling.
        kind: Of the layer.
        array: float32 `[N, *layer.shape]`.

    Returns:
        float32 `[N, *pooled_shape]`; `none` and `flatten` may give a view of the input.

    Raises:
        InputError: If the pooling is unknown, or it does not fit the kind.
    """
    return _fitting(name, kind, of=None).apply(kind, array)


def _fitting(name: str, kind: LayerKind, *, of: str | None) -> Pooling:
    pooling = load_pooling(name)
    if kind not in pooling.kinds:
        raise InputError(
            f"the pooling {name!r} does not fit {_described(kind)}.",
            of=of,
            todo=f"Use one of: {', '.join(pooling_names(kind))}.",
        )
    return pooling


def _described(kind: LayerKind) -> str:
    return {"vector": "a vector", "map": "a map", "sequence": "a sequence", "volume": "a volume"}.get(
        kind, kind
    )
