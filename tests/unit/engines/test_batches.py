"""A feature depends on its own pixels alone, whatever the graph makes of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

node = helper.make_node


def compiled(engine: Any, model: Any, names: list[str], batch: int) -> Any:
    return engine.compile(model, engine.resolve_layers(model, names), precision="fp32", batch=batch)


def assert_alone_equals_in_batch(engine: Any, model: Any, names: list[str], x: np.ndarray) -> int:
    """Compare a batch with each of its inputs alone, bit for bit; give the inputs per request."""
    with compiled(engine, model, names, len(x)) as many, compiled(engine, model, names, 1) as one:
        together = many.submit(x).result()
        for i in range(len(x)):
            alone = one.submit(np.ascontiguousarray(x[i : i + 1])).result()
            for name in names:
                np.testing.assert_array_equal(together[name][i], alone[name][0])
        return int(many._step)


def test_any_batch_gives_the_same_numbers(engine: Any, convnet: Any, pixels: Any) -> None:
    assert assert_alone_equals_in_batch(engine, convnet, ["relu1", "y"], pixels(5, 8, 8, 3)) == 5


def test_a_constant_batch_of_one_is_met(engine: Any, save: Any, pixels: Any) -> None:
    """Behind the reshape each input runs alone; before it they share a batch, the reshape being cut off."""
    model = save(
        [
            node("Conv", ["x", "w"], ["conv"]),
            node("GlobalAveragePool", ["conv"], ["gap"]),
            node("Reshape", ["gap", "s"], ["flat"]),
            node("Softmax", ["flat"], ["y"], axis=1),
        ],
        {"w": np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32), "s": np.array([1, 6])},
        input_shape=[1, 3, 8, 8],
        outputs={"y": [1, 6]},
    )
    x = pixels(4, 8, 8, 3)
    assert assert_alone_equals_in_batch(engine, model, ["gap"], x) == 4
    assert assert_alone_equals_in_batch(engine, model, ["gap", "y"], x) == 1


def test_a_reshape_that_swallows_the_batch_is_met(engine: Any, save: Any, pixels: Any) -> None:
    """A reshape to [1, -1] takes a batch of two without a word and mixes it."""
    model = save(
        [node("Reshape", ["x", "s"], ["flat"]), node("Softmax", ["flat"], ["y"], axis=1)],
        {"s": np.array([1, -1])},
        input_shape=[1, 3, 8, 8],
        outputs={"y": [1, 192]},
    )
    assert assert_alone_equals_in_batch(engine, model, ["flat", "y"], pixels(3, 8, 8, 3)) == 1


def test_batch_statistics_are_found_out(engine: Any, save: Any, pixels: Any) -> None:
    """A network that was exported while training normalises over the batch: its inputs run alone."""
    model = save(
        [
            node("ReduceMean", ["x"], ["mean"], axes=[0, 2, 3], keepdims=1),
            node("Sub", ["x", "mean"], ["centred"]),
            node("GlobalMaxPool", ["centred"], ["top"]),
            node("Flatten", ["top"], ["y"]),
        ],
        {},
        input_shape=["n", 3, 8, 8],
        outputs={"y": ["n", 3]},
    )
    assert assert_alone_equals_in_batch(engine, model, ["y"], pixels(3, 8, 8, 3)) == 1


def test_a_batch_that_moves_and_comes_back_stays_a_batch(engine: Any, save: Any, pixels: Any) -> None:
    """Sequence-first transformers carry the batch on the second axis for a while: tried, and let be."""
    model = save(
        [
            node("Reshape", ["x", "s"], ["rows"]),
            node("Transpose", ["rows"], ["moved"], perm=[1, 0, 2]),
            node("MatMul", ["moved", "w"], ["linear"]),
            node("Transpose", ["linear"], ["back"], perm=[1, 0, 2]),
            node("ReduceMean", ["back"], ["y"], axes=[1], keepdims=0),
        ],
        {"s": np.array([0, 3, 64]), "w": np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)},
        input_shape=["n", 3, 8, 8],
        outputs={"y": ["n", 4]},
    )
    assert "linear" not in [t.name for t in engine.layers(model) if t.shape[0] != 1]
    assert assert_alone_equals_in_batch(engine, model, ["y"], pixels(4, 8, 8, 3)) == 4


@pytest.mark.parametrize("batch", [3, 8])
def test_position_and_neighbours_change_no_bit(engine: Any, pixels: Any, batch: int) -> None:
    from vifex.models import load_model

    model = load_model()
    with compiled(engine, model, ["embedding", "stages.1"], batch) as network:
        x = pixels(batch, 160, 160, 3)
        first = network.submit(x).result()
        rolled = network.submit(np.roll(x, 1, axis=0)).result()
        lonely = np.zeros_like(x)
        lonely[-1] = x[0]
        padded = network.submit(lonely).result()
        for name in ("embedding", "stages.1"):
            np.testing.assert_array_equal(np.roll(first[name], 1, axis=0), rolled[name])
            np.testing.assert_array_equal(first[name][0], padded[name][-1])


def test_the_batch_is_chosen_by_the_size_of_the_network(engine: Any, convnet: Any) -> None:
    from vifex.engines.plan import choose_batch, choose_plan

    assert [choose_batch(macs) for macs in (0, 200_000_000, 4_100_000_000, 40_000_000_000)] == [32, 32, 8, 1]
    assert [choose_batch(200_000_000, side * side) for side in (96, 224, 384)] == [32, 4, 1]
    assert [choose_batch(4_100_000_000, 224 * 224, number_bytes=n) for n in (2, 4)] == [8, 4]
    assert [choose_batch(220_000_000, 224 * 224, number_bytes=n) for n in (2, 4)] == [4, 2]
    assert [choose_plan(c).streams for c in (1, 2, 8, 32)] == [1, 2, 8, 16]
    with engine.compile(convnet, engine.layers(convnet), precision="fp32") as network:
        assert network.batch == 32
        assert network.input_shape == (32, 8, 8, 3)
        assert network.layers == tuple(engine.layers(convnet))


def test_multiplications_are_counted(engine: Any, convnet: Any) -> None:
    """By hand: 4 x 8 x 8 outputs of 27, 6 x 4 x 4 of 16, 5 of 6."""
    from vifex.engines.openvino.build import cut
    from vifex.engines.plan import count_macs

    graph = engine._graph(convnet)
    part = cut(graph, [graph.find("y")], convnet.card, 1)
    assert count_macs(part) == 4 * 64 * 27 + 6 * 16 * 16 + 5 * 6
