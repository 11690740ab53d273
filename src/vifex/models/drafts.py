"""Drafts of model cards: what a model's file states, and guesses marked `CHECK` for a person to check."""

from __future__ import annotations

from pathlib import Path

from vifex.models.files import PROGRAMS, SUFFIXES, weights_sha256
from vifex.models.onnx_files import input_shapes
from vifex.values import ModelError
from vifex.values.models import CHANNELS, wrong_channels
from vifex.values.openvino import import_openvino

__all__ = ["draft_card"]

Shape = list[int | None]

_DRAFT = """\
# A draft for {file}. Check every line with CHECK: the file itself does not state it.
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
        ModelError: If the file is missing, invalid or of an unknown kind, or if its input does not have three
            channels.
    """
    graph = Path(path)
    shape = _input_shape(graph)
    layout, sizes = _read_shape(shape)
    if sizes.get("C", CHANNELS) != CHANNELS:
        raise wrong_channels(sizes["C"], of=str(graph))
    known = "H" in sizes and "W" in sizes
    quantised = graph.suffix.lower() == ".tflite"
    frames = f"frames = {sizes.get('T', 16)}  # CHECK\n" if "T" in layout else ""
    return _DRAFT.format(
        file=graph.name,
        name='"' + graph.stem.replace("\\", "\\\\").replace('"', '\\"') + '"',
        height=sizes.get("H", 224),
        width=sizes.get("W", 224),
        size_note="" if known else "  # CHECK: dynamic in the graph",
        frames=frames,
        layout=layout,
        layout_note="" if shape else "  # CHECK",
        scale=1.0 if quantised else 255.0,
        mean=[0.0] * 3 if quantised else [0.485, 0.456, 0.406],
        std=[1.0] * 3 if quantised else [0.229, 0.224, 0.225],
        sha256=weights_sha256(graph),
    )


def _read_shape(shape: Shape) -> tuple[str, dict[str, int]]:
    """Guess the layout of an input: channels are the axis of size 3, else the shortest that may be theirs."""
    choices = {4: ("NCHW", "NHWC"), 5: ("NCTHW", "NTCHW", "NTHWC")}.get(len(shape), ())
    with_three = [c for c in choices if shape[c.index("C")] == CHANNELS]
    layout = min(with_three or choices or ("NCHW",), key=lambda c: _size_of_channels(shape, c))
    sizes = {axis: size for axis, size in zip(layout, shape, strict=False) if size}
    return layout, sizes


def _size_of_channels(shape: Shape, layout: str) -> int:
    return (shape[layout.index("C")] or 0) if len(shape) == len(layout) else 0


def _input_shape(graph: Path) -> Shape:
    suffix = graph.suffix.lower()
    if not graph.is_file():
        raise ModelError("there is no such file.", of=str(graph), todo="Check the path of the model.")
    if suffix == ".onnx":
        shapes = list(input_shapes(graph).values())
        return shapes[0] if shapes else []
    if suffix in (".xml", ".tflite"):
        return _shape_by_openvino(graph)
    if suffix in PROGRAMS:
        return []  # the shape of a program's input is known only when it runs
    raise ModelError(
        "files of this kind cannot be opened as a model.",
        of=str(graph),
        todo=f"Known: {', '.join(SUFFIXES)}.",
    )


def _shape_by_openvino(graph: Path) -> Shape:
    """Return the declared shape of a graph's first input, as OpenVINO reads it."""
    try:
        inputs = import_openvino().Core().read_model(graph).inputs
    except RuntimeError as exc:
        kind = "TensorFlow Lite model" if graph.suffix.lower() == ".tflite" else "OpenVINO IR"
        raise ModelError(f"the file is not a valid {kind}.", of=str(graph), todo="Convert it again.") from exc
    if not inputs or inputs[0].get_partial_shape().rank.is_dynamic:
        return []
    return [None if size.is_dynamic else int(size.get_length()) for size in inputs[0].get_partial_shape()]
