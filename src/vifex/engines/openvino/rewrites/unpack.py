"""Splits the linear layer that gives queries, keys and values of attention into three.

Most transformers compute the three together and then separate them: a reshape to `[B, N, 3, H, D]`, a
transposition that moves the 3 to the front, and a split. The engine executes that transposition in memory.
With three layers, each with its columns of the weights, only `[B, N, H, D]` to `[B, H, N, D]` remains, which
the engine fuses into the attention. The sums are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vifex.values.openvino import import_openvino

__all__ = ["unpack"]

_QUANTISED = frozenset({"FakeQuantize", "FakeConvert"})


@dataclass(frozen=True, slots=True)
class _Packed:
    """A linear layer, and how its output is split."""

    product: Any
    """The matrix product that has the packed columns as its last axis."""
    bias: npt.NDArray[Any] | None
    shape: tuple[int, ...]
    """Shape after the reshape."""
    axis: int
    """The axis of that shape that counts the pieces."""
    order: tuple[int, ...]
    """The order of the transposition."""
    pieces: tuple[tuple[int, Any], ...]
    """Number of each piece to its output."""


def unpack(part: Any) -> None:
    """Replace a packed linear layer by one layer for each piece, in place.

    A scalar by which a piece is multiplied is moved into its layer, where it costs nothing. A quantised graph
    is not changed, because its weights are not plain constants.

    Args:
        part: An OpenVINO graph with fixed sizes.
    """
    ops = part.get_ordered_ops()
    if any(op.get_type_name() in _QUANTISED for op in ops):
        return
    found = [packed for op in ops if (packed := _packed(op)) is not None]
    for packed in found:
        for number, output in packed.pieces:
            _replace(packed, number, output)
    if found:
        part.validate_nodes_and_infer_types()


def _packed(op: Any) -> _Packed | None:
    if op.get_type_name() != "Transpose" or not _is_static(op):
        return None
    order = _constant(op.input_value(1))
    reshape = _before(op.input_value(0))
    if order is None or reshape.get_type_name() != "Reshape" or not _is_static(reshape):
        return None
    taken = _linear(reshape.input_value(0))
    shape, before = tuple(reshape.get_output_shape(0)), tuple(reshape.get_input_shape(0))
    axis = len(before) - 1
    if taken is None or len(shape) <= axis or shape[:axis] != before[:axis] or shape[axis] < 2:
        return None
    order = tuple(int(n) for n in order)
    pieces = _pieces(op.output(0), order.index(axis), shape[axis])
    if pieces is None:
        return None
    packed = _Packed(*taken, shape, axis, order, pieces)
    return packed if _gains(packed) else None


def _gains(packed: _Packed) -> bool:
    """Return whether no transposition per piece would remain for the engine to execute."""
    if _order(packed) == sorted(_order(packed)):
        return True
    return all(_is_attended(output) for _, output in packed.pieces)


def _is_attended(output: Any) -> bool:
    """Return whether a value feeds attention, at most through a scalar or a transposition."""
    consumers = [t.get_node() for t in output.get_target_inputs()]
    consumers = [op for op in consumers if op.get_type_name() != "ShapeOf"]
    if len(consumers) != 1:
        return False
    kind = consumers[0].get_type_name()
    if kind in ("Transpose", "Multiply"):
        return _is_attended(consumers[0].output(0))
    return kind in ("MatMul", "ScaledDotProductAttention")


def _before(output: Any) -> Any:
    """Return the source of a value, skipping a squeeze that undoes an unsqueeze."""
    op = output.get_node()
    if op.get_type_name() == "Squeeze":
        inner = op.input_value(0).get_node()
        if inner.get_type_name() == "Unsqueeze" and _shape(inner.input_value(0)) == _shape(output):
            return inner.input_value(0).get_node()
    return op


def _linear(output: Any) -> tuple[Any, npt.NDArray[Any] | None] | None:
    """Return the matrix product and the bias of a linear layer, if this is its only output."""
    op, bias = output.get_node(), None
    if not _is_alone(output):
        return None
    if op.get_type_name() == "Add":
        sides = [op.input_value(0), op.input_value(1)]
        values = [_constant(side) for side in sides]
        side = next((i for i, value in enumerate(values) if value is not None), None)
        if side is None or not _is_alone(sides[1 - side]):
            return None
        bias, op = values[side], sides[1 - side].get_node()
        # One number per column; a constant of that size along another axis is not a bias.
        if not bias.ndim or bias.size != bias.shape[-1] or bias.size != _shape(output)[-1]:
            return None
    if op.get_type_name() != "MatMul" or op.get_attributes()["transpose_a"]:
        return None
    weights = _constant(op.input_value(1))
    if weights is None or weights.ndim != 2 or len(_shape(op.input_value(0))) < 2:
        return None
    return op, None if bias is None else bias.reshape(-1)


def _pieces(output: Any, axis: int, count: int) -> tuple[tuple[int, Any], ...] | None:
    """Return the one-index pieces into which all consumers split a value; none if one splits otherwise."""
    found: list[tuple[int, Any]] = []
    for consumer in output.get_target_inputs():
        cut = _cut(consumer.get_node(), axis, count) if consumer.get_index() == 0 else None
        if cut is None:
            return None
        found.extend(cut)
    return tuple(found) or None


def _cut(op: Any, axis: int, count: int) -> list[tuple[int, Any]] | None:
    kind, rank = op.get_type_name(), len(op.get_input_shape(0))
    if kind == "Gather":
        index, along = _constant(op.input_value(1)), _constant(op.input_value(2))
        if index is None or along is None or index.ndim or int(along) % rank != axis:
            return None
        return [(int(index) % count, op.output(0))]
    if kind == "Slice":
        start = _slice_start(op, axis, rank)
        return None if start is None else _dropped(op.output(0), start % count, axis)
    if kind in ("Split", "VariadicSplit"):
        along = _constant(op.input_value(1))
        if along is None or int(along) % rank != axis or op.get_output_size() != count:
            return None
        cuts = [_dropped(output, i, axis) for i, output in enumerate(op.outputs())]
        return None if None in cuts else [piece for cut in cuts for piece in cut or ()]
    return None


def _dropped(output: Any, number: int, axis: int) -> list[tuple[int, Any]] | None:
    """Return what all consumers make of a piece by dropping its axis of one; none if one keeps it."""
    shape = _shape(output)
    bare = shape[:axis] + shape[axis + 1 :]
    consumers = [consumer.get_node() for consumer in output.get_target_inputs()]
    if any(op.get_type_name() != "Squeeze" or _shape(op.output(0)) != bare for op in consumers):
        return None
    return [(number, op.output(0)) for op in consumers]


def _slice_start(op: Any, axis: int, rank: int) -> int | None:
    """Return the start of a slice of length one; `None` for other slices."""
    start, step = _constant(op.input_value(1)), _constant(op.input_value(3))
    along = _constant(op.input_value(4)) if op.get_input_size() > 4 else None
    if start is None or step is None or along is None or start.size != 1 or step.size != 1:
        return None
    if int(along.item()) % rank != axis or op.get_output_shape(0)[axis] != 1:
        return None
    first, count = int(start.item()), op.get_input_shape(0)[axis]
    return first if -count <= first < count else None


def _replace(packed: _Packed, number: int, output: Any) -> None:
    """Replace a piece by a layer's value, and move the scalar that multiplies it before the arranging."""
    layer = _layer(packed, number)
    shaped = _arranged(packed, layer)
    # The scalar may be computed from the size of the piece; then the value without it gives the size.
    for consumer in output.get_target_inputs():
        if consumer.get_node().get_type_name() == "ShapeOf":
            consumer.replace_source_output(shaped)
    product, side = _scaled(output)
    if product is not None:
        scaled = import_openvino().opset13.multiply(layer, product.input_value(1 - side))
        shaped = _arranged(packed, scaled.output(0))
        product.output(0).replace(product.input_value(side))
    output.replace(shaped)


