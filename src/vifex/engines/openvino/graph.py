"""A network's graph: which nodes are layers, and their names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from vifex.engines.names import Named
from vifex.engines.openvino.facts import Fact, gather
from vifex.engines.openvino.rewrites.rebatch import Key, keyed
from vifex.values import Layer, LayerKind, Model, ModelCard, ModelError

__all__ = ["Graph", "Place", "read_graph"]

_DULL: Final = frozenset({
    "Assign", "Broadcast", "Constant", "Convert", "ConvertLike", "FakeConvert", "FakeQuantize",
    "Parameter", "ReadValue", "Result", "Select", "ShapeOf", "Tile", "Transpose",
})  # fmt: skip
"""Operations whose output repeats another's, or is not a feature."""

_LAYERS: Final = ["vifex", "taps"]
"""Key under which a converted file lists its layers: JSON with name, kind, shape and output number."""

_REAL: Final = frozenset({"f16", "bf16", "f32", "f64"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is read: an output of the graph, and how to bring it into the promised order."""

    layer: Layer
    key: Key
    port: int
    names: frozenset[str]
    """Every persistent name of it in the graph."""
    order: tuple[int, ...] | None
    """Transposition to the layer's axes (batch first); `None` if none is needed."""
    batching: str
    """`sure`: every node up to here has one slice of its first axis per input. `likely`: this node has, but
    an earlier one moves the batch elsewhere. `no`: the node does not work with more than one input."""


@dataclass(frozen=True, slots=True)
class Graph:
    """What is known of a model's graph."""

    model: Any
    """`openvino.Model` as it was read; never changed, clone it."""
    places: tuple[Place, ...]
    """In graph order."""

    def find(self, name: str) -> Place | None:
        """Find a place by its layer's name or another name in the graph."""
        by_layer = next((p for p in self.places if p.layer.name == name), None)
        return by_layer or next((p for p in self.places if name in p.names), None)

    @property
    def named(self) -> Named:
        """The layers and all their names in the graph; the first layer with a name keeps it."""
        others = {name: p.layer.name for p in reversed(self.places) for name in p.names}
        return Named([p.layer for p in self.places], others)


def read_graph(core: Any, model: Model) -> Graph:
    """Read a model's file and find its places.

    Raises:
        ModelError: If the graph cannot be read, or does not fit its card.
    """
    try:
        graph = core.read_model(model.file)
    except RuntimeError as exc:
        why = str(exc).strip().splitlines()[-1]
        raise ModelError(
            f"the graph cannot be read: {why}.", of=str(model.graph), todo="Export it again."
        ) from exc
    inputs = [p.get_friendly_name() for p in graph.get_parameters()]
    if len(inputs) != 1:
        raise ModelError(
            f"the network takes {len(inputs)} inputs ({', '.join(inputs)}), not one image.",
            of=str(model.graph),
            todo="Export only the part of it that takes pixels.",
        )
    facts = gather(graph, model)
    if graph.has_rt_info(_LAYERS):
        return Graph(graph, tuple(_converted_places(graph, facts)))
    return Graph(graph, tuple(_places(facts, model)))


def _converted_places(graph: Any, facts: list[Fact]) -> Iterator[Place]:
    """Yield the places of a converted network, which are the outputs listed in its file."""
    places = {(fact.key, fact.port): fact for fact in facts}
    keys = {op.get_name(): key for key, op in keyed(graph).items()}
    layers = json.loads(graph.get_rt_info(_LAYERS).astype(str))
    for layer in layers:
        source = graph.outputs[layer["output"]].get_node().input_value(0)
        fact = places.get((keys[source.get_node().get_name()], source.get_index()))
        shape = tuple(layer["shape"])
        if fact is None or fact.shape != (1, *shape):
            raise ModelError(
                f"the converted network's layer {layer['name']!r} has another shape than it says."
            )
        found = Layer(layer["name"], layer["kind"], shape)
        yield Place(found, fact.key, fact.port, frozenset(), None, fact.batching)


def _places(facts: list[Fact], model: Model) -> Iterator[Place]:
    suffix = model.file.suffix.lower()
    taken: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for fact in facts:
        if not _worth(fact) or (suffix == ".onnx" and not fact.names):
            continue  # an output without a name is a part of one node of the ONNX file
        form = _kind_and_order(fact, model.card)
        if form is None:
            continue
        kind, sizes, order = form
        names = fact.names if suffix == ".tflite" else fact.names | {_friendly(fact)}
        name = _name(fact, suffix, counted)
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name}#{taken[name]}"
        yield Place(Layer(name, kind, sizes), fact.key, fact.port, names, order, fact.batching)


def _worth(fact: Fact) -> bool:
    """Return whether a node's output is a feature: real numbers, one slice per input, no mere step."""
    if fact.element not in _REAL or len(fact.shape) < 2 or fact.shape[0] != 1:
        return False
    return fact.is_output or (fact.kind not in _DULL and not fact.bias_follows)


def _kind_and_order(
    fact: Fact, card: ModelCard
) -> tuple[LayerKind, tuple[int, ...], tuple[int, ...] | None] | None:
    """Return the kind of a node's output, its sizes, and the transposition to the canonical axes."""
    rank, layout = len(fact.shape), fact.layout
    if rank == 2:
        return "vector", fact.shape[1:], None
    if rank == 3:
        return _ordered("tokens", fact.shape, layout or "NLC", "NLC")
    if rank not in (4, 5):
        return None
    kind: LayerKind = "map" if rank == 4 else "volume"
    canonical = "NCHW" if rank == 4 else "NCDHW"
    if layout is not None:
        return _ordered(kind, fact.shape, layout, canonical)
    if rank == 4 and fact.kind == "Softmax" and fact.shape[-1] == fact.shape[-2]:
        return "attention", fact.shape[1:], None
    if fact.is_output:
        # The graph does not say it, so outputs are taken to have the axes of the input.
        last = card.layout.endswith("C")
        return _ordered(kind, fact.shape, canonical.replace("C", "") + "C" if last else canonical, canonical)
    return None


def _ordered(
    kind: LayerKind, shape: tuple[int, ...], layout: str, canonical: str
) -> tuple[LayerKind, tuple[int, ...], tuple[int, ...] | None] | None:
    if sorted(layout) != sorted(canonical) or layout[0] != "N":
        return None
    order = tuple(layout.index(axis) for axis in canonical)
    sizes = tuple(shape[i] for i in order)[1:]
    return kind, sizes, None if order == tuple(range(len(order))) else order


def _friendly(fact: Fact) -> str:
    return fact.key.name if fact.ports == 1 else f"{fact.key.name}:{fact.port}"


def _name(fact: Fact, suffix: str, counted: Counter[str]) -> str:
    """Choose a layer's name.

    An IR's nodes have names. An ONNX graph names the outputs of its nodes. For a quantised TensorFlow Lite
    graph OpenVINO keeps few names, and generated names change from one reading to the next, so a node is
    named after its operation and its position among those.
    """
    if suffix not in (".onnx", ".tflite"):
        return _friendly(fact)
    if suffix == ".tflite":
        layer = fact.layer
        nth = counted[layer]
        counted[layer] += 1
        if not fact.names:
            return f"{layer}.{nth}"
    return min(fact.names, key=lambda n: (len(n), n))
