"""A network of sound as an ONNX file: the levels of some frequencies, by their waves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["HERTZ", "write_network"]

HERTZ = (250.0, 500.0, 1000.0, 2000.0)


def write_network(folder: Path, *, window_s: float = 1.0, rate_hz: int = 16_000) -> Path:
    """Write `levels.onnx` and its card: `[N, S]` to the power of four sines, output `levels`, `[N, 4]`."""
    n = round(window_s * rate_hz)
    angles = 2 * np.pi * np.arange(n)[:, None] / rate_hz * np.array(HERTZ)
    waves = (np.concatenate([np.cos(angles), np.sin(angles)], 1) * 2 / n).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "waves"], ["parts"]),
        helper.make_node("Mul", ["parts", "parts"], ["squares"]),
        helper.make_node("Split", ["squares"], ["real", "imaginary"], axis=1, num_outputs=2),
        helper.make_node("Add", ["real", "imaginary"], ["levels"]),
    ]
    graph = helper.make_graph(
        nodes,
        "levels",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", n])],
        [helper.make_tensor_value_info("levels", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(waves, "waves")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / "levels.onnx"
    onnx.save(model, path)
    path.with_suffix(".vifex.toml").write_text(
        f'name = "levels-1"\nlicence = "MIT"\ndefault_layers = ["levels"]\n'
        f"[audio]\nsample_rate_hz = {rate_hz}\nwindow_s = {window_s}\nmax_window_s = {window_s}\n"
    )
    return path
