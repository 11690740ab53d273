"""Quantised graphs as files: named by their hash, found again by their layers, never mixed up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vifex.engines.int8.int8 import graph_sha256, has_nncf, quantise, with_graph
from vifex.engines.int8.quantising import is_transformer, network_input
from vifex.engines.openvino.build import cut, with_pixels
from vifex.engines.openvino.graph import read_graph
from vifex.engines.precision import is_int8, resolve
from vifex.values import EngineError, MissingExtraError, ModelCard
from vifex.values.openvino import import_openvino

ov = import_openvino()


def as_ir(model: Any, folder: Path, *, times: float = 1.0) -> Path:
    """Save what stands for a quantised graph: the network with its output multiplied."""
    folder.mkdir()
    graph = read_graph(ov.Core(), model)
    part = cut(graph, [graph.find("y")], model.card, 1)
    value = part.get_results()[0].input_value(0)
    scaled = ov.opset13.multiply(value, np.float32(times))
    part = ov.Model([ov.opset13.result(scaled)], part.get_parameters(), "part")
    part.set_rt_info(
        json.dumps([{"name": "y", "kind": "vector", "shape": [5], "output": 0}]), ["vifex", "taps"]
    )
    ov.save_model(part, folder / "int8.xml", compress_to_fp16=False)
    return folder / "int8.xml"


def test_int8_says_what_the_rest_is_computed_in() -> None:
    assert resolve("int8", bf16=True, int8=True) == "int8+bf16"
    assert resolve("int8", bf16=False, int8=True) == "int8+fp32"
    for precision in ("int8+bf16", "int8+fp32"):
        assert resolve(precision, bf16=True, int8=True) == precision
        assert is_int8(precision)
    assert not is_int8("bf16")
    with pytest.raises(EngineError, match="another engine runs this one"):
        resolve("int8", bf16=True)
    with pytest.raises(EngineError, match="does not compute in bf16"):
        resolve("int8+bf16", bf16=False, int8=True)


def test_int8_is_never_another_precision_in_silence(engine: Any, convnet: Any) -> None:
    with pytest.raises(EngineError, match="this network has none"):
        engine.compile(convnet, engine.resolve_layers(convnet, []), precision="int8")


def test_a_graph_is_named_by_both_its_files(convnet: Any, tmp_path: Path) -> None:
    graph = as_ir(convnet, tmp_path / "a")
    whole = graph.read_bytes() + graph.with_suffix(".bin").read_bytes()
    sha256 = graph_sha256(graph)
    assert sha256 == hashlib.sha256(whole).hexdigest()
    assert with_graph(convnet, graph, sha256).int8_sha256 == sha256
    for suffix in (".xml", ".bin"):
        file = graph.with_suffix(suffix)
        kept = file.read_bytes()
        file.write_bytes(kept[:-1] + b"?")
        with pytest.raises(EngineError, match=r"int8\.xml: the quantised graph is damaged"):
            with_graph(convnet, graph, sha256)
        file.write_bytes(kept)
    graph.with_suffix(".bin").unlink()
    with pytest.raises(EngineError, match="graph is missing"):
        with_graph(convnet, graph, sha256)


def test_graphs_of_one_name_and_network_are_never_mixed_up(
    engine: Any, convnet: Any, pixels: Any, tmp_path: Path
) -> None:
    """Both views of a store call their graph the same, and both compiled ones lie in one cache."""
    x = pixels(3, 8, 8, 3)

    def run(model: Any, precision: str) -> np.ndarray:
        layers = engine.resolve_layers(model, ["y"])
        with engine.compile(model, layers, precision=precision, batch=3) as network:
            given: np.ndarray = network.submit(x).result()["y"]
        return given

    plain = run(convnet, "fp32")
    for times in (2.0, -3.0):
        graph = as_ir(convnet, tmp_path / str(times), times=times)
        quantised = with_graph(convnet, graph, graph_sha256(graph))
        for _ in range(2):  # compiled, then from the cache
            np.testing.assert_allclose(run(quantised, "int8+fp32"), times * plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(run(convnet, "fp32"), plain)


def test_attention_is_seen_in_the_graph(convnet: Any, transformer: Any) -> None:
    core = ov.Core()
    assert not is_transformer(core.read_model(convnet.file))
    assert is_transformer(core.read_model(transformer.file))


def test_a_softmax_that_ends_a_classifier_is_no_attention() -> None:
    x = ov.opset13.parameter([1, 4], ov.Type.f32)
    part = ov.Model([ov.opset13.result(ov.opset13.softmax(x, axis=1))], [x], "head")
    assert not is_transformer(part)


@pytest.mark.parametrize(
    ("layout", "frames", "order"),
    [("NCHW", None, "RGB"), ("NHWC", None, "BGR"), ("NCTHW", 3, "BGR"), ("NTCHW", 3, "RGB")],
)
def test_ranges_are_learned_from_what_the_network_sees(
    pixels: Any, layout: str, frames: int | None, order: Any
) -> None:
    """The oracle is OpenVINO's own preprocessing, before a network that gives back its input."""
    card = ModelCard(
        "card",
        6,
        5,
        frames=frames,
        layout=layout,
        channel_order=order,
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.3, 0.4),
    )
    sizes = {"N": 1, "C": 3, "T": frames, "H": 6, "W": 5}
    x = ov.opset13.parameter([sizes[a] for a in layout], ov.Type.f32)
    part = ov.Model([ov.opset13.result(ov.opset13.add(x, np.float32(0)))], [x], "identity")
    compiled = ov.Core().compile_model(with_pixels(part, card), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    sample = pixels(*((frames,) if frames else ()), 6, 5, 3)
    seen = compiled(sample[None])[0]
    np.testing.assert_allclose(network_input(sample, card), seen, rtol=0, atol=2e-6)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_the_first_quantiser_is_given_unrounded_pixels(pixels: Any, layout: str) -> None:
    """Normalised pixels of one row of an image pass nothing on their way that would be computed in bf16."""
    card = ModelCard("card", 6, 5, layout=layout, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    op = ov.opset13
    x = op.parameter([1, 3, 6, 5] if layout == "NCHW" else [1, 6, 5, 3], ov.Type.f32)
    limits = [np.full((1, 1, 1, 1), v, np.float32) for v in (-2.5, 2.4, -2.5, 2.4)]
    part = ov.Model([op.result(op.fake_quantize(x, *limits, 250))], [x], "quantised")
    oracle = ov.Core().compile_model(part.clone(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    built = with_pixels(part, card)
    (quantiser,) = [o for o in built.get_ordered_ops() if o.get_type_name() == "FakeQuantize"]
    assert quantiser.input_value(0).get_node().get_type_name() == "Divide"
    compiled = ov.Core().compile_model(built, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    sample = pixels(6, 5, 3)
    np.testing.assert_allclose(compiled(sample[None])[0], oracle(network_input(sample, card))[0], atol=1e-6)


def test_a_quantiser_with_a_range_for_each_channel_stays_where_it_is(pixels: Any) -> None:
    card = ModelCard("card", 6, 5, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    op = ov.opset13
    x = op.parameter([1, 3, 6, 5], ov.Type.f32)
    high = np.array([1.5, 2.0, 2.5], np.float32).reshape(1, 3, 1, 1)
    part = ov.Model([op.result(op.fake_quantize(x, -high, high, -high, high, 256))], [x], "quantised")
    oracle = ov.Core().compile_model(part.clone(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    compiled = ov.Core().compile_model(with_pixels(part, card), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    sample = pixels(6, 5, 3)
    np.testing.assert_allclose(compiled(sample[None])[0], oracle(network_input(sample, card))[0], atol=1e-6)


@pytest.mark.skipif(has_nncf(), reason="nncf is installed")
def test_without_nncf_the_extra_is_named(convnet: Any, engine: Any, pixels: Any, tmp_path: Path) -> None:
    with pytest.raises(
        MissingExtraError,
        match=r"int8 needs nncf\. Install it in a checkout of Vifex: pip install '\.\[int8\]'",
    ):
        quantise(convnet, engine.resolve_layers(convnet, []), pixels(2, 8, 8, 3), tmp_path)
