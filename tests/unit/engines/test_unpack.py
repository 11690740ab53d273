"""Packed attention taken apart: the numbers of the formula, and nothing else touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vifex.engines.openvino.rewrites.unpack import unpack
from vifex.values.openvino import import_openvino

ov = import_openvino()
op = ov.opset13

TOKENS, HEADS, DEEP = 7, 2, 4
WIDTH = HEADS * DEEP
WEIGHTS = np.random.default_rng(3).normal(0, 0.7, (WIDTH, 3 * WIDTH)).astype(np.float32)
BIAS = np.random.default_rng(4).normal(0, 0.7, 3 * WIDTH).astype(np.float32)
SCALE = np.float32(0.37)
RANGES = [np.float32(n) for n in (-1, 1, -1, 1)]

Crop = Callable[[Any], list[Any]]


def whole(*numbers: int) -> Any:
    return op.constant(np.array(numbers, np.int64))


def by_split(value: Any) -> list[Any]:
    return [op.squeeze(out, whole(0)) for out in op.split(value, op.constant(np.int64(0)), 3).outputs()]


def by_lengths(value: Any) -> list[Any]:
    parts = op.variadic_split(value, op.constant(np.int64(-5)), whole(1, 1, 1))
    return [op.squeeze(out, whole(0)) for out in parts.outputs()]


def by_gather(value: Any) -> list[Any]:
    index = [op.constant(np.int64(n)) for n in (0, 1, -1)]
    return [op.gather(value, n, op.constant(np.int64(0))) for n in index]


def by_slice(value: Any) -> list[Any]:
    ends = ((0, 1), (-2, 2), (2, np.iinfo(np.int64).max))
    return [op.squeeze(op.slice(value, whole(a), whole(b), whole(1), whole(0)), whole(0)) for a, b in ends]


def by_pairs(value: Any) -> list[Any]:
    both, v = op.variadic_split(value, op.constant(np.int64(0)), whole(2, 1)).outputs()
    return [
        *(op.gather(both, op.constant(np.int64(n)), op.constant(np.int64(0))) for n in (0, 1)),
        op.squeeze(v, whole(0)),
    ]


def by_keeping(value: Any) -> list[Any]:
    parts = op.split(value, op.constant(np.int64(0)), 3).outputs()
    return [op.reshape(part, whole(1, HEADS, TOKENS, DEEP), special_zero=False) for part in parts]


def network(
    cut: Crop = by_gather,
    *,
    bias: bool = True,
    transposed: bool = False,
    order: tuple[int, ...] = (2, 0, 3, 1, 4),
    after: Callable[[Any], Any] = lambda q: q,
    also: Callable[[Any, Any], list[Any]] = lambda linear, pieces: [],
) -> Any:
    """One attention over tokens `[1, 7, 8]`, its scalar asked of the queries' size as exporters do."""
    x = op.parameter([1, TOKENS, WIDTH], ov.Type.f32, name="x")
    weights = np.ascontiguousarray(WEIGHTS.T) if transposed else WEIGHTS
    linear = op.matmul(x, op.constant(weights), False, transposed)
    linear.set_friendly_name("qkv")
    if bias:
        linear = op.add(op.constant(BIAS), linear)
    value = op.reshape(linear, whole(0, 0, 3, HEADS, DEEP), special_zero=True)
    q, k, v = cut(op.transpose(value, whole(*order)))
    pieces = [q, k, v]
    deep = op.convert(op.gather(op.shape_of(q), whole(3), op.constant(np.int64(0))), "f32")
    scalar = op.multiply(op.divide(deep, op.constant(np.float32(DEEP))), op.constant(SCALE))
    q = op.multiply(after(q), scalar)
    k = op.multiply(scalar, op.transpose(k, whole(0, 1, 3, 2)))
    weights = op.softmax(op.matmul(q, k, False, False), 3)
    y = op.transpose(op.matmul(weights, v, False, False), whole(0, 2, 1, 3))
    y = op.reshape(y, whole(0, 0, WIDTH), special_zero=True)
    return ov.Model([op.result(out) for out in [y, *also(linear, pieces)]], [x], "attention")


def formula(x: np.ndarray, *, bias: bool) -> np.ndarray:
    """Attention of Vaswani et al., arXiv:1706.03762, with queries and keys scaled, in float64."""
    packed = x.astype(np.float64) @ WEIGHTS + (BIAS if bias else 0)
    q, k, v = packed.reshape(*x.shape[:2], 3, HEADS, DEEP).transpose(2, 0, 3, 1, 4)
    scores = np.exp(SCALE * q @ (SCALE * k).swapaxes(-1, -2))
    y = scores / scores.sum(axis=-1, keepdims=True) @ v
    return np.asarray(y.transpose(0, 2, 1, 3).reshape(x.shape))


def run(graph: Any, x: np.ndarray) -> list[np.ndarray]:
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.array(value) for value in compiled(x).values()]


