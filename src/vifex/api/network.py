"""`vifex.load_model`: any layer of a network for images or sound at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vifex.api.notices import tell_licence
from vifex.engines import load_engine
from vifex.extraction.embed import compile_plan, run_batches
from vifex.extraction.planning.view_plan import plan_view
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.images.pillow import orientation
from vifex.media.read import frame_at, sound_at
from vifex.models import load_model as find_model
from vifex.values import AudioSpec, InputError, Layer, Limits, Model, ModelCard, ModelError, PixelSpec

__all__ = ["LoadedModel", "load_model"]

_BATCH = 8


class LoadedModel:
    """A network ready to be read at any layer."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def card(self) -> ModelCard:
        """Name, licence, input and provenance."""
        return self._model.card

    @property
    def layers(self) -> list[Layer]:
        """Every layer with its kind and its shape for one input."""
        return load_engine(self._model.engine).layers(self._model)

    @property
    def default_layers(self) -> list[Layer]:
        """What is read where no layer is named; none where the model leaves it to be named."""
        try:
            return load_engine(self._model.engine).resolve_layers(self._model, [])
        except ModelError:
            return []

    def features(
        self,
        images: Any,
        *,
        layers: Sequence[str] = (),
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        decode: Literal["fast", "exact"] = "fast",
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Read layers for some images or sounds.

        Args:
            images: An image or a sequence of them: paths, Pillow images, or uint8 RGB arrays `[H, W, 3]`.
                A single one gives N = 1. For a network of
                sound paths of sounds of one window or less, or float32 arrays `[S]` of one window, mono,
                -1 to 1, at `card.audio.sample_rate_hz`.
            layers: Names, aliases or patterns of layers; by default the model's own choice.
            precision: Of the arithmetic.
            decode: How files are decoded.

        Returns:
            Tap name to float32 `[N, *layer.shape]`, not pooled.

        Raises:
            InputError: If something in `images` is no image.
            MediaError: If a file cannot be decoded.
            ModelError: If a layer is unknown.
        """
        names = [layers] if isinstance(layers, str) else layers
        plan = plan_view("query", self._model, layers=names, precision=precision, decode=decode)
        if self.card.frames is not None:
            raise InputError(
                f"the model {self.card.name!r} takes clips, not images.",
                todo="Use vifex.extract(..., clip=...) for it.",
            )
        audio = plan.recipe.audio
        pixels = [
            _pixels(image, plan.recipe.pixels) if audio is None else _sound(image, audio)
            for image in _listed(images, 3 if audio is None else 1)
        ]
        if not pixels:
            return {t.name: np.empty((0, *t.shape), np.float32) for t in plan.layers}
        with compile_plan(plan, batch=min(_BATCH, len(pixels))) as network:
            parts = list(run_batches(network, pixels))
        return {t.name: np.concatenate([p[t.name] for p in parts]) for t in plan.layers}

    def __repr__(self) -> str:
        audio = self.card.audio
        pixels = f"{self.card.width_px} x {self.card.height_px} px"
        return f"LoadedModel({self.card.name!r}, {pixels if audio is None else f'{audio.window_s:g} s'})"


def load_model(
    name: str | os.PathLike[str] = "default",
    *,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
    on_notice: Callable[[str], None] | None = None,
) -> LoadedModel:
    """Find a model by its name or file; `default` is the embedded one.

    Args:
        name: A name, a family's `PREFIX/NAME`, `torch:MODULE:CALLABLE` for a network of one's own, or a
            file.
        weights: For networks of families: `random:SEED` or a file; by default the published ones.
        card: The model card of a file or of one's own network, where it does not stand beside it.
        trust_code: Whether code may run that a `.pt` or `.pt2` file holds.
        on_notice: Called with what a user must know of the model; by default it is a `UserWarning`.

    Raises:
        ModelError: If there is no such model, or its card or weights cannot be used.
        MissingExtraError: If the library that makes the network is not installed.
    """
    model = find_model(
        name, weights=weights, card=None if card is None else Path(card), trust_code=trust_code
    )
    tell_licence(model.card, on_notice)
    return LoadedModel(model)


def _listed(images: Any, axes: int) -> Iterable[Any]:
    """Take a single image or sound for a list of one; an array is one if it has so many axes."""
    from PIL import Image

    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim == axes:
        return [images]
    if not isinstance(images, Iterable) or isinstance(images, bytes | dict):
        raise InputError(
            f"{type(images).__name__} is no image, nor a list of them.",
            todo="Give a path, a Pillow image, an array, or a list of such.",
        )
    return images


def _sound(sound: Any, spec: AudioSpec) -> npt.NDArray[np.float32]:
    """One window of a path or an array."""
    if isinstance(sound, str | os.PathLike):
        return sound_at(sound, None, spec, Limits()).pixels
    n = spec.window_samples
    if not isinstance(sound, np.ndarray) or sound.dtype != np.float32 or sound.shape != (n,):
        is_array = isinstance(sound, np.ndarray)
        given = f"{sound.dtype} {list(sound.shape)}" if is_array else type(sound).__name__
        raise InputError(
            f"{given} is no window of sound.",
            todo=f"Give paths or float32 arrays [{n}]: {spec.window_s:g} s at {spec.sample_rate_hz} Hz.",
        )
    return sound


def _pixels(image: Any, spec: PixelSpec) -> npt.NDArray[np.uint8]:
    """Ready pixels of a path, a Pillow image or an array."""
    from PIL import Image

    if isinstance(image, str | os.PathLike):
        sample = frame_at(image, 0.0, spec, Limits())
        if sample.t_s is not None:
            raise InputError(
                "this is a video, not an image.", of=os.fspath(image), todo="Use vifex.extract for videos."
            )
        return sample.pixels
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"an array of {image.dtype} {list(image.shape)} is no image.",
                todo="Give uint8 RGB [H, W, 3].",
            )
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise InputError(
            f"{type(image).__name__} is no image.",
            todo="Give paths, Pillow images or uint8 arrays [H, W, 3].",
        )
    if 0 in image.size:
        raise InputError(f"an image of {image.width} x {image.height} pixels has none.")
    return StillImage(image, image.size, orientation(image)).ready(spec, None)
