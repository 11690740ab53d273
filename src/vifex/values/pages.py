"""Self-contained HTML pages: their head, escaped text, embedded images, and at most one script.

A page loads nothing, and its policy forbids it; a page may be allowed to show images of the disk that it is
opened from. A page runs no script, except for one that was given to `page_head`: the policy allows it by its
hash, so that no text of a store can become a script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["html_text", "jpeg_address", "page_data", "page_head", "page_script"]

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
 content="default-src 'none'; img-src data:{images}; style-src 'unsafe-inline'{policy}">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Vifex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""


def page_head(title: str, style: str, script: str = "", *, reads_files: bool = False) -> str:
    """Return a page up to the start of its body.

    Args:
        title: Plain text.
        style: The style sheet.
        script: The JavaScript that the page may run, without a tag. The caller writes it into the body with
            `page_script`; no other script runs.
        reads_files: Whether the page may show images of the disk it is opened from, beside embedded ones.

    Raises:
        ValueError: If the script cannot stand in a page.
    """
    policy = f"; script-src '{_script_hash(script)}'" if script else ""
    images = " file:" if reads_files else ""
    return _HEAD.format(title=html_text(title), style=style, policy=policy, images=images)


def page_script(script: str) -> str:
    """Return the element of the script that was given to `page_head`, for the end of the body."""
    return f"<script>{script}</script>\n"


def page_data(name: str, value: Any) -> str:
    """Return an element that holds data for the script; no browser runs it.

    The script reads it with `JSON.parse(document.getElementById(NAME).textContent)`.

    Args:
        name: The id of the element.
        value: What `json` can write; NaN and infinity are refused.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>\n'


def _script_hash(script: str) -> str:
    """Return a script's hash as a content security policy names it."""
    if re.search(r"</script|<!--", script, re.IGNORECASE) or "\r" in script or "\0" in script:
        # A browser would end the script there, or read another text than the one that is hashed.
        raise ValueError("a script in a page must not contain `</script`, `<!--`, carriage returns or NUL")
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


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