def columns(graph: Any) -> list[int]:
    """The columns of each linear layer that the outputs need, in order."""
    products = [o for o in graph.get_ordered_ops() if o.get_type_name() == "MatMul"]
    return [
        p.get_output_shape(0)[-1]
        for p in products
        if p.input_value(1).get_node().get_type_name() == "Constant"
    ]


def tokens(batch: int = 1) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(batch, TOKENS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("cut", [by_split, by_lengths, by_gather, by_slice])
@pytest.mark.parametrize(("bias", "transposed"), [(True, False), (False, True)])
def test_each_piece_gets_a_layer_and_the_numbers_stay(cut: Crop, bias: bool, transposed: bool) -> None:
    graph = network(cut, bias=bias, transposed=transposed)
    assert columns(graph) == [3 * WIDTH]
    unpack(graph)
    assert columns(graph) == [WIDTH] * 3
    x = tokens()
    np.testing.assert_allclose(run(graph, x)[0], formula(x, bias=bias), rtol=1e-5, atol=1e-6)


def test_no_transposition_of_five_axes_is_left_and_the_scalar_joins_the_layer() -> None:
    graph = network()
    unpack(graph)
    kinds = Counter(o.get_type_name() for o in graph.get_ordered_ops())
    ranks = [len(o.get_output_shape(0)) for o in graph.get_ordered_ops() if o.get_type_name() == "Transpose"]
    assert set(ranks) == {4}
    scaled = [o for o in graph.get_ordered_ops() if o.get_type_name() == "Multiply"]
    assert sum(o.get_output_shape(0) == [1, TOKENS, WIDTH] for o in scaled) == 2
    assert kinds["Gather"] == 1  # what asks for the size


def test_the_batch_stays_free() -> None:
    graph = network(by_lengths)
    unpack(graph)
    graph.reshape([3, TOKENS, WIDTH])
    x = tokens(3)
    np.testing.assert_allclose(run(graph, x)[0], formula(x, bias=True), rtol=1e-5, atol=1e-6)


def test_pieces_may_come_in_another_order_of_axes() -> None:
    """Tokens first, heads side by side: nothing is left to transpose."""
    x = op.parameter([TOKENS, 1, WIDTH], ov.Type.f32)
    linear = op.matmul(x, op.constant(WEIGHTS), False, False)
    value = op.reshape(linear, whole(TOKENS, 1, 3, WIDTH), special_zero=False)
    value = op.squeeze(op.unsqueeze(value, whole(0)), whole(0))
    pieces = by_gather(op.transpose(value, whole(2, 0, 1, 3)))
    graph = ov.Model([op.result(op.relu(p)) for p in pieces], [x], "pieces")
    before = run(graph, tokens().swapaxes(0, 1).copy())
    unpack(graph)
    assert columns(graph) == [WIDTH] * 3
    after = run(graph, tokens().swapaxes(0, 1).copy())
    assert len(after) == 3
    for mine, theirs in zip(after, before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"also": lambda linear, pieces: [linear]}, id="the packed layer is read"),
        pytest.param({"also": lambda linear, pieces: [pieces[2]]}, id="a piece is read"),
        pytest.param({"after": op.relu}, id="a piece is changed"),
        pytest.param({"cut": by_pairs}, id="pieces of two"),
        pytest.param({"cut": by_keeping}, id="an axis of one is kept"),
        pytest.param({"after": lambda q: op.fake_quantize(q, *RANGES, 256)}, id="the graph is quantised"),
    ],
)
def test_what_would_gain_nothing_is_left_alone(options: dict[str, Any]) -> None:
    graph = network(**options)
    before = run(graph, tokens())
    unpack(graph)
    assert columns(graph) == [3 * WIDTH]
    for mine, theirs in zip(run(graph, tokens()), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_constant_along_another_axis_is_no_bias() -> None:
    """As many tokens as columns: only its shape tells a constant of each token from one of each column."""
    tall = np.random.default_rng(6).normal(size=(3 * WIDTH, 1)).astype(np.float32)
    x = op.parameter([1, 3 * WIDTH, WIDTH], ov.Type.f32)
    linear = op.add(op.matmul(x, op.constant(WEIGHTS), False, False), op.constant(tall))
    value = op.reshape(linear, whole(0, 0, 3, WIDTH), special_zero=True)
    pieces = by_gather(op.transpose(value, whole(2, 0, 1, 3)))
    graph = ov.Model([op.result(op.relu(p)) for p in pieces], [x], "tall")
    unpack(graph)
    assert columns(graph) == [3 * WIDTH]


def test_a_linear_layer_of_one_value_is_no_packed_one() -> None:
    x = op.parameter([1, TOKENS, WIDTH], ov.Type.f32)
    linear = op.matmul(x, op.constant(WEIGHTS), False, False)
    heads = op.reshape(linear, whole(1, TOKENS, 3 * HEADS, DEEP), special_zero=False)
    heads = op.transpose(heads, whole(0, 2, 1, 3))
    graph = ov.Model([op.result(op.matmul(heads, heads, False, True))], [x], "heads")
    unpack(graph)
    assert columns(graph) == [3 * WIDTH]
