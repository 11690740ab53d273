"""Registry of temporal heads: name -> `module:attribute`, called with the size of a frame's feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["GROUP", "HEADS"]

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
}
