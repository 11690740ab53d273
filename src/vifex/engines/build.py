"""The graph that is compiled: from uint8 pixels, normalised inside, or from sound, cut at the wanted taps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vifex.engines.facts import input_shape
from vifex.engines.graph import Graph, Place
from vifex.engines.rebatch import keyed, reshape, submodel
from vifex.engines.runtime import import_openvino
from vifex.values import ModelCard, ModelError

__all__ = ["cut", "pixels_shape", "with_pixels"]


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
    reshape(part, input_shape(card, batch))
    return part


def pixels_shape(card: ModelCard, batch: int) -> tuple[int, ...]:
    """Give the shape of a batch of ready pixels: `(B, H, W, 3)`, or `(B, T, H, W, 3)` for windows.

    Of sound it is `(B, S)`.
    """
    if card.audio is not None:
        return (batch, card.audio.window_samples)
    frames = () if card.frames is None else (card.frames,)
    return (batch, *frames, card.height_px, card.width_px, 3)


def with_pixels(part: Any, card: ModelCard) -> Any:
    """Put normalisation, channel order and layout before a graph, and float32 behind it.

    The result takes uint8 pixels, channels last. With `p` a pixel's value in the network's channel
    order the network sees `(p / scale - mean) / std`. Sound goes in as it is, float32.

    Raises:
        ModelError: If the network takes whole numbers, and the card wants them normalised.
    """
    ov = import_openvino()
    steps = ov.preprocess.PrePostProcessor(part)
    port = part.inputs[0]
    entry = steps.input()
    if card.audio is not None:
        entry.tensor().set_element_type(ov.Type.f32)
        return _as_float32(steps, part)
    windows = card.frames is not None
    entry.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NTHWC" if windows else "NHWC"))
    entry.model().set_layout(ov.Layout(card.layout))
    mean = [m * card.scale for m in card.mean]
    divisor = [s * card.scale for s in card.std]
    normalised = any(m != 0 for m in mean) or any(d != 1 for d in divisor)
    if normalised and not port.get_element_type().is_real():
        raise ModelError(
            f"the network takes {port.get_element_type().get_type_name()}, not normalised pixels.",
            of=card.name,
            todo="Write scale = 1.0 and no mean and std into its card: it normalises by itself.",
        )
    if card.channel_order == "BGR":
        entry.preprocess().reverse_channels()
    if normalised:
        entry.preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(divisor)
    return _as_float32(steps, part)


def _as_float32(steps: Any, part: Any) -> Any:
    ov = import_openvino()
    for i in range(len(part.outputs)):
        steps.output(i).tensor().set_element_type(ov.Type.f32)
    return steps.build()
