"""Horizontal bars as SVG: one for each contender, medians with their quartiles."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

LABELS_PX, BARS_PX, LINE_PX, BAR_PX, NUMBERS_PX, TOP_PX = 250, 400, 22, 14, 80, 30
OURS, BOUNDS, OTHERS = "#2563eb", "#d1d5db", "#6b7280"
_BOUNDS = ("inference alone", "decoding alone", "raw decoding")


def bars(title: str, unit: str, rates: Mapping[str, Mapping[str, float]]) -> str:
    """Draw contenders in their order; ours in blue, bounds (parts of the work alone) in light grey.

    Args:
        title: Above the bars.
        unit: Of the numbers.
        rates: Contender to `p25`, `median` and `p75`.
    """
    scale = BARS_PX / max(max(rate["median"], rate["p75"]) for rate in rates.values())
    width, height = LABELS_PX + BARS_PX + NUMBERS_PX, TOP_PX + LINE_PX * len(rates) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title)}: {escape(unit)}</text>',
    ]
    for number, (name, rate) in enumerate(rates.items()):
        parts += _bar(name, rate, TOP_PX + LINE_PX * number, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(name: str, rate: Mapping[str, float], y: int, scale: float) -> list[str]:
    colour = OURS if name.startswith("vifex") else BOUNDS if name.startswith(_BOUNDS) else OTHERS
    low, middle, high = (rate[key] * scale for key in ("p25", "median", "p75"))
    centre = f'y1="{y + BAR_PX / 2}" y2="{y + BAR_PX / 2}"'
    return [
        f'<text x="{LABELS_PX - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
        f'<rect class="bar" x="{LABELS_PX}" y="{y}" width="{middle:.1f}" height="{BAR_PX}" fill="{colour}"/>',
        f'<line x1="{LABELS_PX + low:.1f}" x2="{LABELS_PX + high:.1f}" {centre} stroke="black"/>',
        f'<text x="{LABELS_PX + max(middle, high) + 6:.1f}" y="{y + 12}">{rate["median"]:.1f}</text>',
    ]
