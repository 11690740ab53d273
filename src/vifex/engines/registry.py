"""Registry of engines: name -> `module:attribute`, called without arguments to make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ENGINES", "GROUP"]

GROUP: Final = "vifex.engines"
"""Entry point group for engines of other packages."""

ENGINES: Final[Mapping[str, str]] = {
    "openvino": "vifex.engines.openvino.engine:OpenVinoEngine",
    "torch": "vifex.engines.torch:make_engine",
}
