"""Thumbnails of a map: which rows have one, and sheets of many in one JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_THUMBNAILS", "Sprites", "ThumbnailsOf", "make_sprites", "spread_rows"]

MOST_THUMBNAILS: Final = 20_000
_MOST_BYTES: Final = 110_000_000
"""Of all sheets: 147 MB in base64, so that a page with its points stays below 150 MB."""
_CELLS: Final = 128
_SHEET_PX: Final = 2048
_SIDES: Final = ((4_000, 128), (10_000, 96), (MOST_THUMBNAILS, 64))
"""Thumbnails at most, and the pixels of their longer side."""
_QUALITY: Final = 82
_GROUND: Final = (128, 128, 128)

ThumbnailsOf: TypeAlias = "Callable[[npt.NDArray[np.int64], int], Iterator[tuple[int, Image | None]]]"
"""Yields each of some rows, in any order, with its thumbnail: a longer side of at most so many pixels, or
`None` where there is no image."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprites:
    """Thumbnails of rows on sheets; their order is spread over the map."""

    rows: npt.NDArray[np.uint32]
    """`[T]`: the row of each thumbnail."""
    sizes: npt.NDArray[np.uint8]
    """`[T, 2]`: width and height in pixels."""
    cell: int
    """Pixels between the left, and the upper, sides of neighbouring thumbnails."""
    columns: int
    """Thumbnails in a line of a sheet; as many lines are on a sheet."""
    sheets: tuple[bytes, ...]
    """JPEG files."""
    missing: int
    """Rows whose thumbnail could not be made."""


def spread_rows(positions: npt.NDArray[np.uint16], most: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """Choose rows that are spread over the map: one of each of 128 x 128 cells, then a second, and so on.

    Args:
        positions: `[N, 2]` in 0 to 65,535.
        most: Number of rows at most.
        seed: Of the order within a cell.
    """
    order = np.random.default_rng(seed).permutation(len(positions))
    cells = (positions[order].astype(np.int64) * _CELLS) >> 16
    cell = cells[:, 1] * _CELLS + cells[:, 0]
    sorting = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cell[sorting]) > 0])
    turn = np.empty(len(positions), np.int64)
    turn[sorting] = np.arange(len(positions)) - np.repeat(starts, np.diff(np.r_[starts, len(positions)]))
    return order[np.argsort(turn, kind="stable")[:most]]


def make_sprites(
    wanted: npt.NDArray[np.int64],
    thumbnails: ThumbnailsOf,
    progress: Callable[[str, int, int], None] | None = None,
) -> Sprites:
    """Read thumbnails and put them on sheets.

    Args:
        wanted: Rows in the order in which their thumbnails are kept, if not all can be.
        thumbnails: Reads them.
        progress: Told how far the work is.
    """
    cell = next(side for most, side in _SIDES if len(wanted) <= most)
    columns = _SHEET_PX // cell
    images: dict[int, Image] = {}
    for done, (row, image) in enumerate(thumbnails(np.sort(wanted), cell)):
        if progress:
            progress("thumbnails", done, len(wanted))
        if image is not None:
            images[row] = image
    shown = [row for row in wanted.tolist() if row in images]
    sheets: list[bytes] = []
    for start in range(0, len(shown), columns**2):
        part = [images[row] for row in shown[start : start + columns**2]]
        sheet = _sheet(part, cell, columns)
        if sum(map(len, sheets)) + len(sheet) > _MOST_BYTES:
            break
        sheets.append(sheet)
    shown = shown[: len(sheets) * columns**2]
    sizes = np.array([images[row].size for row in shown], np.uint8).reshape(-1, 2)
    return Sprites(np.array(shown, np.uint32), sizes, cell, columns, tuple(sheets), len(wanted) - len(images))


def _sheet(images: list[Image], cell: int, columns: int) -> bytes:
    from PIL import Image as Pillow

    lines = -(-len(images) // columns)
    sheet = Pillow.new("RGB", (min(len(images), columns) * cell, lines * cell), _GROUND)
    for place, image in enumerate(images):
        sheet.paste(image, (place % columns * cell, place // columns * cell))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()
