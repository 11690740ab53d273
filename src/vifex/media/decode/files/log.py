"""FFmpeg's log: error messages of demuxers and decoders, which report damage that raises no exception."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av
import av.logging

from vifex.media.decode.files.reasons import clean

__all__ = ["Log", "listening"]

_REFUSED: Final = re.compile(r"Picture size (\d+)x(\d+) is invalid")


class Log:
    """Counts error messages and keeps the first, so that its size does not grow."""

    def __init__(self) -> None:
        self.n_errors = 0
        self.first: str | None = None
        self.too_large: str | None = None
        """Width x height of an image that FFmpeg refused for its size."""

    def add(self, name: str, message: str) -> None:
        """Count one message of level error or worse."""
        self.n_errors += 1
        refused = _REFUSED.search(message)
        if refused:
            self.too_large = f"{refused[1]} x {refused[2]}"
        if self.first is None:
            self.first = clean(f"{name}: {message}" if name else message)


@contextmanager
def listening(log: Log) -> Iterator[None]:
    """Capture FFmpeg's messages during a call.

    The level and the habit of dropping repeated messages are global in PyAV: both are restored at
        the end, so that nothing changes for a program that uses PyAV itself.
    """
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as messages:
            try:
                yield
            finally:
                for severity, name, message in messages:
                    if severity <= av.logging.ERROR:
                        log.add(name, message)
    finally:
        av.logging.set_skip_repeated(skips)
        av.logging.set_level(level)
