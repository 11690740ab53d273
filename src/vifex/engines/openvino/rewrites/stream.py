"""The residual stream of a quantised transformer, kept in bf16.

OpenVINO computes in f32 everything between an output and the convolutions and matrix products before it.
Every addition of a residual stream reaches the output only through additions, so the whole stream is f32, and
each block converts it to bf16 and back. A product with the identity at the point where the output reads the
stream prevents this: it rounds each number to bf16, and the additions before it no longer belong to the
output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vifex.values.openvino import import_openvino

__all__ = ["narrow_stream"]

_ENDS = frozenset({"MatMul", "Convolution", "GroupConvolution", "Constant", "Parameter"})


def narrow_stream(graph: Any) -> None:
    """Make the residual stream of a transformer bf16 if the engine computes in bf16, in place.

    In fp32 the numbers do not change.

    Args:
        graph: An OpenVINO graph, its streams `[B, N, C]` or `[B, H, W, C]`.
    """
    op = import_openvino().opset13
    rounded: dict[Any, Any] = {}
    for consumer in _readers(graph):
        source = consumer.get_source_output()
        if source not in rounded:
            width = source.get_partial_shape()[-1].get_length()
            identity = op.constant(np.eye(width, dtype=np.float32))
            rounded[source] = op.matmul(source, identity, False, False).output(0)
        consumer.replace_source_output(rounded[source])
    if rounded:
        graph.validate_nodes_and_infer_types()


def _readers(graph: Any) -> list[Any]:
    """Find the inputs at which the outputs of a graph read a residual stream."""
    found: list[Any] = []
    seen: set[Any] = set()
    waiting = [node.input(0) for node in graph.get_results()]
    while waiting:
        consumer = waiting.pop()
        source = consumer.get_source_output()
        if _is_stream(source):
            found.append(consumer)
        elif source.get_node().get_type_name() not in _ENDS and source not in seen:
            seen.add(source)
            waiting.extend(source.get_node().inputs())
    return found


def _is_stream(output: Any) -> bool:
    """Return whether a value is a sum of two computed ones, with its channels last."""
    node, shape = output.get_node(), output.get_partial_shape()
    if node.get_type_name() != "Add" or output.get_element_type() != import_openvino().Type.f32:
        return False
    if shape.rank.is_dynamic or len(shape) < 3 or shape[-1].is_dynamic:
        return False
    return all(
        value.get_node().get_type_name() not in ("Constant", "Convert") for value in node.input_values()
    )
