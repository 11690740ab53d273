"""A residual stream that may be bf16: the same numbers in fp32, and no f32 between the blocks in bf16."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vifex.engines.openvino.rewrites.stream import narrow_stream
from vifex.engines.precision import native_bf16
from vifex.values.openvino import import_openvino

ov = import_openvino()
op = ov.opset13

TOKENS, WIDTH, BLOCKS = 6, 32, 3


def weights(seed: int) -> Any:
    return op.constant(np.random.default_rng(seed).normal(0, 0.2, (WIDTH, WIDTH)).astype(np.float32))


def network(layers: tuple[int, ...] = ()) -> Any:
    """A transformer's frame: normalise, multiply, add. Its outputs are the blocks named and the last mean."""
    x = op.parameter([2, TOKENS, WIDTH], ov.Type.f32, name="x")
    value = op.matmul(x, weights(0), False, False)
    outputs = []
    for block in range(BLOCKS):
        normed = op.mvn(value, op.constant(np.array([2], np.int64)), True, 1e-5, "INSIDE_SQRT")
        branch = op.add(op.matmul(normed, weights(block + 1), False, False), op.constant(np.float32(0.1)))
        value = op.add(value, branch)
        value.set_friendly_name(f"block{block}")
        if block in layers:
            outputs.append(value)
    last = op.mvn(value, op.constant(np.array([2], np.int64)), True, 1e-5, "INSIDE_SQRT")
    outputs.append(op.reduce_mean(last, op.constant(np.array([1], np.int64)), False))
    return ov.Model([op.result(o) for o in outputs], [x], "stream")


def compiled(graph: Any, hint: str) -> Any:
    return ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint})


def products(graph: Any) -> int:
    return sum(o.get_type_name() == "MatMul" for o in graph.get_ordered_ops())


@pytest.mark.parametrize(("layers", "added"), [((), 1), ((2,), 1), ((0, 2), 2), ((0, 1), 3)])
def test_each_place_that_an_output_reads_is_rounded_once(layers: tuple[int, ...], added: int) -> None:
    graph, x = network(layers), np.random.default_rng(9).normal(size=(2, TOKENS, WIDTH)).astype(np.float32)
    before = list(compiled(graph, "f32")(x).values())
    count = products(graph)
    narrow_stream(graph)
    assert products(graph) == count + added
    after = list(compiled(graph, "f32")(x).values())
    for mine, theirs in zip(after, before, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


def test_where_no_stream_reaches_an_output_nothing_is_added() -> None:
    x = op.parameter([2, TOKENS, WIDTH], ov.Type.f32)
    biased = op.add(op.matmul(x, weights(0), False, False), op.constant(np.float32(0.1)))
    graph = ov.Model([op.result(biased)], [x], "linear")
    narrow_stream(graph)
    assert products(graph) == 1


def test_sums_of_whole_numbers_are_left() -> None:
    x = op.parameter([1, 2, 3], ov.Type.i32)
    graph = ov.Model([op.result(op.add(x, op.relu(x)))], [x], "whole")
    narrow_stream(graph)
    assert products(graph) == 0


@pytest.mark.skipif(not native_bf16(ov.Core()), reason="the processor does not compute in bf16")
def test_the_stream_is_bf16_and_its_reader_stays_f32() -> None:
    def precisions(graph: Any) -> dict[str, str]:
        found = compiled(graph, "bf16").get_runtime_model().get_ordered_ops()
        infos = [o.get_rt_info() for o in found]
        return {
            name: info["outputPrecisions"].astype(str)
            for info in infos
            for name in info["originalLayersNames"].astype(str).split(",")
        }

    graph = network()
    blocks = [f"block{n}" for n in range(BLOCKS)]
    wide = precisions(graph)
    assert [wide[b] for b in blocks] == ["f32"] * BLOCKS
    narrow_stream(graph)
    narrow = precisions(graph)
    assert [narrow[b] for b in blocks] == ["bf16"] * BLOCKS
    last = next(o for o in graph.get_ordered_ops()[::-1] if o.get_type_name() == "MVN")
    assert narrow[last.get_friendly_name()] == "f32"
