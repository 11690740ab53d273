"""Compares a processor of transformers with its settings, on a few synthetic images.

Settings do not say everything: some classes resize by their own rule, pad images or flip channels. If a card
gives the same pixels as the processor, the card is used. If not, the processor itself is run. If that does
not give pixels of one size, the network is refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from vifex.models.families.libraries.hf_pixels import RESAMPLING, processor_numbers, processor_pixels, unlike
from vifex.values import ModelError, PixelSpec, Processor
from vifex.values.pixels import fit
from vifex.values.processors import Unsuited, network_input

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    Array = npt.NDArray[Any]

__all__ = ["checked_pixels"]

_STEPS: Final = 3.001
"""Of 255: Pillow's and torch's antialiased filters work in fixed point of other widths and round after each
of two passes. Edges are the worst case: a shift by a part of a pixel changes them by tens of steps."""
_ROUNDED: Final = 0.51
_BEYOND: Final = 0.75
_OF_ANOTHER_FORM: Final = (AttributeError, KeyError, TypeError, ValueError)
"""Errors from settings in a form that only their class knows."""
_FOR_LATER: Final = frozenset({"original_sizes", "reshaped_input_sizes", "target_sizes", "original_images"})
"""Outputs that are for the steps after a network, not for the network."""
_NO_SETTINGS: Final = frozenset(
    {
        "image_processor_type",
        "video_processor_type",
        "feature_extractor_type",
        "processor_class",
        "auto_map",
        "device",
        "return_tensors",
    }
)
_LARGE_PX: Final = 512 * 512


def checked_pixels(processor: Any, *, of: str) -> dict[str, Any]:
    """Return fields of a card that give the pixels of an image or video processor.

    Args:
        processor: An image or video processor of transformers.
        of: The model, for messages.

    Raises:
        ModelError: If neither a card nor the processor itself gives its pixels.
    """
    try:
        said = processor_pixels(processor, of=of)
    except (ModelError, *_OF_ANOTHER_FORM):
        said = None  # no card can say it
    try:
        probe = _Probe(processor)
        numbers = probe.numbers
        probe.check_range()
        if said is not None and probe.is_made_by({**said, **numbers}):
            return {**said, **numbers}
        return probe.by_processor()
    except Unsuited as exc:
        raise unlike(str(exc), of) from exc


class _Probe:
    """The results of a processor for a few images, with sizes and shapes that a rule may treat differently.

    Raises:
        Unsuited: If it does not give three channels of one size.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        first, extras = network_input(processor, _image(97, 61))
        self.height_px, self.width_px = first.shape[:2]
        self._pairs: list[tuple[Image.Image, Array]] = []
        for width, height in (*_sizes(self.width_px, self.height_px), (97, 61)):
            image = _image(width, height)
            made, more = network_input(processor, image)
            if made.shape != first.shape:
                raise Unsuited(
                    f"images keep sizes of their own (97 x 61 px become {_px(first)}, "
                    f"{width} x {height} px {_px(made)}), and a batch needs one size"
                )
            if (other := _unlike_extra(extras, more)) is not None:
                raise Unsuited(f"it also makes {other!r} for the network, another for each image")
            self._pairs.append((image, made))
        if not _equal(self._pairs[-1][1], first):
            raise Unsuited("it makes other pixels of the same image each time")

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Return scale, mean, std and channel order; the settings are used if they are right."""
        import numpy as np

        black, grey, white, red = (
            self._colour(*rgb) for rgb in ((0, 0, 0), (100, 100, 100), (255, 255, 255), (255, 0, 0))
        )
        slope = (white - black) / 255
        if not (slope > 0).all() or not _near(grey, black + 100 * slope, slope).all():
            raise Unsuited("its numbers are not pixels scaled evenly")
        of_red = (red - black) / slope / 255
        order: Literal["RGB", "BGR"] = "BGR" if of_red[2] > 0.9 and of_red[0] < 0.1 else "RGB"
        with contextlib.suppress(*_OF_ANOTHER_FORM):
            said = {**processor_numbers(self._processor), "channel_order": order}
            mean, std = np.array(said["mean"]), np.array(said["std"])
            ends = [(level / said["scale"] - mean) / std for level in (0.0, 255.0)]
            if _near(black, ends[0], slope).all() and _near(white, ends[1], slope).all():
                return said
        measured = tuple(float(f"{1 / (255 * s):.6g}") for s in slope)
        shift = tuple(float(f"{-b * s:.6g}") + 0.0 for b, s in zip(black, measured, strict=True))
        return {"scale": 255.0, "mean": shift, "std": measured, "channel_order": order}

    def check_range(self) -> None:
        """Check that its numbers stay those of pixels at hard edges, as they do not after a cubic filter
        over numbers with a fraction.

        Raises:
            Unsuited: If they go beyond.
        """
        import numpy as np

        made, _ = network_input(self._processor, _edges(2 * self.width_px // 3, 2 * self.height_px // 3))
        pixels = _undo(self.numbers).as_pixels(made)
        low, high = float(np.min(pixels)), float(np.max(pixels))
        if low < -_BEYOND or high > 255 + _BEYOND:
            raise Unsuited(
                f"at edges its numbers reach from {low:.0f} to {high:.0f}, and pixels from 0 to 255"
            )

    def is_made_by(self, card: dict[str, Any]) -> bool:
        """Return whether a card gives the same pixels, up to rounding."""
        if (card["height_px"], card["width_px"]) != (self.height_px, self.width_px):
            return False
        if card["interpolation"] == "nearest":
            return False  # where a place lies between two pixels, libraries round to another of them
        undo = _undo(card)
        pixels = {k: v for k, v in card.items() if k in PixelSpec.__dataclass_fields__}
        spec = PixelSpec(**pixels, decode="exact")
        return all(
            abs(undo.as_pixels(made) - _by_pillow(image, spec)).max() <= _STEPS for image, made in self._pairs
        )

    def by_processor(self) -> dict[str, Any]:
        """Return fields of a card for which the processor itself makes the pixels."""
        import numpy as np

        own = _undo(self.numbers, type(self._processor).__name__, _settings(self._processor))
        for image, made in self._pairs[:2]:
            try:
                away = np.abs(own.pixels(image) - own.as_pixels(made)).max()
            except (TypeError, AttributeError) as exc:
                raise Unsuited(f"it cannot be made anew from its settings ({exc})") from exc
            if away > _ROUNDED:
                raise Unsuited("made anew from its settings it gives other pixels")
        resample = getattr(self._processor, "resample", None)
        return {
            "height_px": self.height_px,
            "width_px": self.width_px,
            "resize": "processor",
            "interpolation": RESAMPLING.get(2 if resample is None else int(resample), "bilinear"),
            **self.numbers,
            "processor": own,
        }

    def _colour(self, *rgb: int) -> Array:
        """The numbers of an image of one colour; of the target's size, so that no border is needed."""
        import numpy as np
        from PIL import Image

        image = Image.new("RGB", (self.width_px, self.height_px), rgb)
        made, _ = network_input(self._processor, image)
        return np.asarray(made[self.height_px // 2, self.width_px // 2], np.float64)


def _undo(numbers: dict[str, Any], kind: str = "", settings: str = "{}") -> Processor:
    return Processor(
        kind=kind,
        settings=settings,
        scale=numbers["scale"],
        mean=tuple(numbers["mean"]),
        std=tuple(numbers["std"]),
        channel_order=numbers["channel_order"],
    )


def _settings(processor: Any) -> str:
    config = getattr(processor, "data_config", None)
    if config is not None:  # of timm: it is what the class makes its transform of
        return json.dumps({"pretrained_cfg": config}, sort_keys=True)
    said = json.loads(processor.to_json_string())
    kept = {k: v for k, v in said.items() if k not in _NO_SETTINGS and not k.startswith("_")}
    return json.dumps(kept, sort_keys=True)


def _sizes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Widths and heights of images around a target: wide, tall, smaller, of odd sides, and larger.

    The largest is for rules that hold for large images alone, such as tiles beside the whole.
    """
    yield from ((61, 97), (347, 229), (229, 347), (40, 300), (1501, 1103), (width, height))
    yield width // 2 + 3, height // 3 + 1
    if width * height <= _LARGE_PX:
        yield 2 * width + 1, height + height // 2 + 1


def _image(width: int, height: int) -> Image.Image:
    """Return an image with slopes, waves and edges."""
    import numpy as np
    from PIL import Image

    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    waves = 128 + 90 * np.sin(x / 5.0 + y / 11.0)
    slope = 255 * (x + y) / (width + height)
    edges = np.where((x // 9 + y // 7) % 2, 225, 30) + 0 * slope
    return Image.fromarray(np.stack([waves, slope, edges], axis=-1).astype(np.uint8))


def _edges(width: int, height: int) -> Image.Image:
    """Return an image of black and white fields."""
    import numpy as np
    from PIL import Image

    x, y = np.arange(max(8, width))[None, :], np.arange(max(8, height))[:, None]
    fields = np.where((x // 5 + y // 5) % 2, 255, 0).astype(np.uint8)
    return Image.fromarray(np.stack([fields] * 3, axis=-1))


def _by_pillow(image: Image.Image, spec: PixelSpec) -> Array:
    """Return the `exact` pixels of a card: resized by Pillow, then cropped, as `images.resize` does."""
    import numpy as np
    from PIL import Image

    to = fit(spec, *image.size)
    resized = image.resize((to.width, to.height), Image.Resampling[spec.interpolation.upper()])
    box = (to.left, to.top, to.left + spec.width_px, to.top + spec.height_px)
    return np.asarray(resized.crop(box), np.float64)


def _unlike_extra(first: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Return the name of an output other than pixels that differs between two images."""
    names = sorted((first.keys() | other.keys()) - _FOR_LATER)
    return next((n for n in names if not _equal(first.get(n), other.get(n))), None)


def _equal(one: Any, other: Any) -> bool:
    import numpy as np

    try:
        return bool(np.array_equal(np.asarray(one), np.asarray(other)))
    except ValueError:  # lists of arrays of several shapes
        return False


def _near(numbers: Array, wanted: Any, slope: Array) -> npt.NDArray[np.bool_]:
    near: npt.NDArray[np.bool_] = abs(numbers - wanted) <= 0.02 * slope
    return near


def _px(made: Array) -> str:
    return f"{made.shape[1]} x {made.shape[0]} px"
