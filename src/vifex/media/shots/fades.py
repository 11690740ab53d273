"""Whether what lies between two transitions is the dark, or the bright, of one fade out and in.

In a fade the contrast falls to nothing and rises again, and dim frames show the shot before or the one
behind. A shot of low contrast between two transitions shows something else, or lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vifex.media.shots.dissolves import STEP
from vifex.media.shots.small import INNER, SmallFrame

__all__ = ["is_dip"]

_EMPTY: Final = 12.0
"""Contrast of an empty frame, in grey levels: below it there is noise alone."""
_EMPTY_S: Final = 1
"""Seconds; an empty image that lasts longer is a shot of its own."""
_DIM: Final = 0.75
"""Part of the full contrast below which all frames are: the middles of a fade out and a fade in have half."""
_DIP: Final = 0.4
"""Part of the full contrast below which the lowest frame is."""
_MOST_ABOVE: Final = 5
"""Frames above that part at most; a longer stretch is a shot."""
_ALIKE: Final = 0.3
"""Correlation with the shot before or behind that the clearest frame must have, if no frame is empty."""


def is_dip(frames: Sequence[SmallFrame], full: tuple[float, float], sides: Sequence[SmallFrame]) -> bool:
    """Return whether the contrast falls and rises, while frames show nothing but what is beside them.

    Args:
        frames: Frames between two transitions, a tenth of a second apart.
        full: The full contrast before and behind them; below that of an empty frame it says nothing.
        sides: Clear frames before and behind.
    """
    if not frames or sum(f.contrast < _EMPTY for f in frames) * STEP > _EMPTY_S:
        return False
    before, behind = (side if side >= _EMPTY else max(full) for side in full)
    place = min(range(len(frames)), key=lambda i: frames[i].contrast)
    lowest = frames[place].contrast
    parts = [f.contrast / max(_EMPTY, behind if i > place else before) for i, f in enumerate(frames)]
    if lowest >= _DIP * min(before, behind) or max(parts) >= _DIM:
        return False
    if sum(part >= _DIP for part in parts) > _MOST_ABOVE:
        return False
    return lowest < _EMPTY or any(_alike(f, side) > _ALIKE for f in frames for side in sides)


def _alike(a: SmallFrame, b: SmallFrame) -> float:
    """Return the correlation of two images, without their edges, where logos and bars are."""
    x, y = (frame.even[INNER] - frame.even[INNER].mean() for frame in (a, b))
    scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / scale if scale else 0.0