def _scaled(output: Any) -> tuple[Any, int]:
    """Find the product of a value, maybe transposed, with a scalar, and the side on which the value is."""
    consumers = output.get_target_inputs()
    if len(consumers) != 1:
        return None, 0
    (consumer,) = consumers
    op = consumer.get_node()
    if op.get_type_name() == "Transpose":
        return _scaled(op.output(0))
    if op.get_type_name() != "Multiply":
        return None, 0
    scalar = op.input_value(1 - consumer.get_index()).get_partial_shape()
    if scalar.is_dynamic or len(scalar) > 1 or scalar not in ([], [1]):
        return None, 0
    return op, consumer.get_index()


def _layer(packed: _Packed, number: int) -> Any:
    """Return the output of a linear layer with one piece's columns."""
    op = import_openvino().opset13
    attributes = packed.product.get_attributes()
    transposed = attributes["transpose_b"]
    source = packed.product.input_value(1).get_node()
    weights = _constant(source.output(0))
    columns = weights.shape[0 if transposed else 1] // packed.shape[packed.axis]
    mine = slice(number * columns, (number + 1) * columns)
    values = op.constant(np.ascontiguousarray(weights[mine] if transposed else weights[:, mine]))
    layer = op.matmul(packed.product.input_value(0), values, False, transposed)
    layer.set_friendly_name(f"{packed.product.get_friendly_name()}/{number}")
    return layer.output(0) if packed.bias is None else op.add(layer, op.constant(packed.bias[mine])).output(0)


def _arranged(packed: _Packed, layer: Any) -> Any:
    """Reshape and transpose a piece as the packed value was, without the axis of the pieces."""
    op = import_openvino().opset13
    # 0 keeps the size of the batch axis.
    target = [0] * packed.axis + list(packed.shape[packed.axis + 1 :])
    value = op.reshape(layer, op.constant(np.array(target, np.int64)), special_zero=True)
    return op.transpose(value, op.constant(np.array(_order(packed), np.int64))).output(0)


def _order(packed: _Packed) -> list[int]:
    """Return the order of the axes without that of the pieces."""
    return [n - (n > packed.axis) for n in packed.order if n != packed.axis]


def _constant(output: Any) -> Any:
    op = output.get_node()
    return op.get_data() if op.get_type_name() == "Constant" else None


def _is_alone(output: Any) -> bool:
    return len(output.get_target_inputs()) == 1


def _is_static(op: Any) -> bool:
    return all(output.get_partial_shape().is_static for output in [*op.outputs(), op.input_value(0)])


def _shape(output: Any) -> tuple[int, ...]:
    return tuple(output.get_shape())
