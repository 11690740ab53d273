"""Every kind of source, in the order in which they are tried."""

from collections.abc import Mapping
from typing import Final

__all__ = ["GROUP", "SOURCES"]

GROUP: Final = "vifex.sources"
"""Entry point group for kinds of source of other packages; they are tried before those here."""

SOURCES: Final[Mapping[str, str]] = {
    "list": "vifex.media.sources.lists:LIST",
    "csv": "vifex.media.sources.manifests:CSV",
    "jsonl": "vifex.media.sources.manifests:JSONL",
    "glob": "vifex.media.sources.globs:GLOB",
    "path": "vifex.media.sources.paths:PATH",
}
