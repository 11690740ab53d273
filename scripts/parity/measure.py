"""One network: the engines against its library's own forward pass, and inputs against their neighbours."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.engines import Network, load_engine, settle
from vifex.engines.torch.engine import TorchEngine
from vifex.media.decode.images.image import StillImage
from vifex.values import Layer, Model, ModelCard

__all__ = ["measure"]

Array = npt.NDArray[Any]

_IMAGES = 4
_CLIPS = 2


def measure(model: Model, images: list[Image.Image]) -> dict[str, Any]:
    """Give a network's line of the scoreboard.

    Args:
        model: Made by a builder.
        images: Upright RGB; clips show them one after the other.

    Returns:
        `layers`: for each of three, `cosine` and `difference` between the engine that Vifex takes and the
        library's forward pass, and between Vifex's two engines; `apart`: the largest change that other
        neighbours or another batch size make; differences are parts of the layer's largest value.
    """
    torch_engine = cast(TorchEngine, load_engine("torch"))
    layers = _three(torch_engine, model)
    settled = settle(model, layers)
    pixels = _pixels(model.card, images)
    library = _library(model, pixels, layers, torch_engine)
    moved = _moved(pixels)
    chosen, among_others = _run(settled.model, layers, [pixels, moved])
    (alone,) = _run(settled.model, layers, [pixels], batch=1)
    (plain,) = _run(model, layers, [pixels])
    lines = {
        layer.name: {
            "kind": layer.kind,
            "shape": list(layer.shape),
            "library": _compared(library[layer.name], chosen[layer.name]),
            "engines": _compared(plain[layer.name], chosen[layer.name]),
        }
        for layer in layers
    }
    return {
        "all_layers": len(torch_engine.layers(model)),
        "engine": settled.model.engine,
        "why": settled.why,
        "layers": lines,
        "apart": _apart(layers, alone, chosen, among_others),
    }


def _three(engine: TorchEngine, model: Model) -> list[Layer]:
    """The default layer, and two inner ones: at a third and at two thirds of the network."""
    default = engine.resolve_layers(model, [])
    called = _called(model, engine)
    inner = [layer for layer in engine.layers(model) if layer.name in called and layer not in default]
    places = {len(inner) // 3, 2 * len(inner) // 3}
    return [*(inner[i] for i in sorted(places) if i < len(inner)), *default][:3]


def _called(model: Model, engine: TorchEngine) -> set[str]:
    """The modules that the library's own forward pass calls: fused operations pass some by."""
    import torch

    called: set[str] = set()
    card = model.card
    frames = () if card.frames is None else (card.frames,)
    black = np.zeros((*frames, card.height_px, card.width_px, 3), np.uint8)
    with engine.borrowed(model) as (module, _):
        hooks = [
            part.register_forward_hook(lambda _m, _i, _o, name=name: called.add(name))
            for name, part in module.named_modules()
        ]
        try:
            with torch.inference_mode():
                module(_normalised(black, card))
        finally:
            for hook in hooks:
                hook.remove()
    return called


def _pixels(card: ModelCard, images: list[Image.Image]) -> Array:
    """Ready pixels of a few inputs, as the network's card wants them, decoded in full."""
    spec = card.pixel_spec("exact")
    ready = [StillImage(p, p.size, 1).ready(spec, None) for p in images]
    if card.frames is None:
        return np.stack([ready[i % len(ready)] for i in range(_IMAGES)])
    clips = [[ready[(i + t) % len(ready)] for t in range(card.frames)] for i in range(_CLIPS)]
    return np.stack([np.stack(clip) for clip in clips])


def _run(
    model: Model, layers: list[Layer], inputs: list[Array], batch: int | None = None
) -> list[dict[str, Array]]:
    """Inputs through the engine that runs the model, in fp32; the same network for all."""
    engine = load_engine(model.engine)
    with engine.compile(model, layers, precision="fp32", batch=batch or len(inputs[0])) as network:
        return [_through(network, pixels) for pixels in inputs]


def _through(network: Network, pixels: Array) -> dict[str, Array]:
    parts = [
        network.submit(np.ascontiguousarray(pixels[i : i + network.batch])).result()
        for i in range(0, len(pixels), network.batch)
    ]
    return {layer.name: np.concatenate([part[layer.name] for part in parts]) for layer in network.layers}


