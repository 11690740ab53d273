"""Registries of heads: name -> `module:attribute`, called with the size of a feature, or sizes of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FUSION_GROUP", "FUSION_HEADS", "GROUP", "HEADS"]

GROUP: Final = "vifex.heads"
"""Entry point group for heads that other packages bring."""

HEADS: Final[Mapping[str, str]] = {
    "attention": "vifex.models.heads.attention:AttentionHead",
    "gru": "vifex.models.heads.recurrent:GRUHead",
    "lstm": "vifex.models.heads.recurrent:LSTMHead",
    "max": "vifex.models.heads.plain:MaxHead",
    "mean": "vifex.models.heads.plain:MeanHead",
    "nonlocal": "vifex.models.heads.non_local:NonLocalHead",
    "rnn": "vifex.models.heads.recurrent:RNNHead",
    "tcn": "vifex.models.heads.tcn:TCNHead",
    "transformer": "vifex.models.heads.transformer:TransformerHead",
}

FUSION_GROUP: Final = "vifex.fusion_heads"
"""Entry point group for fusion heads that other packages bring."""

FUSION_HEADS: Final[Mapping[str, str]] = {
    "attention": "vifex.models.heads.fusion:AttentionFusion",
    "concat": "vifex.models.heads.fusion:ConcatFusion",
    "gated": "vifex.models.heads.fusion:GatedFusion",
    "sum": "vifex.models.heads.pyramid:PyramidFusion",
    "weighted": "vifex.models.heads.fusion:WeightedFusion",
}
"""Several features at once; `sum` takes maps, the others vectors."""
