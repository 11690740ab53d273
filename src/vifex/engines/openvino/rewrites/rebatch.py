"""The sizes of a graph's nodes at another batch, as far as they exist.

A graph may contain constants that fit only one batch size (a reshape to `[1, 1001]`). Such a node and all
later nodes have no sizes at a batch of two; the nodes before it have.
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
"""Sizes of every output (operation, port) whose size is known."""


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
    """Give a graph's only input this shape, in place.

    Raises:
        RuntimeError: If some node does not fit the resulting sizes.
    """
    ov = import_openvino()
    graph.reshape({graph.inputs[0]: ov.PartialShape(list(shape))})


def shapes_at(graph: Any, shape: Sequence[int]) -> Shapes:
    """Return the sizes of a graph's outputs if its input has this shape.

    Outputs after a node that does not fit the shape are missing.
    """
    blocked: set[Key] = set()
    while True:
        wanted = [k for k, op in keyed(graph).items() if k not in blocked and op.get_type_name() != "Result"]
        shapes = _try(graph, wanted, shape)
        if shapes is not None:
            return shapes
        blocked |= _with_followers(graph, wanted[_first_refusing(graph, wanted, shape)])
        # The input itself does not take the shape.
        if any(op.get_type_name() == "Parameter" for k, op in keyed(graph).items() if k in blocked):
            return {}


def _first_refusing(graph: Any, wanted: list[Key], shape: Sequence[int]) -> int:
    """Find the first operation that does not fit the shape, by bisection."""
    good, bad = 0, len(wanted)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _try(graph, wanted[:middle], shape) is None:
            bad = middle
        else:
            good = middle
    return bad - 1


def _try(graph: Any, wanted: list[Key], shape: Sequence[int]) -> Shapes | None:
    """Return the sizes of these operations, or `None` if one of them does not fit the shape."""
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
