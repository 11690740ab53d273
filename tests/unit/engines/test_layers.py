"""Which nodes are layers, what they are called, and what their axes are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from vifex.extraction.planning.view_plan import plan_view
from vifex.models import load_model
from vifex.values import ModelError, Sampling

node = helper.make_node


def shown(engine: Any, model: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.kind, t.shape) for t in engine.layers(model)}


def run(engine: Any, model: Any, names: list[str], pixels: np.ndarray) -> dict[str, np.ndarray]:
    layers = engine.resolve_layers(model, names)
    with engine.compile(model, layers, precision="fp32", batch=len(pixels)) as network:
        result: dict[str, np.ndarray] = network.submit(pixels).result()
    return result


def test_a_convnet_gives_its_layers_in_order_and_nothing_else(engine: Any, convnet: Any) -> None:
    assert list(shown(engine, convnet).items()) == [
        ("conv1", ("map", (4, 8, 8))),
        ("relu1", ("map", (4, 8, 8))),
        ("conv2", ("map", (6, 4, 4))),
        ("gap", ("map", (6, 1, 1))),
        ("flat", ("vector", (6,))),
        ("y", ("vector", (5,))),
    ]


def test_a_transformer_gives_tokens_and_attention(engine: Any, transformer: Any) -> None:
    layers = shown(engine, transformer)
    assert layers["patch_map"] == ("map", (8, 2, 2))
    assert layers["cells"] == ("tokens", (4, 8)), "a map's cells in a row are read as one vector per cell"
    assert layers["tokens"] == ("tokens", (5, 8))
    assert layers["attention"] == ("attention", (2, 5, 5))
    assert layers["y"] == ("tokens", (5, 8))
    assert not {"heads", "keys", "split", "mixed", "shape", "n", "cls_n"} & set(layers)


def test_cells_are_read_as_tokens_in_the_promised_order(engine: Any, transformer: Any, pixels: Any) -> None:
    got = run(engine, transformer, ["patch_map", "cells", "tokens"], pixels(2, 8, 8, 3))
    expected = got["patch_map"].reshape(2, 8, 4).swapaxes(1, 2)
    np.testing.assert_array_equal(got["cells"], expected)
    np.testing.assert_array_equal(got["tokens"][:, 1:], expected)


def test_a_layer_is_found_by_node_name_and_alias_too(engine: Any, convnet: Any, save: Any) -> None:
    assert engine.resolve_layers(convnet, ["node_relu1", "conv2", "relu1"]) == [
        t for t in engine.layers(convnet) if t.name in ("relu1", "conv2")
    ]
    model = save(
        [node("Relu", ["x"], ["inner/deep"]), node("GlobalMaxPool", ["inner/deep"], ["y"])],
        {},
        input_shape=[1, 3, 8, 8],
        outputs={"y": [1, 3, 1, 1]},
        card='default_layers = ["deep"]\n[aliases]\ndeep = "inner/deep"',
        name="aliased",
    )
    assert [t.name for t in engine.resolve_layers(model, [])] == ["inner/deep"]


def test_without_a_default_the_last_vector_is_taken(engine: Any, convnet: Any) -> None:
    assert [t.name for t in engine.resolve_layers(convnet, [])] == ["y"]


def test_an_unknown_layer_offers_near_ones(engine: Any, convnet: Any) -> None:
    with pytest.raises(
        ModelError, match=r"no layer 'relu2'.*Did you mean relu1.*vifex layers net lists all 6"
    ):
        engine.resolve_layers(convnet, ["relu2"])


def test_channels_last_graphs_give_maps_channels_first(engine: Any, save: Any, pixels: Any) -> None:
    model = save(
        [
            node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2]),
            node("Conv", ["first", "w"], ["conv"]),
            node("Transpose", ["conv"], ["last"], perm=[0, 2, 3, 1]),
            node("Relu", ["last"], ["relu"]),
            node("MatMul", ["relu", "m"], ["y"]),
        ],
        {"w": np.ones((2, 3, 3, 1), np.float32), "m": np.eye(2, 7, dtype=np.float32)},
        input_shape=["n", 8, 8, 3],
        outputs={"y": ["n", 6, 8, 7]},
        card='layout = "NHWC"',
    )
    assert shown(engine, model) == {
        "conv": ("map", (2, 6, 8)),
        "relu": ("map", (2, 6, 8)),
        "y": ("map", (7, 6, 8)),
    }
    got = run(engine, model, ["conv", "relu", "y"], pixels(2, 8, 8, 3))
    np.testing.assert_array_equal(got["relu"], got["conv"])
    np.testing.assert_array_equal(got["y"][:, :2], got["conv"])


@pytest.mark.parametrize(
    ("layout", "order"), [("NCTHW", (0, 4, 1, 2, 3)), ("NTCHW", (0, 1, 4, 2, 3)), ("NTHWC", None)]
)
def test_windows_give_volumes(engine: Any, save: Any, pixels: Any, layout: str, order: Any) -> None:
    sizes = {"N": "n", "C": 3, "T": 4, "H": 8, "W": 8}
    model = save(
        [node("Relu", ["x"], ["y"])],
        {},
        input_shape=[sizes[a] for a in layout],
        outputs={"y": [sizes[a] for a in layout]},
        card=f'layout = "{layout}"\nframes = 4',
    )
    assert shown(engine, model) == {"y": ("volume", (3, 4, 8, 8))}
    frames = pixels(2, 4, 8, 8, 3)
    got = run(engine, model, ["y"], frames)["y"]
    np.testing.assert_allclose(got, frames.transpose(0, 4, 1, 2, 3) / np.float32(255), rtol=1e-6)


def test_a_card_says_how_windows_lie_where_the_user_does_not(save: Any) -> None:
    model = save(
        [node("Relu", ["x"], ["y"])],
        {},
        input_shape=["n", 3, 4, 8, 8],
        outputs={"y": ["n", 3, 4, 8, 8]},
        card='layout = "NCTHW"\nframes = 4\nframe_step = 1\nshared_frames = 1',
    )

    def hop(sampling: Sampling | None = None) -> tuple[int | None, int | None]:
        planned = plan_view("main", model, layers=["y"], sampling=sampling).recipe.sampling
        assert planned is not None
        return planned.frame_step, planned.hop

    def clips(**said: Any) -> Sampling:
        return Sampling("clip", None, clip_length=4, **said)

    assert hop() == (1, 3)
    assert hop(clips(frame_step=2)) == (2, 6)
    assert hop(clips(frame_step=1, hop=2)) == (1, 2)
    assert hop(clips(frame_step=1, centre=True)) == (1, None)


def test_names_are_unique_and_last(engine: Any) -> None:
    model = load_model("default")
    names = [t.name for t in engine.layers(model)]
    assert len(set(names)) == len(names)
    assert {"stem", "stages.0", "stages.1", "stages.2", "stages.3", "pooled", "embedding"} <= set(names)
    assert not [n for n in names if "nobias" in n or "weight" in n or "bias" in n]
    assert names == [t.name for t in type(engine)().layers(model)]


def test_a_card_that_does_not_fit_the_graph_is_told(engine: Any, save: Any) -> None:
    model = save(
        [node("Reshape", ["x", "s"], ["f"]), node("MatMul", ["f", "w"], ["y"])],
        {"s": np.array([-1, 192]), "w": np.ones((192, 2), np.float32)},
        input_shape=["n", 3, 8, 8],
        outputs={"y": ["n", 2]},
        size=9,
    )
    with pytest.raises(ModelError, match=r"does not take the card's \[1, 3, 9, 9\].*Correct height_px"):
        engine.layers(model)


def test_a_network_of_two_inputs_is_told(engine: Any, tmp_path: Any) -> None:
    import onnx
    from onnx import TensorProto

    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "aby"]
    graph = helper.make_graph([node("Add", ["a", "b"], ["y"])], "g", infos[:2], infos[2:])
    path = tmp_path / "two.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    path.with_suffix(".vifex.toml").write_text('name = "two"\nheight_px = 8\nwidth_px = 8\n')
    with pytest.raises(ModelError, match=r"takes 2 inputs \(a, b\)"):
        engine.layers(load_model(path))


def test_a_broken_graph_is_told(engine: Any, tmp_path: Any) -> None:
    (tmp_path / "bad.xml").write_text("<net")
    (tmp_path / "bad.bin").write_bytes(b"")
    (tmp_path / "bad.vifex.toml").write_text('name = "bad"\nheight_px = 8\nwidth_px = 8\n')
    with pytest.raises(ModelError, match="the graph cannot be read"):
        engine.layers(load_model(tmp_path / "bad.xml"))
