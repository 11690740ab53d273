"""Which page of a TIFF is the image, which reader handles it, and its pixels where Pillow cannot read it.

The tags decide before anything is decoded. Pillow shows several sample types white, flat or garbled without
an error, and FFmpeg guesses at types for which Pillow has no mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vifex.media.decode.files.limits import Refused, check_pixels
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.images.tiff.raster import Raster, describe, read_raster
from vifex.media.decode.images.tiff.scale import NoScale, Scale, find_scale, to_eight_bits
from vifex.media.decode.images.tiff.tags import Directory, directories, is_tiff, sub_directories
from vifex.values import Limits, MediaError

__all__ = ["Page", "find_pages", "is_right_in_pillow", "needs_libtiff", "read_page"]

_COLOURS: Final = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4}
"""Photometric interpretation to the samples that are colours, of those that are read here."""
_IN_PILLOW: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34925, 50000})
"""Compressions that Pillow knows; SGI's logarithms are not among them, as Pillow shows them too dark, and
WebP is not, as Pillow's wheels are built without it."""
_NAMES: Final = {
    4: "a transparency mask", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab",
    32803: "the mosaic of a sensor (CFA)", 32844: "LogL", 32845: "LogLuv",
    34892: "linear raw data of a sensor", 51177: "a depth map", 52527: "a semantic mask",
}  # fmt: skip
_NUMBERS: Final = {1: "was", 3: "three were", 4: "four were"}
_MOST_PAGES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Page:
    """A page read here."""

    image: StillImage
    problems: tuple[str, ...]
    """What was lost of it, in sentences."""
    choices: tuple[str, ...]
    """What was taken for black and white, where the kind of numbers does not say."""


def find_pages(file: MediaFile) -> list[Directory]:
    """Return the pages of a TIFF: its directories but for smaller copies and masks.

    Where the first directory is a smaller copy and the image itself is a directory below it, that is the
    page. Empty for what is no TIFF or too broken to tell.
    """
    if not is_tiff(file.head()):
        return []
    chain = list(islice(directories(file), _MOST_PAGES))
    pages = [d for d in chain if not d.is_reduced]
    if not chain or chain[0] in pages:
        return pages
    below = [d for d in sub_directories(file, chain[0]) if not d.is_reduced]
    return below[:1] or pages or chain[:1]


def is_right_in_pillow(page: Directory) -> bool:
    """Whether Pillow, where it reads such a page at all, reads it right."""
    if set(page.formats) != {1} or page.compression not in _IN_PILLOW or page.number(32997, 1) > 1:
        return False  # a volume's first slice is not its image
    if page.photometric in (0, 1, 5) and _has_alpha(page) and page.compression != 7:
        # Pillow cannot show gray multiplied by its alpha, nor inks with alpha.
        is_plain = page.photometric == 1 and page.extra[0] == 2 and page.samples == 2
        return is_plain and set(page.bits) == {8} and not page.is_planar
    bits = set(page.bits)
    if bits <= {1, 2, 4} or bits == {8}:
        # Planes of their own are right where there is no more than colours.
        return not page.is_planar or page.samples == _COLOURS.get(page.photometric, 3)
    return bits == {16} and not page.is_planar and page.photometric in (1, 2, 5)


def needs_libtiff(page: Directory) -> bool:
    """Whether Pillow must leave an uncompressed page to libtiff.

    Chroma of half resolution is not for it, and it does not ask what is black and white of YCbCr.
    """
    if page.photometric != 6 or page.compression != 1:
        return False
    return page.numbers(530) != (1, 1) or not _is_full_range(page)


def _is_full_range(page: Directory) -> bool:
    """Whether ReferenceBlackWhite and YCbCrCoefficients, where they stand, say what JPEG says too."""
    return 532 not in page.tags and 529 not in page.tags


