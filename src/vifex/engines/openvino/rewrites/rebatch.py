"""What becomes of a graph at another batch: the sizes of its nodes, as far as they can be had.

A graph may hold constants that are right for one batch alone (a reshape to `[1, 1001]`). Such a node
and all that follows it have no sizes at a batch of two; what lies before it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vifex.values.openvino import import_openvino

__all__ = ["Key", "keyed", "reshape", "shapes_at", "submodel"]


class Key(NamedTuple):
    """Names an operation in a graph and in every clone of it."""

    name: str
    """Friendly name: clones carry it along."""
    nth: int
    """Counts the operations that share that name, in order."""


Shapes = dict[tuple[Key, int], tuple[int, ...]]
"""Of every output (operation, port) whose size is known."""


def keyed(graph: Any) -> dict[Key, Any]:
    """Return a graph's operations in order, each under its key."""
    seen: dict[str, int] = {}
    found: dict[Key, Any] = {}
    for op in graph.get_ordered_ops():
        name = op.get_friendly_name()
        seen[name] = nth = seen.get(name, -1) + 1
        found[Key(name, nth)] = op
    return found


def submodel(graph: Any, outputs: Sequence[Any]) -> Any:
    """Make a model of the part of a graph that these outputs need; it shares the graph's nodes."""
    ov = import_openvino()
    results = [ov.opset13.result(output) for output in outputs]
    return ov.Model(results, graph.get_parameters(), graph.get_friendly_name())


def reshape(graph: Any, shape: Sequence[int]) -> None:
    """Return a graph's only input this shape, in place.

    Raises:
        RuntimeError: If some node cannot take what follows from it.
    """
    ov = import_openvino()
    graph.reshape({graph.inputs[0]: ov.PartialShape(list(shape))})


def shapes_at(graph: Any, shape: Sequence[int]) -> Shapes:
    """Return the sizes that a graph's outputs have when its input has this shape.

    What lies behind a node that refuses the shape is left out.
    """
    blocked: set[Key] = set()
    while True:
        wanted = [k for k, op in keyed(graph).items() if k not in blocked and op.get_type_name() != "Result"]
        shapes = _try(graph, wanted, shape)
        if shapes is not None:
            return shapes
        blocked |= _with_followers(graph, wanted[_first_refusing(graph, wanted, shape)])
        # The input itself refuses: nothing can be had.
        if any(op.get_type_name() == "Parameter" for k, op in keyed(graph).items() if k in blocked):
            return {}


def _first_refusing(graph: Any, wanted: list[Key], shape: Sequence[int]) -> int:
    """Find the first operation without which all before it take the shape, by halving."""
    good, bad = 0, len(wanted)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _try(graph, wanted[:middle], shape) is None:
            bad = middle
        else:
            good = middle
    return bad - 1


def _try(graph: Any, wanted: list[Key], shape: Sequence[int]) -> Shapes | None:
    """Return the sizes of these operations, or `None` where one of them refuses the shape."""
    clone = graph.clone()
    ops = keyed(clone)
    chosen = {ops[k].get_name() for k in wanted}
    ends = [
        output
        for k in wanted
        if ops[k].get_type_name() not in ("Constant", "Parameter")
        for output in ops[k].outputs()
        if not any(t.get_node().get_name() in chosen for t in output.get_target_inputs())
    ]
    if not ends:
        return {}
    try:
        part = submodel(clone, ends)
        reshape(part, shape)
    except RuntimeError:
        return None
    return {
        (key, port): tuple(op.get_output_shape(port))
        for key, op in keyed(part).items()
        for port in range(op.get_output_size())
        if op.get_output_partial_shape(port).is_static
    }


def _with_followers(graph: Any, first: Key) -> set[Key]:
    """Return an operation and all that depend on it."""
    ops = keyed(graph)
    names = {ops[first].get_name()}
    found = {first}
    for key, op in ops.items():
        if any(v.get_node().get_name() in names for v in op.input_values()):
            names.add(op.get_name())
            found.add(key)
    return found
