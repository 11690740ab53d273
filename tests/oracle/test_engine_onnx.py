"""The engine against ONNX's own reference evaluator, fed with pixels that numpy normalised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vifex.engines import load_engine
from vifex.models import load_model

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

CARDS = {
    "imagenet": ("", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 255.0, "RGB"),
    "raw": ("", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 1.0, "RGB"),
    "caffe": ("", (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), 1.0, "BGR"),
    "symmetric": ("", (0.5, 0.5, 0.5), (0.5, 0.25, 0.5), 255.0, "BGR"),
}


def _network(path: Path) -> onnx.ModelProto:
    """A residual network with batch norm, depthwise convolution, squeeze and excite, and layer norm."""
    rng = np.random.default_rng(7)
    node = helper.make_node
    arrays = {
        "w1": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "b1": rng.normal(0, 0.3, 8),
        "scale": rng.uniform(0.5, 2, 8),
        "shift": rng.normal(0, 1, 8),
        "mean": rng.normal(0, 0.1, 8),
        "var": rng.uniform(0.5, 2, 8),
        "w2": rng.normal(0, 0.3, (8, 1, 3, 3)),
        "w3": rng.normal(0, 0.3, (8, 8, 1, 1)),
        "g": rng.uniform(0.5, 2, 8),
        "h": rng.normal(0, 1, 8),
        "w4": rng.normal(0, 0.3, (8, 5)),
        "b4": rng.normal(0, 0.3, 5),
    }
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["conv1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["conv1", "scale", "shift", "mean", "var"], ["bn1"]),
        node("Relu", ["bn1"], ["relu1"]),
        node("Conv", ["relu1", "w2"], ["depthwise"], pads=[1, 1, 1, 1], group=8),
        node("GlobalAveragePool", ["depthwise"], ["squeeze"]),
        node("Conv", ["squeeze", "w3"], ["excite"]),
        node("Sigmoid", ["excite"], ["gate"]),
        node("Mul", ["depthwise", "gate"], ["gated"]),
        node("Add", ["gated", "relu1"], ["block"]),
        node("MaxPool", ["block"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", ["pool"], ["gap"]),
        node("Flatten", ["gap"], ["flat"]),
        node("LayerNormalization", ["flat", "g", "h"], ["norm"]),
        node("Gemm", ["norm", "w4", "b4"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return model


@pytest.mark.parametrize("card", sorted(CARDS))
def test_every_layer_meets_the_reference(tmp_path: Path, card: str) -> None:
    path = tmp_path / "net.onnx"
    reference = _network(path)
    _, mean, std, scale, order = CARDS[card]
    path.with_suffix(".vifex.toml").write_text(
        f'name = "net"\nheight_px = 16\nwidth_px = 12\nscale = {scale}\nmean = {list(mean)}\n'
        f'std = {list(std)}\nchannel_order = "{order}"\n'
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 12, 3), dtype=np.uint8)
    seen = pixels if order == "RGB" else pixels[..., ::-1]
    normalised = ((seen / scale - np.array(mean)) / np.array(std)).transpose(0, 3, 1, 2).astype(np.float32)

    engine, model = load_engine(), load_model(path)
    layers = engine.layers(model)
    # A batch norm is one layer, however the engine writes it; its convolution is read without it.
    assert [t.name for t in layers if t.name in {"conv1", "bn1", "block", "y"}] == [
        "conv1",
        "bn1",
        "block",
        "y",
    ]
    reference.graph.output.extend(
        helper.make_empty_tensor_value_info(t.name) for t in layers if t.name != "y"
    )
    answers = ReferenceEvaluator(reference).run(None, {"x": normalised})
    names = [o.name for o in reference.graph.output]
    with engine.compile(model, layers, precision="fp32", batch=3) as network:
        got = network.submit(pixels).result()
    for name, answer in zip(names, answers, strict=True):
        size = np.abs(answer).max()
        np.testing.assert_allclose(got[name], answer, rtol=1e-4, atol=1e-5 * size, err_msg=name)
