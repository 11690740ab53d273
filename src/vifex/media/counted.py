"""Whether sources are read only to count their media, which asks servers for nothing but listings."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

__all__ = ["only_counted"]

only_counted: Final = ContextVar("only_counted", default=False)
