"""Layouts: which axis of a node's output is which, followed through the graph.

OpenVINO's convolutions and poolings are channels-first whatever file a graph came from, so an axis'
meaning is known at each of them and carried along by what keeps axes: elementwise operations,
transposes, reductions that keep their axes. A reshape forgets it, but for two that are plain: one that
changes no size, and one that lays the cells of a map in a row.

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
"""Operations that OpenVINO defines on channels-first data alone."""

_BY_RANK: Final = {3: "NCL", 4: "NCHW", 5: "NCDHW"}
_FORGET: Final = frozenset({"Gather", "GatherElements", "GatherND", "MatMul", "Tile", "Broadcast"})
"""Operations whose output has its axes for reasons of its own, unless only the last axis changed."""


def of_card(layout: str) -> str:
    """Return a card's layout in this module's letters: `NCTHW` -> `NCDHW`."""
    return layout.replace("T", "D")


def follow(op: Any, inputs: list[tuple[str | None, tuple[int, ...]]], shape: tuple[int, ...]) -> str | None:
    """Return the layout of an operation's output.

    Args:
        op: The operation.
        inputs: Layout and shape of each of its inputs that depends on the pixels.
        shape: Of its output, batch included.

    Returns:
        One letter per axis, or `None` where the axes are not known.
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
