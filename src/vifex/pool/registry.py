"""Registry of poolings and of fusions: name -> `module:attribute`, a `Pooling` or a `FusionRule`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vifex.values import LayerKind

__all__ = ["DEFAULTS", "FUSIONS", "FUSION_GROUP", "GROUP", "POOLINGS"]

GROUP: Final = "vifex.poolings"
"""Entry point group for poolings that other packages bring."""

POOLINGS: Final[Mapping[str, str]] = {
    "avg": "vifex.pool.avg:AVG",
    "cls": "vifex.pool.tokens:CLS",
    "flatten": "vifex.pool.flatten:FLATTEN",
    "gem": "vifex.pool.gem:GEM",
    "max": "vifex.pool.max:MAX",
    "mean": "vifex.pool.tokens:MEAN",
    "none": "vifex.pool.none:NONE",
    "patches": "vifex.pool.tokens:PATCHES",
    "tokens": "vifex.pool.tokens:TOKENS",
}

DEFAULTS: Final[Mapping[LayerKind, str]] = {
    "vector": "none",
    "map": "avg",
    "tokens": "mean",
    "sequence": "mean",
    "volume": "avg",
    "attention": "none",
}
"""What is done to a layer where the user does not say."""

FUSION_GROUP: Final = "vifex.fusions"
"""Entry point group for fusions that other packages bring."""

FUSIONS: Final[Mapping[str, str]] = {
    "attention": "vifex.pool.fusion:ATTENTION",
    "concat": "vifex.pool.fusion:CONCAT",
    "gated": "vifex.pool.fusion:GATED",
    "pca": "vifex.pool.fusion:PCA",
    "sum": "vifex.pool.fusion:SUM",
    "weighted": "vifex.pool.fusion:WEIGHTED",
}
"""Ways to make one vector of several."""