def _library(model: Model, pixels: Array, layers: list[Layer], engine: TorchEngine) -> dict[str, Array]:
    """The library's network called as it is, one input at a time, with plain forward hooks."""
    import torch

    found: dict[str, list[Array]] = {layer.name: [] for layer in layers}
    with engine.borrowed(model) as (module, _):
        module = module.to(memory_format=torch.contiguous_format)
        first: dict[str, Any] = {}
        hooks = [
            module.get_submodule(layer.name).register_forward_hook(
                lambda _m, _i, output, name=layer.name: _keep(first, name, output)
            )
            for layer in layers
        ]
        try:
            for one in pixels:
                first.clear()
                with torch.inference_mode():
                    module(_normalised(one, model.card))
                for layer in layers:
                    found[layer.name].append(_as_layer(first[layer.name], layer))
        finally:
            for hook in hooks:
                hook.remove()
    return {name: np.stack(values) for name, values in found.items()}


def _keep(kept: dict[str, Any], name: str, output: Any) -> None:
    """Keep a module's first output; a copy, as an activation behind it may work in place."""
    if name not in kept:
        kept[name] = _first(output).clone()


def _normalised(pixels: Array, card: ModelCard) -> Any:
    """One input as the library's own transform leaves it: scaled, normalised, in its layout."""
    import torch

    x = (pixels.astype(np.float64) / card.scale - card.mean) / card.std
    if card.channel_order == "BGR":
        x = x[..., ::-1]
    axes = "THWC" if x.ndim == 4 else "HWC"
    order = [axes.index(axis) for axis in card.layout if axis != "N"]
    return torch.from_numpy(np.ascontiguousarray(x.transpose(order)[None], dtype=np.float32))


def _first(output: Any) -> Any:
    """The first tensor of what a module gives."""
    while not hasattr(output, "detach"):
        output = next(iter(output.values() if hasattr(output, "values") else output))
    return output.detach()


def _as_layer(output: Any, layer: Layer) -> Array:
    """A hook's output as `[*layer.shape]`, its axes turned as the layer promises."""
    array = np.asarray(output.float().cpu().numpy())
    if array.size == np.prod(layer.shape) and array.ndim == len(layer.shape) and array.shape[0] != 1:
        one = array  # frames were laid into the batch: a sequence, read whole
    else:
        one = array[0] if array.shape[0] == 1 else array
    if one.shape == layer.shape:
        return one
    last_first = np.moveaxis(one, -1, 0)
    if last_first.shape == layer.shape:
        return last_first
    second_first = np.moveaxis(one, 1, 0) if one.ndim > 1 else one
    if second_first.shape == layer.shape:
        return second_first
    if one.size == np.prod(layer.shape):
        return one.reshape(layer.shape)
    raise ValueError(f"{layer.name}: the library gives {array.shape}, the layer is {layer.shape}")


def _compared(expected: Array, given: Array) -> dict[str, float]:
    """The worst cosine over the inputs, and the largest difference over the largest value."""
    x, y = (a.reshape(len(a), -1).astype(np.float64) for a in (expected, given))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosine = np.where(lengths > 0, (x * y).sum(axis=1) / np.where(lengths > 0, lengths, 1), 1.0)
    return {
        "cosine": round(float(cosine.min()), 8),
        "difference": float(f"{np.abs(x - y).max() / max(np.abs(x).max(), 1e-12):.3g}"),
    }


def _moved(pixels: Array) -> Array:
    """The first input in the last place, among strangers."""
    others = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    others[-1] = pixels[0]
    return others


def _apart(
    layers: list[Layer], alone: dict[str, Array], together: dict[str, Array], among_others: dict[str, Array]
) -> float:
    """The largest change of an input's features by other neighbours, another place, another batch size."""
    worst = 0.0
    for layer in layers:
        one, many, other = (found[layer.name] for found in (alone, together, among_others))
        largest = max(float(np.abs(one).max()), 1e-12)
        worst = max(worst, *(float(np.abs(a).max()) / largest for a in (one - many, one[0] - other[-1])))
    return float(f"{worst:.3g}")
