"""Pixels made by a library's own processor: which one, with what settings, and its numbers as pixels again.

A card says resize and crop in a few words. Where a processor of transformers does what no card can say
(borders, sizes of its own rule), it is run itself, in each decoder: this is the value that names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from vifex.values.errors import ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

__all__ = ["Processor", "Unsuited", "network_input"]

_LEAST, _MOST = -0.75, 255.75
"""Outside of these a number is no pixel that was rounded."""


class Unsuited(ValueError):
    """What a processor makes of an image is no image of three channels; the message is a clause."""


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor of transformers that makes a network's pixels, and how they are got back from its numbers.

    Pixels are uint8, so they differ from its own numbers by half a step of 255 at most.
    """

    kind: str
    """Its class, e.g. `LlavaImageProcessor`."""
    settings: str
    """What it is made with: a JSON object with sorted keys."""
    scale: float
    """A pixel is `(number * std + mean) * scale`, `mean` and `std` per channel in the network's order."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_order: Literal["RGB", "BGR"] = "RGB"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives an equal one back."""
        return {
            "kind": self.kind,
            "settings": json.loads(self.settings),
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
            "channel_order": self.channel_order,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Processor:
        """Read what `to_dict` wrote, also after a trip through JSON."""
        return cls(
            kind=data["kind"],
            settings=json.dumps(data["settings"], sort_keys=True),
            scale=data["scale"],
            mean=tuple(data["mean"]),
            std=tuple(data["std"]),
            channel_order=data["channel_order"],
        )

    def load(self) -> Any:
        """Return the library's object; the first call imports the library, which takes seconds.

        Raises:
            MissingExtraError: If transformers is not installed.
            ModelError: If it has no such processor.
        """
        return _load(self.kind, self.settings)

    def pixels(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Make an image's pixels.

        Args:
            image: Mode `RGB`, upright, square pixels.

        Returns:
            uint8 RGB `[H, W, 3]`.

        Raises:
            Unsuited: If its numbers are no pixels.
        """
        import numpy as np

        pixels = self.as_pixels(network_input(self.load(), image)[0])
        if pixels.min() < _LEAST or pixels.max() > _MOST:
            raise Unsuited(f"its numbers reach from {pixels.min():.1f} to {pixels.max():.1f} of 0 to 255")
        return np.ascontiguousarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))

    def as_pixels(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Undo the scaling: `[H, W, 3]` in the network's order to float64 RGB, 0 to 255, not rounded."""
        import numpy as np

        pixels: npt.NDArray[Any] = np.asarray(numbers, np.float64)
        pixels = (pixels * np.array(self.std) + np.array(self.mean)) * self.scale
        return pixels[..., ::-1] if self.channel_order == "BGR" else pixels


def network_input(processor: Any, image: Image.Image) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """Run a processor of transformers on one image.

    Args:
        processor: The library's object, for images or for videos; of a video each frame is the image.
        image: Mode `RGB`.

    Returns:
        What it makes for the network, `[H, W, 3]` floats in the network's order of channels, and its other
        outputs by name.

    Raises:
        Unsuited: If it fails, or makes something else than one image of three channels.
    """
    import numpy as np

    copies = 2 if "VideoProcessor" in type(processor).__name__ else 1
    try:
        if copies > 1:
            out = processor(videos=[[image] * copies], do_sample_frames=False, return_tensors="pt")
        else:
            out = processor(images=image, return_tensors="pt")
        outputs = dict(out.items())
    except Exception as exc:  # processors raise whatever their libraries raise
        said = " ".join(str(exc).split())[:120].rstrip(". ")
        raise Unsuited(f"it cannot be run on an image alone ({type(exc).__name__}: {said})") from exc
    name = "pixel_values_videos" if copies > 1 and "pixel_values_videos" in outputs else "pixel_values"
    if name not in outputs:
        raise Unsuited(f"it makes {', '.join(map(repr, outputs)) or 'nothing'}, not 'pixel_values'")
    given = outputs.pop(name)
    found = np.asarray(given.float() if hasattr(given, "float") else given)  # NumPy has no bfloat16
    shape = list(found.shape)
    if found.ndim < 4 or found.size != copies * int(np.prod(shape[-3:])) or shape[-3] != 3:
        raise Unsuited(f"it makes {shape} of an image, not three channels of pixels")
    return found.reshape(copies, *shape[-3:])[0].transpose(1, 2, 0), outputs


@lru_cache(maxsize=8)
def _load(kind: str, settings: str) -> Any:
    library: Any = require("transformers", extra="hf", needed_for=f"the processor {kind}")
    own: Any = require("transformers.image_processing_base", extra="hf", needed_for=f"the processor {kind}")
    made = getattr(library, kind, None)
    # The name may come from a store of somebody else: no other class or function is called by it.
    if not (isinstance(made, type) and issubclass(made, own.ImageProcessingMixin)):
        raise ModelError(
            f"transformers {library.__version__} has no processor of pixels of that name.",
            of=kind,
            todo="Install the version that the view was made with; its ledger names it.",
        )
    return made(**json.loads(settings))
