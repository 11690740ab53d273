"""A user's own network with its own transform: what a trial image becomes says what the network takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vifex.api.types import Transform
from vifex.models.held import hold
from vifex.values import InputError, Model, ModelCard

__all__ = ["own_model"]

_TRIAL_PX = (320, 240)


def own_model(
    module: Any, card: ModelCard | Mapping[str, Any] | Path | None, transform: Transform | None
) -> tuple[Model, tuple[int, ...]]:
    """Make a model of a user's module.

    Args:
        module: A `torch.nn.Module`.
        card: How it takes pixels, where it has no transform.
        transform: From a Pillow image to the network's input.

    Returns:
        The model, and the shape of what the transform gives for one image: none without a transform.

    Raises:
        InputError: If neither or both are given, or the transform does not give `[3, H, W]`.
    """
    if transform is None:
        return hold(module, card), ()
    if card is not None:
        raise InputError("a card and a transform were given.", todo="Give one of them.")
    if not callable(transform):
        raise InputError(
            f"{type(transform).__name__} is no transform.",
            todo="Give a function from a Pillow image to a float32 array or tensor [3, H, W].",
        )
    shape = _shape(transform)
    described = ModelCard(
        name=type(module).__name__, height_px=shape[1], width_px=shape[2], scale=1.0, ready="float32"
    )
    return hold(module, described), shape


def _shape(transform: Transform) -> tuple[int, ...]:
    from PIL import Image

    given = transform(Image.new("RGB", _TRIAL_PX, (96, 96, 96)))
    shape = tuple(np.shape(given))
    if len(shape) != 3 or shape[0] != 3:
        raise InputError(
            f"the transform gives {list(shape) or type(given).__name__} for an image.",
            todo="Let it give a float32 array or tensor [3, H, W], without the axis of the batch.",
        )
    return shape
