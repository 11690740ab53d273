"""The graph that is compiled: its input is uint8 pixels or sound, its outputs are the wanted layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vifex.engines.openvino.graph import Graph, Place
from vifex.engines.openvino.rewrites.rebatch import keyed, reshape, submodel
from vifex.values import ModelCard, ModelError
from vifex.values.openvino import import_openvino

__all__ = ["cut", "with_pixels"]


def cut(graph: Graph, places: Sequence[Place], card: ModelCard, batch: int) -> Any:
    """Make a graph that ends in these places, each in its promised order, at a fixed batch.

    Raises:
        RuntimeError: If it cannot have that batch.
    """
    ov = import_openvino()
    clone = graph.model.clone()
    ops = keyed(clone)
    outputs = []
    for place in places:
        output = ops[place.key].output(place.port)
        if place.order is not None:
            order = ov.opset13.constant(list(place.order), dtype=ov.Type.i64)
            output = ov.opset13.transpose(output, order).output(0)
        outputs.append(output)
    part = submodel(clone, outputs)
    reshape(part, list(card.input_shape(batch)))
    return part


def with_pixels(part: Any, card: ModelCard) -> Any:
    """Add normalisation, channel order and layout before a graph, and float32 after it.

    The result takes uint8 pixels, channels last. With `p` a pixel's value in the network's channel
    order the network sees `(p / scale - mean) / std`. Sound goes in as it is, float32.

    Raises:
        ModelError: If the network takes whole numbers, and the card wants them normalised.
    """
    ov = import_openvino()
    steps = ov.preprocess.PrePostProcessor(part)
    port = part.inputs[0]
    entry = steps.input()
    if card.takes_numbers:
        entry.tensor().set_element_type(ov.Type.f32)
        return _as_float32(steps, part)
    mean = [m * card.scale for m in card.mean]
    divisor = [s * card.scale for s in card.std]
    normalised = any(m != 0 for m in mean) or any(d != 1 for d in divisor)
    if normalised and not port.get_element_type().is_real():
        raise ModelError(
            f"the network takes {port.get_element_type().get_type_name()}, not normalised pixels.",
            of=card.name,
            todo="Write scale = 1.0 without mean and std into its card, because it normalises pixels itself.",
        )
    entry.tensor().set_element_type(ov.Type.f32 if normalised else ov.Type.u8)
    entry.tensor().set_layout(ov.Layout("NHWC" if card.frames is None else "NTHWC"))
    entry.model().set_layout(ov.Layout(card.layout))
    if card.channel_order == "BGR":
        entry.preprocess().reverse_channels()
        mean, divisor = mean[::-1], divisor[::-1]
    built = _as_float32(steps, part)
    return _normalised(built, mean, divisor) if normalised else built


def _normalised(built: Any, mean: Sequence[float], divisor: Sequence[float]) -> Any:
    """Add `(pixel - mean) / divisor` before a graph that takes float32, channels last.

    Columns and channels are one axis meanwhile, because three channels alone are too short for vectors. With
    the transposition after it, which the first convolution treats as a layout, it costs less than half of
    OpenVINO's own steps and gives the same numbers. A quantiser at the start is moved along: after a reshape
    it would get numbers rounded to bf16 and round them again.
    """
    ov = import_openvino()
    op = ov.opset13
    floats = built.inputs[0].get_node()
    shape = [int(n) for n in floats.get_output_shape(0)]
    *outer, width, channels = shape
    pixels = op.parameter(shape, ov.Type.u8, name="pixels")
    rows = op.reshape(pixels, op.constant(np.array([*outer, width * channels])), special_zero=False)
    value = op.convert(rows, "f32")
    constants = [np.tile(np.asarray(v, np.float32), width) for v in (mean, divisor)]
    value = op.divide(op.subtract(value, op.constant(constants[0])), op.constant(constants[1]))
    quantiser = _first_quantiser(floats.output(0))
    if quantiser is not None:
        limits = [
            op.constant(quantiser.input_value(n).get_node().get_data().reshape(())) for n in range(1, 5)
        ]
        value = op.fake_quantize(value, *limits, quantiser.get_attributes()["levels"])
        quantiser.output(0).replace(quantiser.input_value(0))
    value = op.reshape(value, op.constant(np.array(shape)), special_zero=False)
    floats.output(0).replace(value.output(0))
    return ov.Model(built.get_results(), [pixels], built.get_friendly_name())


def _first_quantiser(pixels: Any) -> Any:
    """Return the quantiser of a graph's input if it has one range and is the only consumer; else `None`."""
    consumers = pixels.get_target_inputs()
    op = next(iter(consumers)).get_node() if len(consumers) == 1 else None
    if op is not None and op.get_type_name() == "Transpose":
        return _first_quantiser(op.output(0))
    if op is None or op.get_type_name() != "FakeQuantize":
        return None
    limits = [op.input_value(n).get_node() for n in range(1, 5)]
    fit = all(c.get_type_name() == "Constant" and np.prod(c.get_output_shape(0)) == 1 for c in limits)
    return op if fit else None


def _as_float32(steps: Any, part: Any) -> Any:
    ov = import_openvino()
    for i in range(len(part.outputs)):
        steps.output(i).tensor().set_element_type(ov.Type.f32)
    return steps.build()
