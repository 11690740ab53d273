"""What a user gives to a network, as the samples that the network takes.

Images are paths, Pillow images, NumPy arrays and torch tensors. A clip is a sequence or an array of images.
A sound is a path or an array. A video is a path, given by itself: it has as many samples as are taken of it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vifex.api.types import Transform
from vifex.media.decode.files.source import open_uri
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.images.pillow import orientation
from vifex.media.read import Skip, frame_at, is_image, read, sound_at, thumbnail
from vifex.values import AudioSpec, InputError, Limits, Medium, PixelSpec, ViewRequest
from vifex.values.media import path_to_uri

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "Reader",
    "first_two",
    "is_path",
    "ready_image",
    "single_path",
    "upright_image",
]


_ACCEPTED: Final = (
    "Give a path, a Pillow image, a uint8 RGB array [H, W, 3], a uint8 torch tensor [3, H, W], or a list of "
    "such."
)
_FULL_PX: Final = 1 << 30
"""A side that no image has: it is not made smaller."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes a network's samples of what a user gives."""

    name: str
    """Of the model, for messages."""
    request: ViewRequest
    """What is taken of a medium, and what its pixels or its sound are to be like."""
    frames: int | None = None
    """Frames of a clip; `None` for a network of images or sound."""
    transform: Transform | None = None
    """The user's own, in place of the request's pixels."""
    shape: tuple[int, ...] = ()
    """Of what the transform gives."""

    def samples(self, given: Any, on_notice: Callable[[str], None]) -> Iterator[npt.NDArray[Any]]:
        """Yield the samples of all that is given, in its order.

        Args:
            given: See the module.
            on_notice: Called with what was lost of a video.

        Yields:
            uint8 `[H, W, 3]`, of clips `[T, H, W, 3]`; of sound float32 `[S]`; else what the transform gives.

        Raises:
            InputError: If something in it is none of the accepted types.
            MediaError: If a file cannot be decoded.
        """
        path = single_path(given)
        if path is not None and self.request.audio is None:
            yield from self._of_file(path, on_notice)
            return
        one = self._sound if self.request.audio else self._clip if self.frames else self._image
        for item in self._listed(given):
            yield one(item)

    def _listed(self, given: Any) -> Iterable[Any]:
        """Take a single input for a list of one."""
        from PIL import Image

        if is_path(given) or isinstance(given, Image.Image):
            return [given]
        axes = 1 if self.request.audio else 4 if self.frames else 3
        if (isinstance(given, np.ndarray) or _is_tensor(given)) and given.ndim == axes:
            return [given]
        if not isinstance(given, Iterable) or isinstance(given, bytes | bytearray | dict):
            raise _no_image(f"{type(given).__name__} is no image, nor a list of them.")
        if self.frames and isinstance(given, list | tuple) and given and _is_one_image(given[0]):
            return [given]  # the frames of one clip
        return given

    # -- images -------------------------------------------------------------------------------------

    def _image(self, image: Any) -> npt.NDArray[Any]:
        if self.transform is not None:
            return self._transformed(upright_image(image))
        return ready_image(image, self.request.pixels)

    def _transformed(self, image: Image.Image) -> npt.NDArray[np.float32]:
        assert self.transform is not None
        given = self.transform(image)
        sample = np.ascontiguousarray(_as_array(given), dtype=np.float32)
        if sample.shape != self.shape:
            raise InputError(
                f"the transform gives {list(sample.shape)} for an image of {image.width} x {image.height} "
                f"pixels, and {list(self.shape)} for another one.",
                of=self.name,
                todo="Let it resize and crop every image to one size.",
            )
        return sample

    # -- clips and files ----------------------------------------------------------------------------

    def _clip(self, clip: Any) -> npt.NDArray[Any]:
        if is_path(clip):
            raise InputError(
                "a video in a list has an unknown number of clips.",
                of=os.fspath(clip),
                todo="Give each video by itself, or use vifex.stream for several.",
            )
        if not isinstance(clip, Iterable) or isinstance(clip, bytes | bytearray | dict):
            raise InputError(
                f"{type(clip).__name__} is no clip.",
                of=self.name,
                todo=f"Give {self.frames} images each: a list, or a uint8 array [{self.frames}, H, W, 3].",
            )
        images = list(clip)
        if len(images) != self.frames:
            raise InputError(
                f"the clip has {len(images)} frames, and the model takes {self.frames}.", of=self.name
            )
        return np.stack([ready_image(image, self.request.pixels) for image in images])

    def _of_file(
        self, path: str | os.PathLike[str], on_notice: Callable[[str], None]
    ) -> Iterator[npt.NDArray[Any]]:
        """Yield the samples of an image file or of a video, as the request takes them."""
        if self.transform is not None:
            yield self._image(path)
            return
        medium = _medium(path)
        samples = read(medium, [self.request], Limits())
        while True:
            try:
                sample = next(samples)
            except StopIteration as stop:
                for problem in stop.value.problems:
                    on_notice(f"{os.fspath(path)}: {problem}")
                return
            except Skip as exc:
                raise InputError(
                    f"the model {self.name!r} takes images and videos, and this has {exc.reason}.",
                    of=os.fspath(path),
                ) from exc
            if self.frames and sample.t_s is None:
                raise InputError(
                    f"the model {self.name!r} takes clips, and this is an image.", of=os.fspath(path)
                )
            yield sample.pixels

    # -- sound --------------------------------------------------------------------------------------

    def _sound(self, sound: Any) -> npt.NDArray[np.float32]:
        """Return one window of a path or an array."""
        spec = self.request.audio
        assert spec is not None
        if is_path(sound):
            try:
                return sound_at(sound, None, spec, Limits()).pixels
            except Skip as exc:
                raise InputError(
                    f"the model {self.name!r} takes sound, and this has {exc.reason}.", of=os.fspath(sound)
                ) from exc
        return _window(_as_array(sound) if _is_tensor(sound) else sound, spec)


