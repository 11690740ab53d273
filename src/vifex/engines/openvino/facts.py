"""Facts about each output of a graph: size, axes, and whether inputs stay apart in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from vifex.engines.openvino.layouts import follow, of_card
from vifex.engines.openvino.rewrites.rebatch import Key, Shapes, keyed, reshape, shapes_at
from vifex.values import Model, ModelError
from vifex.values.models import CHANNELS, wrong_channels

__all__ = ["Fact", "gather"]

_LINEAR: Final = frozenset({
    "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul",
})  # fmt: skip
"""Operations that form one layer with a bias after them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known about one output that depends on the pixels."""

    key: Key
    port: int
    ports: int
    """How many outputs its operation has."""
    kind: str
    """Type of the operation, e.g. `Relu`."""
    layer: str
    """The same, or the type of the operation whose bias this adds."""
    names: frozenset[str]
    """Names of the tensor in the file."""
    shape: tuple[int, ...]
    """Shape for one input, batch axis included."""
    element: str
    """Type of a number, e.g. `f32`."""
    layout: str | None
    """A letter per axis (see `layouts`), `None` where the axes are not known."""
    batching: str
    """`sure`, `likely` or `no`, see `Place`."""
    is_output: bool
    """Whether it is an output of the whole network."""
    bias_follows: bool
    """Whether its only consumer adds a bias."""


class _Trace(NamedTuple):
    """What an output passes on to its consumers."""

    layout: str | None
    shape: tuple[int, ...]
    sure: bool


def gather(graph: Any, model: Model) -> list[Fact]:
    """Return the facts of every output that depends on the pixels and has a fixed size, in graph order.

    Raises:
        ModelError: If the graph cannot take the input that its card describes.
    """
    one, two = _alone(graph, model), shapes_at(graph, list(model.card.input_shape(2)))
    traces: dict[tuple[str, int], _Trace] = {}
    facts: list[Fact] = []
    for key, op in keyed(graph).items():
        kind = op.get_type_name()
        taken = [
            traces[place]
            for value in op.input_values()
            if (place := (value.get_node().get_name(), value.get_index())) in traces
        ]
        if kind in ("ShapeOf", "Result") or not (taken or kind == "Parameter"):
            continue  # sizes are not features, and constants do not depend on the pixels
        for port in range(op.get_output_size()):
            shape = one.get((key, port))
            if shape is None:
                continue
            kept = bool(shape) and shape[0] == 1 and two.get((key, port)) == (2, *shape[1:])
            sure = kept and all(t.sure for t in taken)
            inputs = [(t.layout, t.shape) for t in taken]
            layout = follow(op, inputs, shape) if taken else of_card(model.card.layout)
            traces[op.get_name(), port] = _Trace(layout, shape, sure)
            batching = "sure" if sure else "likely" if kept else "no"
            facts.append(_fact(key, op, port, shape, layout, batching))
    return facts


def _fact(key: Key, op: Any, port: int, shape: tuple[int, ...], layout: str | None, batching: str) -> Fact:
    output = op.output(port)
    consumers = [t.get_node() for t in output.get_target_inputs()]
    return Fact(
        key=key,
        port=port,
        ports=op.get_output_size(),
        kind=op.get_type_name(),
        layer=_layer(op),
        names=frozenset(output.get_names()),
        shape=shape,
        element=output.get_element_type().get_type_name(),
        layout=layout,
        batching=batching,
        is_output=any(t.get_type_name() == "Result" for t in consumers),
        bias_follows=op.get_type_name() in _LINEAR and len(consumers) == 1 and _adds_constant(consumers[0]),
    )


def _layer(op: Any) -> str:
    """Return the type of the layer that an operation ends: the linear operation whose bias it adds."""
    if _adds_constant(op):
        for value in op.input_values():
            node = value.get_node()
            if node.get_type_name() in _LINEAR and len(value.get_target_inputs()) == 1:
                return str(node.get_type_name())
    return str(op.get_type_name())


def _adds_constant(op: Any) -> bool:
    return op.get_type_name() == "Add" and any(_is_constant(v.get_node()) for v in op.input_values())


def _is_constant(node: Any) -> bool:
    """Return whether a node is a weight: a constant, or one unpacked from fewer bits."""
    while node.get_type_name() in ("Convert", "Multiply", "Subtract", "Reshape", "Transpose"):
        if not all(v.get_node().get_type_name() == "Constant" for v in node.input_values()[1:]):
            return False
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "Constant")


def _alone(graph: Any, model: Model) -> Shapes:
    """Return the sizes for one input, or raise the error that says why the graph does not take it."""
    channels = _channels(graph.inputs[0].get_partial_shape(), model.card.layout)
    if channels is not None and channels != CHANNELS:
        raise wrong_channels(channels, of=str(model.graph))
    clone = graph.clone()
    shape = list(model.card.input_shape(1))
    try:
        reshape(clone, shape)
    except RuntimeError as exc:
        own = graph.inputs[0].get_partial_shape()
        raise ModelError(
            f"the network's input is {own} and does not take the card's {shape} ({model.card.layout}).",
            of=str(model.graph),
            todo="Correct height_px, width_px, frames or layout in its card.",
        ) from exc
    return {
        (key, port): tuple(op.get_output_shape(port))
        for key, op in keyed(clone).items()
        for port in range(op.get_output_size())
        if op.get_output_partial_shape(port).is_static
    }


def _channels(shape: Any, layout: str) -> int | None:
    """Return the channels of a graph's declared input; `None` if they are dynamic."""
    at = layout.find("C")
    if at < 0 or shape.rank.is_dynamic or len(shape) != len(layout) or shape[at].is_dynamic:
        return None
    return int(shape[at].get_length())
