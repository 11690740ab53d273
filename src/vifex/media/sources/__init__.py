"""Sources: paths, lists and manifests become media. No pixel is looked at."""

from vifex.media.sources.finding import find

__all__ = ["find"]
