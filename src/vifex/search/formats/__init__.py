"""Export formats: one file per format, one line each in `vifex.search.registry`."""

from vifex.search.formats.base import Format

__all__ = ["Format"]