def read_page(file: MediaFile, page: Directory, limits: Limits) -> Page:
    """Read a page's numbers and make an image of eight bits of them.

    Raises:
        Refused: If they are too many or of a kind that cannot be read, which the sentence names.
        MediaError: If none of them can be had.
    """
    check_pixels(page.width, page.height, limits, file)
    if page.photometric not in _COLOURS:
        kind = _NAMES.get(page.photometric, f"photometric interpretation {page.photometric}")
        raise _refused(f"{kind} of {describe(page)}", file)
    if not page.width or not page.height or page.samples < _COLOURS[page.photometric]:
        raise _refused("its size or its samples are not stated", file)
    raster = read_raster(file, page, limits, _COLOURS[page.photometric] + _has_alpha(page))
    try:
        image, scale = _image(page, raster)
    except NoScale as exc:
        raise Refused(
            f"it is a TIFF of {exc}, and nothing says which of them is black and which is white.",
            of=file.display_name,
            todo="Scale them to 0 to 1, or convert it to 8 or 16 bits.",
        ) from exc
    profile = page.tags.get(34675)
    if profile is not None:
        image.info["icc_profile"] = bytes(profile)
    n_lost, n_all = raster.lost
    if n_lost == n_all:
        raise MediaError(
            f"none of its strips or tiles could be decoded: {raster.cause}.",
            of=file.display_name,
            todo="Open it in a viewer, or get a fresh copy.",
        )
    choices = [] if scale.is_stated else [f"It is a TIFF of {describe(page)}: {scale.sentence}"]
    n = _COLOURS[page.photometric]
    if page.samples > n + _has_alpha(page):
        choices.append(f"It has {page.samples} samples per pixel; the first {_NUMBERS[n]} read.")
    return Page(
        StillImage(image, image.size, page.orientation),
        (f"{n_lost} of {n_all} strips or tiles could not be decoded: {raster.cause}.",) if n_lost else (),
        tuple(choices),
    )


def _refused(kind: str, file: MediaFile) -> Refused:
    return Refused(
        f"it is a TIFF that cannot be read: {kind}.", of=file.display_name, todo="Convert it to 8 or 16 bits."
    )


def _image(page: Directory, raster: Raster) -> tuple[Image.Image, Scale]:
    if page.photometric == 3:
        return _from_palette(page, raster), Scale(0, 65535, is_stated=True)
    n = _COLOURS[page.photometric]
    colours = _known(page, raster.values[..., :n])
    scale = find_scale(colours, raster.bits)
    eight = to_eight_bits(colours, scale)
    if page.photometric == 0:
        eight = 255 - eight
    alpha = _alpha(page, raster, n)
    if alpha is None:
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[n]
        return Image.fromarray(eight[..., 0] if n == 1 else eight, mode), scale
    over = np.dstack([eight, alpha])
    if n == 4:
        # No ink is white: inks multiplied by their alpha lie over white already.
        return Image.fromarray(eight if page.extra[0] == 1 else _less(eight, alpha), "CMYK"), scale
    if page.extra[0] == 1:
        return _straight(over), scale
    return Image.fromarray(over, {1: "LA", 3: "RGBA"}[n]), scale


def _known(page: Directory, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Set numbers that stand for nothing, as GDAL's files name one, to what is black."""
    name = page.tags.get(42113)
    if values.dtype.kind != "f" or name is None:
        return values
    try:
        nothing = np.array(float(bytes(name).rstrip(b"\0 ").decode("ascii", "replace")), values.dtype)
    except ValueError:
        return values
    return np.where(values == nothing, np.array(np.nan, values.dtype), values)


def _has_alpha(page: Directory) -> bool:
    """Whether the sample behind the colours says how much of them shows."""
    return page.extra[:1] in ((1,), (2,)) and page.samples > _COLOURS[page.photometric]


def _alpha(page: Directory, raster: Raster, n: int) -> npt.NDArray[np.uint8] | None:
    """Return the sample behind the colours as eight bits where it is alpha."""
    if not _has_alpha(page):
        return None
    values = raster.values[..., n]
    return to_eight_bits(values, find_scale(values, raster.bits))


def _less(inks: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Multiply inks by their alpha."""
    product = inks.astype(np.uint16) * alpha[..., None]
    return ((product + 127) // 255).astype(np.uint8)


def _straight(over: npt.NDArray[np.uint8]) -> Image.Image:
    """Divide colours that were multiplied by their alpha."""
    colours, alpha = over[..., :-1].astype(np.uint32), over[..., -1:].astype(np.uint32)
    plain = np.minimum((colours * 255 + alpha // 2) // np.maximum(alpha, 1), 255).astype(np.uint8)
    both = np.dstack([plain, over[..., -1:]])
    return Image.fromarray(both, {2: "LA", 4: "RGBA"}[both.shape[2]])


def _from_palette(page: Directory, raster: Raster) -> Image.Image:
    table = np.asarray(page.tags.get(320, ()), dtype=np.uint32)
    if raster.values.dtype.kind != "u" or len(table) != 3 << raster.bits:
        raise NoScale("indices without a colour table for them")
    colours = ((table * 255 + 32767) // 65535).astype(np.uint8).reshape(3, -1)
    return Image.fromarray(np.ascontiguousarray(colours[:, raster.values[..., 0]].transpose(1, 2, 0)))
