"""Regions of a map: RoIAlign and RoIPool over boxes.

Boxes are in pixels of the network's input (see `pool/boxes.py`), a map's cell is found by a scale, map
cells per pixel. Which frame a box belongs to and what is stored of it is the caller's matter.

Source: He et al., Mask R-CNN, ICCV 2017 (RoIAlign); Girshick, Fast R-CNN, ICCV 2015 (RoIPool); both as in
torchvision 0.27, whose operators they equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = ["roi_align", "roi_pool"]

_MOST_BYTES: Final = 64 << 20
"""What a part of the boxes may take on the way: maps of many boxes are pooled in parts."""

Scale = float | tuple[float, float]
Reduce = Literal["none", "mean"]


def roi_align(
    maps: Array,
    boxes: Array,
    *,
    spatial_scale: Scale,
    output_size: int | tuple[int, int] = 7,
    sampling_ratio: int = -1,
    aligned: bool = True,
    image_index: Array | None = None,
    reduce: Reduce = "none",
) -> Array:
    """Pool regions by bilinear samples, averaged in each bin.

    Args:
        maps: float32 or float64 `[N, C, H, W]`, or `[C, H, W]` for one image.
        boxes: `[K, 4]`: x0, y0, x1, y1 in pixels of the network's input, partly or wholly outside if need
            be. A sample further than one cell outside counts as 0; nearer ones take the edge's value.
        spatial_scale: Map cells per pixel, one number or (along x, along y).
        output_size: Bins, one number or (rows, columns).
        sampling_ratio: Samples per bin and axis; 0 or less takes as many as a bin has cells, rounded up.
        aligned: `True` puts a cell's value at its middle, that is shifts boxes by half a cell (Detectron2;
            a box without an area then gives 0 where samples are counted by cells). `False` is the older
            convention, which makes every box at least one cell wide and high.
        image_index: int `[K]`, which of the N images each box is of; needed where N is not 1.
        reduce: `mean` averages the bins of each channel.

    Returns:
        `[K, C, rows, columns]`, or `[K, C]` where `reduce` is `mean`; dtype of `maps`.

    Raises:
        ValueError: If shapes, dtypes or indices do not fit, or a box is inverted (x1 < x0 or y1 < y0).
    """
    maps, boxes, index = _checked(maps, boxes, image_index)
    rows, columns = _pair(output_size)
    sx, sy = _scales(spatial_scale)
    shift = 0.5 if aligned else 0.0
    x0, y0, x1, y1 = boxes.T
    dtype = maps.dtype.type
    y_weights = _align_weights(
        y0 * dtype(sy) - dtype(shift),
        y1 * dtype(sy) - dtype(shift),
        maps.shape[2],
        rows,
        sampling_ratio,
        aligned,
    )
    x_weights = _align_weights(
        x0 * dtype(sx) - dtype(shift),
        x1 * dtype(sx) - dtype(shift),
        maps.shape[3],
        columns,
        sampling_ratio,
        aligned,
    )
    import numpy as np

    out = np.empty((len(boxes), maps.shape[1], rows, columns), dtype=maps.dtype)
    for image, part in _parts(index, maps.shape[1] * maps.shape[2] * columns * maps.itemsize):
        # Bilinear weights are a product of one for y and one for x, so pooling is two small products.
        across = np.einsum("chw,kqw->kchq", maps[image], x_weights[part], optimize=True)
        out[part] = np.einsum("kph,kchq->kcpq", y_weights[part], across, optimize=True)
    return _reduced(out, reduce)


def roi_pool(
    maps: Array,
    boxes: Array,
    *,
    spatial_scale: Scale,
    output_size: int | tuple[int, int] = 7,
    image_index: Array | None = None,
    reduce: Reduce = "none",
) -> Array:
    """Pool regions by the largest value in each bin, boxes rounded to whole cells.

    A box is at least one cell wide and high. A bin without a cell (outside the map) is 0.

    Args:
        maps: float32 or float64 `[N, C, H, W]`, or `[C, H, W]` for one image.
        boxes: `[K, 4]`: x0, y0, x1, y1 in pixels of the network's input.
        spatial_scale: Map cells per pixel, one number or (along x, along y).
        output_size: Bins, one number or (rows, columns).
        image_index: int `[K]`, which of the N images each box is of; needed where N is not 1.
        reduce: `mean` averages the bins of each channel.

    Returns:
        `[K, C, rows, columns]`, or `[K, C]` where `reduce` is `mean`; dtype of `maps`.

    Raises:
        ValueError: If shapes, dtypes or indices do not fit, or a box is inverted (x1 < x0 or y1 < y0).
    """
    import numpy as np

    maps, boxes, index = _checked(maps, boxes, image_index)
    rows, columns = _pair(output_size)
    dtype = maps.dtype.type
    sx, sy = _scales(spatial_scale)
    x0, y0, x1, y1 = boxes.T
    top, bottom = _bins(y0 * dtype(sy), y1 * dtype(sy), maps.shape[2], rows)
    left, right = _bins(x0 * dtype(sx), x1 * dtype(sx), maps.shape[3], columns)
    out = np.empty((len(boxes), maps.shape[1], rows, columns), dtype=maps.dtype)
    size = maps.shape[1] * maps.shape[3] * rows * maps.itemsize * (1 + maps.shape[3].bit_length())
    for image, part in _parts(index, size):
        down = _range_max(maps[image].swapaxes(0, 1), top[part], bottom[part])  # [k, rows, C, W]
        across = _range_max_rows(down.transpose(0, 3, 1, 2), left[part], right[part])  # [k, columns, rows, C]
        out[part] = across.transpose(0, 3, 2, 1)
    return _reduced(out, reduce)


def _align_weights(start: Array, end: Array, size: int, bins: int, ratio: int, aligned: bool) -> Array:
    """Return what each cell along an axis weighs in each bin: `[K, bins, size]`.

    Coordinates are computed in the maps' dtype and in the operator's order, as where a sample falls on the
    border of the map, rounding decides whether it counts.
    """
    import numpy as np

    dtype = start.dtype.type
    length = end - start
    if not aligned:
        length = np.maximum(length, dtype(1))
    step = length / dtype(bins)
    counts = np.full(len(start), ratio) if ratio > 0 else np.ceil(step).astype(np.int64)
    most = max(int(counts.max(initial=0)), 0)
    samples = np.arange(most)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = (samples + 0.5).astype(start.dtype) * step[:, None] / counts[:, None].astype(start.dtype)
    at = (start[:, None] + np.arange(bins).astype(start.dtype) * step[:, None])[:, :, None] + within[
        :, None, :
    ]
    real = (samples < counts[:, None])[:, None, :]
    share = np.where(real, 1.0 / np.maximum(counts, 1)[:, None, None], 0.0).astype(start.dtype)
    return _bilinear(np.where(real, at, dtype(-2)), share, size)


def _bilinear(at: Array, share: Array, size: int) -> Array:
    """Spread samples `[K, bins, S]` over the two cells next to each, summed: `[K, bins, size]`."""
    import numpy as np

    share = np.where((at < -1.0) | (at > size), at.dtype.type(0), np.broadcast_to(share, at.shape))
    at = np.clip(at, 0, size - 1)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    rest = at - low.astype(at.dtype)
    weights = np.zeros((at.shape[0] * at.shape[1], size), dtype=at.dtype)
    line = np.repeat(np.arange(len(weights)), at.shape[2])
    np.add.at(weights, (line, low.ravel()), (share * (1 - rest)).ravel())
    np.add.at(weights, (line, high.ravel()), (share * rest).ravel())
    return weights.reshape(at.shape[0], at.shape[1], size)


def _bins(start: Array, end: Array, size: int, bins: int) -> tuple[Array, Array]:
    """Return first and last + 1 cell of each bin, `[K, bins]` each, inside the map."""
    import numpy as np

    first, last = _half_away(start), _half_away(end)
    step = np.maximum(last - first + 1, 1).astype(start.dtype) / start.dtype.type(bins)
    numbers = np.arange(bins + 1).astype(start.dtype)
    begin = np.floor(numbers[:-1] * step[:, None]).astype(np.int64) + first[:, None]
    stop = np.ceil(numbers[1:] * step[:, None]).astype(np.int64) + first[:, None]
    return np.clip(begin, 0, size), np.clip(stop, 0, size)


def _half_away(x: Array) -> Array:
    """Round as C does, halves away from zero, to int64."""
    import numpy as np

    whole: Array = np.trunc(x)
    return (whole + np.where(np.abs(x - whole) >= 0.5, np.sign(x), 0)).astype(np.int64)


def _doubling(lines: Array) -> list[Array]:
    """Return the maxima over 1, 2, 4, ... neighbours along axis 0: any range is the larger of two of them."""
    import numpy as np

    levels = [lines]
    while 2 ** len(levels) <= len(lines):
        half = 2 ** (len(levels) - 1)
        levels.append(np.maximum(levels[-1][:-half], levels[-1][half:]))
    return levels


def _range_max(lines: Array, begin: Array, stop: Array) -> Array:
    """Return the largest of ranges of lines: `[H, ...]` and `[K, bins]` to `[K, bins, ...]`; 0 if empty."""
    import numpy as np

    out = np.zeros((*begin.shape, *lines.shape[1:]), dtype=lines.dtype)
    lengths = stop - begin
    for power, level in enumerate(_doubling(lines)):
        here = (lengths >= 2**power) & (lengths < 2 ** (power + 1))
        out[here] = np.maximum(level[begin[here]], level[stop[here] - 2**power])
    return out


def _range_max_rows(lines: Array, begin: Array, stop: Array) -> Array:
    """Do `_range_max` with lines of its own for each box: `[K, W, ...]` to `[K, bins, ...]`."""
    import numpy as np

    out = np.zeros((*begin.shape, *lines.shape[2:]), dtype=lines.dtype)
    lengths = stop - begin
    for power, level in enumerate(_doubling(lines.swapaxes(0, 1))):
        box, column = np.nonzero((lengths >= 2**power) & (lengths < 2 ** (power + 1)))
        first, last = begin[box, column], stop[box, column] - 2**power
        out[box, column] = np.maximum(level[first, box], level[last, box])
    return out


def _parts(index: Array, bytes_per_box: int) -> list[tuple[int, Array]]:
    """Return the boxes of each image, in parts that fit the memory."""
    import numpy as np

    step = max(1, _MOST_BYTES // max(1, bytes_per_box))
    parts = []
    for image in np.unique(index):
        of_image = np.nonzero(index == image)[0]
        parts += [(int(image), of_image[i : i + step]) for i in range(0, len(of_image), step)]
    return parts


def _checked(maps: Array, boxes: Array, index: Array | None) -> tuple[Array, Array, Array]:
    import numpy as np

    maps = maps[None] if maps.ndim == 3 else maps
    if maps.ndim != 4 or maps.dtype not in (np.float32, np.float64) or 0 in maps.shape[2:]:
        raise ValueError(f"maps must be float [N, C, H, W] or [C, H, W], got {maps.dtype} {list(maps.shape)}")
    boxes = np.asarray(boxes, dtype=maps.dtype)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"boxes must be finite [K, 4], got {list(boxes.shape)}")
    if (inverted := (boxes[:, 2:] < boxes[:, :2]).any(axis=1)).any():
        # torchvision's operator fails on some of them, and pools others backwards.
        raise ValueError(f"{inverted.sum()} of {len(boxes)} boxes are inverted, first {inverted.argmax()}")
    if index is None and len(maps) != 1:
        raise ValueError(f"of {len(maps)} images, each box must say which is its own (image_index)")
    index = np.zeros(len(boxes), dtype=np.int64) if index is None else np.asarray(index)
    if index.shape != (len(boxes),) or (len(index) and (index.min() < 0 or index.max() >= len(maps))):
        raise ValueError(f"image_index must be [{len(boxes)}] numbers from 0 to {len(maps) - 1}")
    return maps, boxes, index


def _scales(scale: Scale) -> tuple[float, float]:
    sx, sy = (scale, scale) if isinstance(scale, (int, float)) else scale
    if sx <= 0 or sy <= 0:
        raise ValueError(f"spatial_scale must be > 0, got {scale}")
    return float(sx), float(sy)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    if rows < 1 or columns < 1:
        raise ValueError(f"output_size must be at least 1 x 1, got {rows} x {columns}")
    return rows, columns


def _reduced(out: Array, reduce: Reduce) -> Array:
    if reduce == "none":
        return out
    means: Array = out.mean(axis=(2, 3))
    return means