def is_path(given: Any) -> bool:
    """Tell whether something is a path: a text, or what Python takes for one."""
    return isinstance(given, str | os.PathLike)


def single_path(given: Any) -> str | os.PathLike[str] | None:
    """Return the path if one is given by itself, or alone in a list or tuple."""
    if isinstance(given, list | tuple) and len(given) == 1:
        given = given[0]
    return given if is_path(given) else None


def upright_image(image: Any) -> Image.Image:
    """Return an image in RGB and upright, at its own size.

    Args:
        image: One of the types of `OneImage`.

    Raises:
        InputError: If it is none of them.
        MediaError: If the file cannot be decoded.
    """
    if is_path(image):
        with open_uri(image) as file:
            if not is_image(file, Limits()):
                raise InputError("this is a video, not an image.", of=os.fspath(image))
        return thumbnail(image, None, None, _FULL_PX)
    opened = _pillow(image)
    return StillImage(opened, opened.size, orientation(opened)).upright()


def ready_image(image: Any, spec: PixelSpec) -> npt.NDArray[np.uint8]:
    """Return the ready pixels of a path, a Pillow image, an array or a tensor."""
    if is_path(image):
        try:
            sample = frame_at(image, 0.0, spec, Limits())
        except Skip as exc:
            raise InputError(f"this is no image: it has {exc.reason}.", of=os.fspath(image)) from exc
        if sample.t_s is not None:
            raise InputError(
                "a video in a list has an unknown number of frames.",
                of=os.fspath(image),
                todo="Give each video by itself, or use vifex.stream for several.",
            )
        return sample.pixels
    opened = _pillow(image)
    return StillImage(opened, opened.size, orientation(opened)).ready(spec, None)


def _pillow(image: Any) -> Image.Image:
    from PIL import Image

    if _is_tensor(image):
        image = _channels_last(_as_array(image))
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise _no_image(f"an array of {image.dtype} {list(image.shape)} is no image.")
        if 0 not in image.shape:
            return Image.fromarray(image)
        raise InputError(f"an image of {image.shape[1]} x {image.shape[0]} pixels has none.")
    if not isinstance(image, Image.Image):
        raise _no_image(f"{type(image).__name__} is no image.")
    if 0 in image.size:
        raise InputError(f"an image of {image.width} x {image.height} pixels has none.")
    return image


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Lay a tensor's `[3, H, W]`, the order of torchvision, as `[H, W, 3]`."""
    if array.ndim == 3 and array.shape[0] == 3:
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return np.ascontiguousarray(array)


def _is_one_image(item: Any) -> bool:
    # A path may be that of a video.
    from PIL import Image

    is_array = isinstance(item, np.ndarray) or _is_tensor(item)
    return isinstance(item, Image.Image) or (is_array and item.ndim == 3)


def _is_tensor(given: Any) -> bool:
    # By its name: to import torch here would take seconds, and it may not be installed.
    return type(given).__module__.partition(".")[0] == "torch" and hasattr(given, "detach")


def _as_array(given: Any) -> npt.NDArray[Any]:
    """Return a tensor, on any device, as an array."""
    return np.asarray(given.detach().cpu() if _is_tensor(given) else given)


def _window(sound: Any, spec: AudioSpec) -> npt.NDArray[np.float32]:
    n = spec.window_samples
    if not isinstance(sound, np.ndarray) or sound.dtype != np.float32 or sound.shape != (n,):
        is_array = isinstance(sound, np.ndarray)
        given = f"{sound.dtype} {list(sound.shape)}" if is_array else type(sound).__name__
        raise InputError(
            f"{given} is no window of sound.",
            todo=f"Give paths or float32 arrays [{n}]: {spec.window_s:g} s at {spec.sample_rate_hz} Hz.",
        )
    return sound


def _medium(path: str | os.PathLike[str]) -> Medium:
    with open_uri(path) as file:
        stat = file.stat
    text = os.fspath(path)
    uri = text if text.startswith("file://") else path_to_uri(path)
    return Medium(uri, Path(text).name, "unknown", stat.st_size, stat.st_mtime_ns)


def _no_image(said: str) -> InputError:
    return InputError(said, todo=_ACCEPTED)


def first_two(samples: Iterator[npt.NDArray[Any]]) -> tuple[int, Iterator[npt.NDArray[Any]]]:
    """Return how many of the first two samples there are, and all samples."""
    ahead = list(itertools.islice(samples, 2))
    return len(ahead), itertools.chain(ahead, samples)
