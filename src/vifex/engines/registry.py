"""Registry of engines: name -> `module:attribute`, a class that is called without arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ENGINES", "GROUP"]

GROUP: Final = "vifex.engines"
"""Entry point group for engines that other packages bring."""

ENGINES: Final[Mapping[str, str]] = {
    "openvino": "vifex.engines.openvino:OpenVinoEngine",
}
