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
    "archive": "vifex.media.sources.archives:ARCHIVE",
    "table": "vifex.media.sources.media_tables:TABLE",
    "coco": "vifex.media.sources.coco:COCO",
    "yolo": "vifex.media.sources.yolo:YOLO",
    "mot": "vifex.media.sources.mot:MOT",
    "text": "vifex.media.sources.text_lists:TEXT_LIST",
    "glob": "vifex.media.sources.globs:GLOB",
    "remote": "vifex.media.sources.remote:REMOTE",
    "path": "vifex.media.sources.paths:PATH",
}
