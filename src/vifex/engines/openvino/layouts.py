"""Layouts: which axis of a node's output is which, followed through the graph.

OpenVINO's convolutions and poolings are channels-first for every file format, so the meaning of each axis is
known there. Operations that keep axes pass it on: elementwise operations, transposes, and reductions that
keep their axes. A reshape loses it, with two exceptions: a reshape that changes no size, and one that
flattens the cells of a map.

Letters: `N` batch, `C` channels, `D` time, `H` and `W` space, `L` cells in a row.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["follow", "of_card"]

_CHANNELS_FIRST: Final = frozenset({
    "AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "BatchNormInference", "BatchToSpace",
    "BinaryConvolution", "Convolution", "ConvolutionBackpropData", "DeformableConvolution",
    "DepthToSpace", "GroupConvolution", "GroupConvolutionBackpropData", "GroupNormalization", "LRN",
    "MaxPool", "PSROIPooling", "ROIAlign", "ROIPooling", "SpaceToBatch", "SpaceToDepth",
})  # fmt: skip
"""Operations that OpenVINO defines only on channels-first data."""

_BY_RANK: Final = {3: "NCL", 4: "NCHW", 5: "NCDHW"}
_FORGET: Final = frozenset({"Gather", "GatherElements", "GatherND", "MatMul", "Tile", "Broadcast"})
"""Operations whose output has other axes than the input, unless only the last axis changed."""


def of_card(layout: str) -> str:
    """Return a card's layout in this module's letters: `NCTHW` -> `NCDHW`."""
    return layout.replace("T", "D")


def follow(op: Any, inputs: list[tuple[str | None, tuple[int, ...]]], shape: tuple[int, ...]) -> str | None:
    """Return the layout of an operation's output.

    Args:
        op: The operation.
        inputs: Layout and shape of each of its inputs that depends on the pixels.
        shape: Shape of its output, batch included.

    Returns:
        One letter per axis, or `None` if the axes are not known.
    """
    kind = op.get_type_name()
    rank = len(shape)
    if kind in _CHANNELS_FIRST:
        return _BY_RANK.get(rank)
    layout, before = inputs[0]
    if kind == "Transpose":
        return _transposed(op, layout)
    if kind in ("Reshape", "Squeeze", "Unsqueeze"):
        return _reshaped(layout, before, shape)
    if kind in _FORGET:
        # A linear layer on channels-last data keeps every axis but the last.
        return layout if layout and layout[-1] == "C" and before[:-1] == shape[:-1] else None
    return next((known for known, size in inputs if known and len(size) == rank), None)


def _transposed(op: Any, layout: str | None) -> str | None:
    source = op.input_value(1).get_node()
    if layout is None or source.get_type_name() != "Constant":
        return None
    order = [int(i) for i in source.get_data().ravel()] or list(range(len(layout)))[::-1]
    return "".join(layout[i] for i in order)


def _reshaped(layout: str | None, before: tuple[int, ...], after: tuple[int, ...]) -> str | None:
    if layout is None or before == after:
        return layout
    merged = (*before[:2], _product(before[2:]))
    if layout == "NCHW" and after == merged:
        return "NCL"
    if layout == "NHWC" and after == (before[0], before[1] * before[2], before[3]):
        return "NLC"
    return None


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
