"""What an ONNX file says without the `onnx` package: its external weights and its input's shape.

An ONNX file is one Protocol Buffers message. Only the fields needed here are read: of a message every
field starts with a varint `number << 3 | wire type`; wire type 0 is a varint, 1 and 5 are 8 and 4
bytes, 2 is a length and so many bytes. Where a field that may stand once stands several times, parsers
take the last number or text, and merge messages; so does this.

Source: onnx/onnx, `onnx/onnx.proto`; protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vifex.values import ModelError

__all__ = ["external_files", "input_shapes"]

Bytes = memoryview


def external_files(graph: Path) -> list[Path]:
    """Return the files that hold an ONNX model's weights outside of it, sorted, each once.

    Raises:
        ModelError: If the file is no ONNX, or names weights outside its own folder.
    """
    with _told(graph):
        found = {place for body in _graphs(graph) for place in _locations(body)}
        found |= {place for body in _functions(graph) for place in _of_nodes(_all(body, 7))}
    root = graph.parent.resolve()
    for location in sorted(found):
        if not (root / location).resolve().is_relative_to(root):
            raise ModelError(
                f"its weights lie outside its own folder: {location}.",
                of=str(graph),
                todo="Export the model with its weights beside it.",
            )
    return [graph.parent / location for location in sorted(found)]


def input_shapes(graph: Path) -> dict[str, list[int | None]]:
    """Return the declared shape of each input that is no initializer; `None` is an open size.

    Raises:
        ModelError: If the file is no ONNX.
    """
    with _told(graph):
        return dict(shape for body in _graphs(graph) for shape in _inputs(body))


def _inputs(graph: Bytes) -> Iterator[tuple[str, list[int | None]]]:
    # GraphProto: initializer = 5 (TensorProto, name = 8), input = 11 (ValueInfoProto, name = 1).
    weights = {_text(t, 8) for t in _all(graph, 5)}
    for value in _all(graph, 11):
        name = _text(value, 1)
        if name not in weights:
            # ValueInfoProto.type = 2, TypeProto.tensor_type = 1, Tensor.shape = 2, TensorShapeProto.dim = 1.
            dims = [d for t in _all(value, 2) for x in _all(t, 1) for s in _all(x, 2) for d in _all(s, 1)]
            yield name, [_size(d) for d in dims]


def _size(dim: Bytes) -> int | None:
    # Dimension.dim_value = 1; an open size has a name, dim_param = 2, instead. Of the two the last counts.
    last = None
    for number, value in _fields(dim):
        if number in (1, 2):
            last = value if number == 1 and isinstance(value, int) else None
    return last


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of what does not read as ONNX that it is none."""
    try:
        yield
    except (ValueError, IndexError, RecursionError) as exc:
        raise ModelError("the file is no readable ONNX model.", of=str(path), todo="Export it anew.") from exc


def _graphs(path: Path) -> list[Bytes]:
    """Return the graphs of a model file, in place: ModelProto.graph = 7."""
    try:
        graphs = list(_all(_whole(path), 7))
    except OSError as exc:
        raise ModelError(f"the file cannot be read: {exc.strerror}.", of=str(path)) from exc
    if not graphs:
        raise ValueError("no graph")
    return graphs


def _functions(path: Path) -> list[Bytes]:
    """Return the functions of a model file, in place: ModelProto.functions = 25."""
    return list(_all(_whole(path), 25))


def _whole(path: Path) -> Bytes:
    with path.open("rb") as file:
        # The mapping closes itself once nobody looks into it any more.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _locations(graph: Bytes) -> Iterator[str]:
    """Yield where a graph's tensors lie outside, those of its nodes' attributes and subgraphs too."""
    # GraphProto: node = 1, initializer = 5, sparse_initializer = 15.
    for tensor in _all(graph, 5):
        yield from _tensor_locations(tensor)
    for tensor in _all(graph, 15):
        yield from _sparse_locations(tensor)
    yield from _of_nodes(_all(graph, 1))


def _of_nodes(nodes: Iterator[Bytes]) -> Iterator[str]:
    # NodeProto.attribute = 5, AttributeProto: t = 5, g = 6, tensors = 10, graphs = 11, sparse_tensor = 22,
    # sparse_tensors = 23.
    for node in nodes:
        for attribute in _all(node, 5):
            for number, value in _fields(attribute):
                if isinstance(value, memoryview) and number in (5, 10):
                    yield from _tensor_locations(value)
                elif isinstance(value, memoryview) and number in (6, 11):
                    yield from _locations(value)
                elif isinstance(value, memoryview) and number in (22, 23):
                    yield from _sparse_locations(value)


def _sparse_locations(tensor: Bytes) -> Iterator[str]:
    # SparseTensorProto: values = 1, indices = 2.
    for number in (1, 2):
        for part in _all(tensor, number):
            yield from _tensor_locations(part)


def _tensor_locations(tensor: Bytes) -> Iterator[str]:
    # TensorProto.external_data = 13: entries of key = 1 and value = 2.
    for entry in _all(tensor, 13):
        if _text(entry, 1) == "location":
            yield _text(entry, 2)


def _text(message: Bytes, number: int) -> str:
    """The last text of a field, as every parser takes it."""
    last = b""
    for value in _all(message, number):
        last = bytes(value)
    return last.decode()


def _all(message: Bytes, number: int) -> Iterator[Bytes]:
    return (v for n, v in _fields(message) if n == number and isinstance(v, memoryview))


def _fields(message: Bytes) -> Iterator[tuple[int, int | Bytes]]:
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > end:
            raise ValueError("a field reaches beyond its message")
        yield number, message[at : at + size]
        at += size


def _varint(message: Bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than ten bytes")
