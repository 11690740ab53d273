"""Small networks as ONNX files, each with its card, for what an engine must meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import vifex.engines.openvino.engine as engine_module
from vifex.models import load_model
from vifex.values import Model

Save = Callable[..., Model]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> engine_module.OpenVinoEngine:
    """A fresh engine with a cache of its own."""
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    return engine_module.OpenVinoEngine()


@pytest.fixture
def save(tmp_path: Path) -> Iterator[Save]:
    """Write a graph as an ONNX file with a card beside it and load it as a model."""

    def write(
        nodes: Sequence[Any],
        weights: dict[str, np.ndarray],
        *,
        input_shape: Sequence[int | str],
        outputs: dict[str, Sequence[int | str]],
        card: str = "",
        name: str = "net",
        size: int = 8,
    ) -> Model:
        graph = helper.make_graph(
            list(nodes),
            name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(input_shape))],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, list(s)) for o, s in outputs.items()],
            [numpy_helper.from_array(w, n) for n, w in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        path.with_suffix(".vifex.toml").write_text(
            f'name = "{name}"\nheight_px = {size}\nwidth_px = {size}\n{card}\n'
        )
        return load_model(path)

    return write


@pytest.fixture
def pixels() -> Callable[..., np.ndarray]:
    """Random uint8 pixels of a shape, the same at every call."""

    def make(*shape: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    return make


def weights(*shape: int, seed: int = 1) -> np.ndarray:
    """Random float32 weights."""
    return np.random.default_rng(seed).normal(0, 0.2, shape).astype(np.float32)


@pytest.fixture
def convnet(save: Save) -> Model:
    """Conv with bias, ReLU, conv without, global average, flatten, linear; any batch."""
    node = helper.make_node
    return save(
        [
            node("Conv", ["x", "w1", "b1"], ["conv1"], name="node_conv1", pads=[1, 1, 1, 1]),
            node("Relu", ["conv1"], ["relu1"], name="node_relu1"),
            node("Conv", ["relu1", "w2"], ["conv2"], name="node_conv2", strides=[2, 2]),
            node("GlobalAveragePool", ["conv2"], ["gap"], name="node_gap"),
            node("Flatten", ["gap"], ["flat"], name="node_flat"),
            node("Gemm", ["flat", "w3", "b3"], ["y"], name="node_gemm", transB=1),
        ],
        {
            "w1": weights(4, 3, 3, 3),
            "b1": weights(4),
            "w2": weights(6, 4, 2, 2),
            "w3": weights(5, 6),
            "b3": weights(5),
        },
        input_shape=["n", 3, 8, 8],
        outputs={"y": ["n", 5]},
    )


@pytest.fixture
def transformer(save: Save) -> Model:
    """Patches of 4 x 4 pixels, a class token, one attention with two heads."""
    node = helper.make_node
    return save(
        [
            node("Conv", ["x", "w"], ["patch_map"], strides=[4, 4]),
            node("Reshape", ["patch_map", "to_cells"], ["cells"]),
            node("Transpose", ["cells"], ["patches"], perm=[0, 2, 1]),
            node("Shape", ["x"], ["shape"]),
            node("Gather", ["shape", "zero"], ["n"]),
            node("Concat", ["n", "one_eight"], ["cls_shape"], axis=0),
            node("Expand", ["cls", "cls_shape"], ["cls_n"]),
            node("Concat", ["cls_n", "patches"], ["tokens"], axis=1),
            node("Reshape", ["tokens", "to_heads"], ["split"]),
            node("Transpose", ["split"], ["heads"], perm=[0, 2, 1, 3]),
            node("Transpose", ["heads"], ["keys"], perm=[0, 1, 3, 2]),
            node("MatMul", ["heads", "keys"], ["scores"]),
            node("Softmax", ["scores"], ["attention"], axis=-1),
            node("MatMul", ["attention", "heads"], ["mixed"]),
            node("Transpose", ["mixed"], ["joined"], perm=[0, 2, 1, 3]),
            node("Reshape", ["joined", "to_tokens"], ["block"]),
            node("Add", ["block", "tokens"], ["y"]),
        ],
        {
            "w": weights(8, 3, 4, 4),
            "cls": weights(1, 1, 8),
            "to_cells": np.array([0, 8, -1]),
            "to_heads": np.array([0, 5, 2, 4]),
            "to_tokens": np.array([0, 5, 8]),
            "zero": np.array([0]),
            "one_eight": np.array([1, 8]),
        },
        input_shape=["n", 3, 8, 8],
        outputs={"y": ["n", 5, 8]},
        name="vit",
    )
