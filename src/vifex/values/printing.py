"""Text that is safe to print: control characters, and letters that an encoding lacks, become escapes."""

from __future__ import annotations

import re
from typing import TextIO

__all__ = ["clean", "escaped", "fit", "one_line"]


def clean(text: object) -> str:
    """Make text safe to print: control characters, marks of direction and lone surrogates become escapes.

    A file's name may hold anything, an escape sequence of the terminal too.
    """
    return "".join(c if c.isprintable() else escaped(ord(c)) for c in str(text))


def one_line(text: object) -> str:
    """Make a message of several lines one line that is safe to print."""
    return clean(re.sub(r"\s*[\r\n]+\s*", " ", str(text)).strip())


def fit(text: str, stream: TextIO) -> str:
    """Write as escapes the letters that a stream's encoding lacks, so that their widths are known."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def escaped(code: int) -> str:
    r"""Write a code point as `\xNN`, `\uNNNN` or `\UNNNNNNNN`; a byte that is no text as `\xNN`."""
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is no text
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
