"""Why a remote file cannot be read."""

from __future__ import annotations

import re
from typing import Final

from vifex.values.errors import MediaError

__all__ = ["NoRangesError", "TransferError", "UnreachableError", "without_secrets"]

_QUERY: Final = re.compile(r"\?[^\s\"')>]+")
_USER: Final = re.compile(r"//[^\s/@]+@")


class TransferError(OSError):
    """A file on another machine could not be read, or not whole."""

    def __init__(
        self,
        reason: str,
        *,
        is_passing: bool,
        is_missing: bool = False,
        is_refused: bool = False,
        is_of_host: bool = False,
        wait_s: float = 0.0,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        """A clause without a full stop."""
        self.is_passing = is_passing
        """Whether the same request may go well a moment later."""
        self.is_refused = is_refused
        """Whether access was refused: with other credentials it may go well."""
        self.is_of_host = is_of_host
        """Whether the host could not be reached at all."""
        self.is_missing = is_missing
        """Whether there is no such file."""
        self.wait_s = wait_s
        """Seconds that the server asks to wait for."""

    @property
    def is_of_file(self) -> bool:
        """Whether the file itself is the reason: it is not there, or cannot be read as it is."""
        return not (self.is_passing or self.is_refused)


class NoRangesError(Exception):
    """The server gives a file only as a whole."""


class UnreachableError(MediaError):
    """A medium on another machine could not be read for a reason that is not its own."""


def without_secrets(text: str) -> str:
    """Return the first line of a library's message, without queries and users of the addresses in it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = _USER.sub("//", _QUERY.sub("", line)).rstrip(". ")
    return line if len(line) <= 240 else line[:239] + "\N{HORIZONTAL ELLIPSIS}"
