"""The steps of a processor of transformers as fields of a card.

A processor is the library's own object, with the defaults of its class where a repository's configuration has
no value. It rescales and normalises after resize and crop; its crop rounds down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vifex.models.families.libraries.timm import timm_pixels
from vifex.values import ModelError
from vifex.values.pixels import Interpolation

__all__ = ["RESAMPLING", "processor_numbers", "processor_pixels", "unlike"]

RESAMPLING: Final[Mapping[int, Interpolation]] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, which processors keep."""
_WARPED_FROM_PX: Final = 384
"""From this size on ConvNeXt's processor stretches and does not crop."""


def processor_pixels(processor: Any, *, of: str) -> dict[str, Any]:
    """Return the settings of an image or video processor as fields of a card.

    Args:
        processor: An image or video processor of transformers.
        of: The model, for messages.

    Raises:
        ModelError: If a card cannot express what it does.
    """
    config = getattr(processor, "data_config", None)
    if config is not None:  # timm's own transform, wrapped
        return {**timm_pixels(config, of=of), **processor_numbers(processor)}
    if not getattr(processor, "do_resize", False):
        raise unlike("it does not resize, so images keep sizes of their own", of)
    if getattr(processor, "do_pad", False):
        raise unlike("it pads images", of)
    size = _sizes(processor.size)
    crop = _sizes(processor.crop_size) if getattr(processor, "do_center_crop", False) else {}
    resample = getattr(processor, "resample", None)
    return {
        **_resize(processor, size, crop, of),
        **processor_numbers(processor),
        "interpolation": RESAMPLING.get(2 if resample is None else int(resample), "bilinear"),
        "channel_order": "BGR" if getattr(processor, "do_flip_channel_order", False) else "RGB",
    }


def _resize(processor: Any, size: dict[str, int], crop: dict[str, int], of: str) -> dict[str, Any]:
    shortest = _shortest(processor, size)
    if crop and not {"height", "width"} <= crop.keys():
        raise unlike(f"its images are cropped to {crop}", of)
    if type(processor).__name__.startswith("ConvNext") and shortest:
        return _convnext(shortest, float(getattr(processor, "crop_pct", None) or 224 / 256))
    if "height" in size and "width" in size and not shortest:
        hw = (size["height"], size["width"])
        to = (crop.get("height", hw[0]), crop.get("width", hw[1]))
        if to == hw:
            return _target(hw, resize="stretch")
        if to[0] <= hw[0] and to[1] <= hw[1]:
            return _target(to, resize="stretch_crop", resize_hw_px=hw, crop_down=True)
    if shortest and crop and max(crop.values()) <= shortest and "longest_edge" not in size:
        to = (crop["height"], crop["width"])
        return _target(to, resize="shortest", resize_px=shortest, crop_down=True)
    raise unlike(f"its images are resized to {size or 'nothing'} and cropped to {crop or 'nothing'}", of)


def _shortest(processor: Any, size: dict[str, int]) -> int | None:
    """Return the shorter side after the resize, by the rule of the processor's class."""
    kind, side = type(processor).__name__, size.get("shortest_edge")
    if kind.startswith("Levit") and side:
        return int(256 / 224 * side)
    share = getattr(processor, "crop_pct", None)
    if kind.startswith("PoolFormer") and share:
        square = size.get("height") if size.get("height") == size.get("width") else None
        return int((side or square) / share) if side or square else None
    return side


def _convnext(size: int, crop_pct: float) -> dict[str, Any]:
    if size >= _WARPED_FROM_PX:
        return _target((size, size), resize="stretch")
    return _target((size, size), resize="shortest", resize_px=int(size / crop_pct), crop_down=True)


def _target(hw: tuple[int, int], **how: Any) -> dict[str, Any]:
    return {"height_px": hw[0], "width_px": hw[1], **how}


def processor_numbers(processor: Any) -> dict[str, Any]:
    """Return scale, mean and std by its settings: (pixel / scale - mean) / std is what it should give."""
    config = getattr(processor, "data_config", None)
    if config is not None:
        return {"scale": 255.0, "mean": _three(config["mean"]), "std": _three(config["std"])}
    factor = float(getattr(processor, "rescale_factor", 1 / 255) or 1 / 255)
    scale = round(1 / factor, 6) if getattr(processor, "do_rescale", True) else 1.0
    mean: tuple[float, ...] = (0.0,) * 3
    std: tuple[float, ...] = (1.0,) * 3
    if getattr(processor, "do_normalize", False):
        mean, std = _three(processor.image_mean), _three(processor.image_std)
    if getattr(processor, "offset", False) and getattr(processor, "do_rescale", True):
        mean = tuple(m + 1.0 for m in mean)  # ViViT's rescales to -1..1 before it normalises
    return {"scale": scale, "mean": mean, "std": std}


def _three(value: Any) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, (int, float)) else tuple(map(float, value))


def _sizes(value: Any) -> dict[str, int]:
    """Read a size in the form of any version of the library: a number, a mapping, or an object."""
    if isinstance(value, int):
        return {"height": value, "width": value}
    found: dict[str, int] = {}
    for name in ("height", "width", "shortest_edge", "longest_edge"):
        size = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if size:
            found[name] = int(size)
    return found


def unlike(why: str, of: str) -> ModelError:
    """Return the error for a network whose processor is not supported; `why` is a clause."""
    return ModelError(
        f"Vifex does not support its own preprocessing: {why}.",
        of=of,
        todo="Take another network, or export this one to ONNX and write it a card.",
    )
