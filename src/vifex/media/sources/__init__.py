"""Sources: paths, lists and manifests become media. Pixels are not read."""

from vifex.media.sources.finding import find

__all__ = ["find"]
