"""Drafts of model cards: what a file says of itself, with guesses marked for a person to check."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

from vifex.models.files import PROGRAMS, SUFFIXES, weights_sha256
from vifex.models.onnx_files import input_shapes
from vifex.values import ModelError

__all__ = ["draft_card"]

Shape = list[int | None]

_DRAFT = """\
# A draft for {file}. Check every line that has CHECK: the file itself does not say it.
name = {name}  # CHECK: a name with a version
height_px = {height}{size_note}
width_px = {width}{size_note}
{frames}layout = "{layout}"{layout_note}
scale = {scale}  # CHECK: pixels 0 to 255 are divided by this, then mean and std are applied
mean = {mean}  # CHECK: per channel, in the network's order
std = {std}  # CHECK
channel_order = "RGB"  # CHECK: or "BGR"
resize = "stretch"  # CHECK: or "shortest" with resize_px, "stretch_crop" with resize_hw_px
interpolation = "bilinear"  # CHECK: nearest, bilinear, bicubic, lanczos or bilinear_2x2
# default_layers = ["name"]  # what is extracted by default; otherwise the last vector
licence = "unknown"  # CHECK
provenance = ""  # CHECK: where the weights come from, what they were trained on
sha256 = "{sha256}"
# [aliases]  # short names for layers
# pooled = "name of a node"
"""


def draft_card(path: str | Path) -> str:
    """Draft the card of a model file, as TOML for a person to check.

    Raises:
        ModelError: If the file is missing, unreadable, or of a kind that is not known.
    """
    graph = Path(path)
    shape = _input_shape(graph)
    layout, sizes = _read_shape(shape)
    known = "H" in sizes and "W" in sizes
    quantised = graph.suffix.lower() == ".tflite"
    frames = f"frames = {sizes.get('T', 16)}  # CHECK\n" if "T" in layout else ""
    return _DRAFT.format(
        file=graph.name,
        name='"' + graph.stem.replace("\\", "\\\\").replace('"', '\\"') + '"',
        height=sizes.get("H", 224),
        width=sizes.get("W", 224),
        size_note="" if known else "  # CHECK: the graph leaves it open",
        frames=frames,
        layout=layout,
        layout_note="" if shape else "  # CHECK",
        scale=1.0 if quantised else 255.0,
        mean=[0.0] * 3 if quantised else [0.485, 0.456, 0.406],
        std=[1.0] * 3 if quantised else [0.229, 0.224, 0.225],
        sha256=weights_sha256(graph),
    )


def _read_shape(shape: Shape) -> tuple[str, dict[str, int]]:
    """Guess the axes of an input from where its three channels stand."""
    choices = {4: ("NCHW", "NHWC"), 5: ("NCTHW", "NTCHW", "NTHWC")}.get(len(shape), ("NCHW",))
    layout = next((c for c in choices if len(c) == len(shape) and shape[c.index("C")] == 3), choices[0])
    sizes = {axis: size for axis, size in zip(layout, shape, strict=False) if size}
    return layout, sizes


def _input_shape(graph: Path) -> Shape:
    suffix = graph.suffix.lower()
    if not graph.is_file():
        raise ModelError("there is no such file.", of=str(graph), todo="Check the path of the model.")
    if suffix == ".onnx":
        shapes = list(input_shapes(graph).values())
        return shapes[0] if shapes else []
    if suffix == ".xml":
        return _ir_shape(graph)
    if suffix == ".tflite":
        return _tflite_shape(graph)
    if suffix in PROGRAMS:
        return []  # a program does not say it before it runs
    raise ModelError(
        "this is no kind of model file that can be opened.",
        of=str(graph),
        todo=f"Known: {', '.join(SUFFIXES)}.",
    )


def _ir_shape(graph: Path) -> Shape:
    try:
        layers = ElementTree.parse(graph).iter("layer")
    except ElementTree.ParseError as exc:
        raise ModelError(
            "the file is no readable OpenVINO IR.", of=str(graph), todo="Convert it anew."
        ) from exc
    for layer in layers:
        data = layer.find("data")
        if layer.get("type") == "Parameter" and data is not None:
            sizes = [s.strip() for s in data.get("shape", "").split(",") if s.strip()]
            return [int(s) if s.isdigit() else None for s in sizes]
    return []


def _tflite_shape(graph: Path) -> Shape:
    """Read the first input's shape from a TensorFlow Lite file (FlatBuffers, `schema.fbs`)."""
    raw = graph.read_bytes()

    def u32(at: int) -> int:
        return int(struct.unpack_from("<I", raw, at)[0])

    def field(table: int, index: int) -> int:
        """Return the place of a table's field, 0 where it is absent."""
        vtable = table - struct.unpack_from("<i", raw, table)[0]
        slot = 4 + 2 * index
        size, offset = struct.unpack_from("<H", raw, vtable)[0], 0
        if slot < size:
            offset = struct.unpack_from("<H", raw, vtable + slot)[0]
        return table + offset if offset else 0

    def follow(at: int) -> int:
        return at + u32(at)

    def item(vector: int, index: int) -> int:
        if index >= u32(vector):
            raise IndexError(index)
        return vector + 4 + 4 * index

    try:
        model = follow(0)
        subgraph = follow(item(follow(field(model, 2)), 0))  # Model.subgraphs = 2
        first = u32(item(follow(field(subgraph, 1)), 0))  # SubGraph.inputs = 1
        tensor = follow(item(follow(field(subgraph, 0)), first))  # SubGraph.tensors = 0
        shape = follow(field(tensor, 0))  # Tensor.shape = 0
        return [u32(item(shape, i)) for i in range(u32(shape))]
    except (struct.error, IndexError) as exc:
        raise ModelError("the file is no readable TensorFlow Lite model.", of=str(graph)) from exc
