"""What an ONNX file says without the `onnx` package: its external weights and its input's shape.

An ONNX file is one Protocol Buffers message, and only the fields needed here are read, from a memory map.
Every field starts with a varint `number << 3 | wire type`. Wire type 0 is a varint, 1 and 5 are 8 and 4
bytes, 2 is a length and that many bytes. If a field that should occur once occurs several times, the last
number or text counts and messages are merged, as in every parser.

OpenVINO reads ONNX as well, but it does not list external files, and it loads all weights into memory to
give the input's shape (docs/adr/0106-input-shapes-from-openvino.md).

Source: onnx/onnx, `onnx/onnx.proto`; protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vifex.values import ModelError

__all__ = ["external_files", "input_shapes"]

Bytes = memoryview

_LONGEST_NAME: Final = 255
"""Bytes in the name of a file or folder, on every usual file system."""


def external_files(graph: Path) -> list[Path]:
    """Return the files that hold weights of an ONNX model outside of it, sorted, each once.

    Raises:
        ModelError: If the file is not a valid ONNX model, or names weights outside its own folder.
    """
    with _readable(graph):
        found = {place for body in _graphs(graph) for place in _locations(body)}
        found |= {place for body in _functions(graph) for place in _of_nodes(_all(body, 7))}
        outside = [place for place in sorted(found) if not _is_inside(graph.parent, place)]
    if outside:
        raise ModelError(
            f"its weights are outside its own folder: {outside[0]}.",
            of=str(graph),
            todo="Export the model with its weights beside it.",
        )
    return [graph.parent / location for location in sorted(found)]


def input_shapes(graph: Path) -> dict[str, list[int | None]]:
    """Return the declared shape of each input that is not an initializer; `None` is a dynamic size.

    Raises:
        ModelError: If the file is not a valid ONNX model.
    """
    with _readable(graph):
        return dict(shape for body in _graphs(graph) for shape in _inputs(body))


def _is_inside(folder: Path, location: str) -> bool:
    """Whether a relative path stays in its folder; links are followed.

    Raises:
        ValueError: If no file can have that name.
    """
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(location).parts):
        raise ValueError("a file's name is too long")
    root = folder.resolve()
    return (root / location).resolve().is_relative_to(root)


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
    # Dimension.dim_value = 1; a dynamic size has a name, dim_param = 2, instead. The last of the two counts.
    last = None
    for number, value in _fields(dim):
        if number in (1, 2):
            last = value if number == 1 and isinstance(value, int) else None
    return last


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Parse in this block: whatever is malformed ends in a `ModelError`."""
    try:
        yield
    except (ValueError, IndexError, RecursionError) as exc:
        raise ModelError(
            "the file is not a valid ONNX model.", of=str(path), todo="Export it again."
        ) from exc


def _graphs(path: Path) -> list[Bytes]:
    """Return the graphs of a model file as views of the file: ModelProto.graph = 7."""
    try:
        graphs = list(_all(_whole(path), 7))
    except OSError as exc:
        raise ModelError(f"the file cannot be read: {exc.strerror}.", of=str(path)) from exc
    if not graphs:
        raise ValueError("no graph")
    return graphs


def _functions(path: Path) -> list[Bytes]:
    """Return the functions of a model file as views of the file: ModelProto.functions = 25."""
    return list(_all(_whole(path), 25))


def _whole(path: Path) -> Bytes:
    with path.open("rb") as file:
        # The map is closed when the last view of it is gone.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _locations(graph: Bytes) -> Iterator[str]:
    """Yield the locations of a graph's external tensors, those in attributes and subgraphs included."""
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
    """Return the last text of a field."""
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
