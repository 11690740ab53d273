"""Sheets of images: what the network sees, and what it gets wrong."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.values import InputError

__all__ = ["batch_sheet", "data_uri", "sheet"]

_SHOWN: Final = 64
_GAP_PX: Final = 2
_LEAST_PX: Final = 64
"""Smaller images are enlarged by a whole factor, so that people see them."""


def batch_sheet(task: Any, path: Path) -> None:
    """Write the images of the first training batch, as the network gets them.

    Args:
        task: A task whose batches hold images `[B, 3, H, W]` or clips `[B, T, 3, H, W]`.
        path: Of the image.

    Raises:
        InputError: If the task has no images.
    """
    inputs = task.batch(0, 0).get("inputs")
    augmenter = getattr(task, "augmenter", None)
    if augmenter is None or inputs is None or inputs.ndim not in (4, 5):
        raise InputError("the task has no images to show.", of=type(task).__name__)
    if inputs.ndim == 5:  # the frames of a clip stand in a row
        inputs = inputs[: _SHOWN // inputs.shape[1] or 1].flatten(0, 1)
    pixels = augmenter.shown(inputs[:_SHOWN].float()).permute(0, 2, 3, 1).numpy()
    try:
        sheet(pixels).save(path)
    except (OSError, ValueError) as exc:
        raise InputError(f"the image cannot be written: {exc}.", of=str(path)) from exc


def sheet(pixels: npt.NDArray[np.uint8], *, columns: int = 8) -> Image.Image:
    """Lay images out in rows.

    Args:
        pixels: `[N, H, W, 3]`.
        columns: Images in a row.
    """
    count, height, width = pixels.shape[:3]
    factor = max(1, _LEAST_PX // max(height, width))
    columns = min(columns, count)
    rows = -(-count // columns)
    out = np.full((rows * (height + _GAP_PX), columns * (width + _GAP_PX), 3), 255, dtype=np.uint8)
    for place, image in enumerate(pixels):
        top, left = place // columns * (height + _GAP_PX), place % columns * (width + _GAP_PX)
        out[top : top + height, left : left + width] = image
    made = Image.fromarray(out)
    return made.resize((made.width * factor, made.height * factor), Image.Resampling.NEAREST)


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """Return an image `[H, W, 3]` as an address that holds it."""
    image = Image.fromarray(pixels)
    if (factor := _LEAST_PX // max(image.size)) > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    out = io.BytesIO()
    image.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
