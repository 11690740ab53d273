"""Self-contained HTML pages: their head, escaped text and embedded images.

A page has no script and loads nothing, and its policy forbids both.
"""

from __future__ import annotations

import base64
import html
import io
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["html_text", "jpeg_address", "page_head"]

# They would turn the text around them; names are shown with these spelled out.
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SIDE_PX = 480
_QUALITY = 80

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Vifex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def page_head(title: str, style: str) -> str:
    """Return a page up to the start of its body.

    Args:
        title: Plain text.
        style: The style sheet.
    """
    return _HEAD.format(title=html_text(title), style=style)


def html_text(text: str) -> str:
    """Escape text for HTML; control characters and what turns the writing direction are spelled out."""
    plain = "".join(
        f"\\u{ord(c):04x}" if c in _TURNING or unicodedata.category(c) in ("Cc", "Cs") else c for c in text
    )
    return html.escape(plain)


def jpeg_address(image: Image, *, side_px: int = _SIDE_PX) -> str:
    """Return an image as a `data:` address.

    Args:
        image: Any mode and size; what is transparent becomes white.
        side_px: The longer side is at most this; nothing is enlarged.
    """
    from PIL import Image as Pillow

    small = image.copy()
    small.thumbnail((side_px, side_px), reducing_gap=2.0)
    if small.has_transparency_data:
        small = small.convert("RGBA")
        small = Pillow.alpha_composite(Pillow.new("RGBA", small.size, "white"), small)
    data = io.BytesIO()
    small.convert("RGB").save(data, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
