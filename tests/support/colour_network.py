"""A network whose scores are the mean red, green and blue of an image: its class is plain to see."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

__all__ = ["write_colour_network"]

_CARD = 'name = "colours"\nheight_px = 16\nwidth_px = 16\nlayout = "NCHW"\nlicence = "Apache-2.0"\n'


def write_colour_network(folder: Path, name: str = "colours") -> Path:
    """Write an ONNX file and its card: `[N, 3, 16, 16]` to `logits`, `[N, 3]`."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"], axis=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "colours", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    path.with_suffix(".vifex.toml").write_text(_CARD)
    return path
