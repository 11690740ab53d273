"""Assembles HEIF images (HEIC, and AVIF where Pillow cannot) from their items.

The primary item is the image. Thumbnails, depth maps and HDR gain maps are other items, and are ignored.
FFmpeg decodes each coded item. Tiles are joined before colours are converted, because chroma filters reach
across tile edges.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from PIL import Image

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.limits import Refused, check_pixels
from vifex.media.decode.files.log import listening
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.images.formats.heif_boxes import BadBoxes, Heif, Item, read_heif
from vifex.media.decode.images.image import StillImage
from vifex.media.decode.video.pixels import Converter
from vifex.values import Limits, MediaError

__all__ = ["compose", "is_hdr", "is_plain", "read_heif", "set_colours"]

_DECODERS: Final = {
    "hvc1": ("hevc", "hvcC"),
    "av01": ("libdav1d", "av1C"),
    "avc1": ("h264", "avcC"),
    "jpeg": ("mjpeg", "jpgC"),
}
"""Kind of an item to FFmpeg's decoder and the property with its configuration."""
_KINDS: Final = {
    "iovl": "overlaid images",
    "unci": "uncompressed numbers",
    "vvc1": "VVC",
    "j2k1": "JPEG 2000",
    "evc1": "EVC",
    "lhv1": "layered HEVC",
}
_TURNS: Final = ("irot", "imir", "clap")
_HDR: Final = (16, 18)
"""PQ and HLG among transfers; 2 stands for what is not said."""
_UNSAID: Final = 2
_MOST_TILES: Final = 16_384
_QUARTERS: Final = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}


def is_plain(heif: Heif) -> bool:
    """Whether the image is one coded item that FFmpeg shows as it is: no alpha, no profile, no crop.

    FFmpeg turns by quarters first and mirrors then, once each, in whatever order they stand.
    """
    item = heif.items[heif.primary]
    turns = [name for name, _ in item.properties if name in ("irot", "imir")]
    return (
        item.kind in _DECODERS
        and _profile(item) is None
        and not is_hdr(heif)
        and item.first("clap") is None
        and turns in ([], ["irot"], ["imir"], ["irot", "imir"])
        and heif.alpha_of(item) is None
    )


def set_colours(file: MediaFile, frame: VideoFrame) -> None:
    """Let what the primary item of a file says of its colours count for its frame, if the file is HEIF."""
    with suppress(ValueError):  # what is broken in the boxes is told by who decodes them
        heif = read_heif(file)
        if heif is not None:
            _set_colours(frame, heif.items[heif.primary])


def is_hdr(heif: Heif) -> bool:
    """Whether the image's own pixels are PQ or HLG, as its properties say."""
    item = heif.items[heif.primary]
    parts = [heif.items[n] for n in item.refers.get("dimg", ())[:1] if n in heif.items]
    return any(code is not None and code[1] in _HDR for code in map(_code_points, (item, *parts)))


def compose(
    file: MediaFile, heif: Heif, limits: Limits
) -> tuple[StillImage, tuple[str, ...], tuple[str, ...]]:
    """Decode the primary item and what it is made of.

    Returns:
        The image, upright; sentences on what was lost of it, and on how its colours were changed.

    Raises:
        Refused: If it is of a kind that cannot be assembled, or too large.
        MediaError: If it cannot be decoded.
    """
    damage = Damage()
    item = heif.items[heif.primary]
    check_pixels(*item.size, limits, file)
    work, converter = _Work(heif, limits, damage, file), Converter(None)
    try:
        frame = work.frame(item)
        profile = _profile(item)
        if profile:  # the profile is complete; code points are for readers without profiles
            frame.color_trc = frame.color_primaries = _UNSAID
        image = Image.fromarray(converter.rgb(frame))
        alpha = heif.alpha_of(item)
        if alpha is not None:
            image = _with_alpha(image, work.frame(alpha), "prem" in item.refers)
    except BadBoxes as exc:
        raise MediaError(
            f"the image could not be assembled: {exc}.", of=file.display_name, todo="Get a fresh copy."
        ) from exc
    image = _turned(image, item.properties)
    if profile:
        image.info["icc_profile"] = profile
    return StillImage(image, image.size, 1), damage.sentences(), tuple(converter.notes)


def _profile(item: Item) -> bytes | None:
    """Return the ICC profile of an item."""
    kinds = (b"prof", b"rICC")
    return next((data[4:] for name, data in item.properties if name == "colr" and data[:4] in kinds), None)


class _Work:
    """Decodes items of one file."""

    def __init__(self, heif: Heif, limits: Limits, damage: Damage, file: MediaFile) -> None:
        self._heif, self._limits, self._damage, self._file = heif, limits, damage, file
        self._depth = 0

    def frame(self, item: Item) -> VideoFrame:
        """Return an item's pixels as stored, colours as the item says."""
        if item.kind in _DECODERS:
            frame = self._coded(item)
        elif item.kind in ("grid", "iden"):
            frame = self._derived(item)
        else:
            raise Refused(
                f"its image is of a kind that cannot be read: {_KINDS.get(item.kind, repr(item.kind))}.",
                of=self._file.display_name,
                todo="Convert it to JPEG or PNG.",
            )
        _set_colours(frame, item)
        return frame

    def _derived(self, item: Item) -> VideoFrame:
        inputs = [self._heif.items[n] for n in item.refers.get("dimg", ()) if n in self._heif.items]
        self._depth += 1
        if not inputs or self._depth > 8 or len(inputs) > _MOST_TILES:
            raise BadBoxes("its parts are missing")
        if any(name in _TURNS for part in inputs for name, _ in part.properties):
            raise Refused(
                "its image consists of rotated or cropped parts, which is not supported yet.",
                of=self._file.display_name,
                todo="Convert it to JPEG or PNG.",
            )
        frame = self.frame(inputs[0]) if item.kind == "iden" else self._grid(item, inputs)
        self._depth -= 1
        return frame

    def _grid(self, item: Item, tiles: Sequence[Item]) -> VideoFrame:
        rows, columns, width, height = _layout(self._heif.data(item))
        if len(tiles) != rows * columns:
            raise BadBoxes(f"{len(tiles)} of {rows * columns} tiles are present")
        check_pixels(width, height, self._limits, self._file)
        canvas: _Canvas | None = None
        for number, tile in enumerate(tiles):
            try:
                frame = self.frame(tile)
            except (FFmpegError, MediaError, BadBoxes) as exc:
                if isinstance(exc, Refused):
                    raise
                self._damage.other(f"Some of its {len(tiles)} tiles could not be decoded and are gray.")
                continue
            canvas = canvas or _Canvas(frame, width, height)
            row, column = divmod(number, columns)
            canvas.lay(frame, column, row)
        if canvas is None:
            raise BadBoxes("none of its tiles could be decoded")
        return canvas.frame()

    def _coded(self, item: Item) -> VideoFrame:
        name, config = _DECODERS[item.kind]
        data, extradata = self._heif.data(item), item.first(config)
        if item.kind == "jpeg":
            data, extradata = (extradata or b"") + data, None
        context = av.CodecContext.create(name, "r")
        assert isinstance(context, VideoCodecContext)
        context.extradata = extradata
        context.thread_count = 1
        context.options = {"max_pixels": str(self._limits.max_pixels)}
        try:
            with listening(self._damage.log):
                frames = [*context.decode(av.Packet(data)), *context.decode(None)]
        except (FFmpegError, ValueError, MemoryError) as exc:
            if self._damage.too_large:
                raise Refused(
                    f"it is {self._damage.too_large} pixels large, more than allowed.",
                    of=self._file.display_name,
                    todo="Raise the limit if you trust the file.",
                ) from exc
            raise BadBoxes(f"item {item.number} ({item.kind}) could not be decoded") from exc
        if not frames:
            raise BadBoxes(f"item {item.number} ({item.kind}) gave no image")
        return frames[0]


class _Canvas:
    """Planes of a whole image, into which those of tiles are laid."""

    def __init__(self, first: VideoFrame, width: int, height: int) -> None:
        self._first, self._size = first, (width, height)
        self._tile = first.width, first.height
        self._out = VideoFrame(width, height, first.format.name)
        self._planes = [_plane(self._out, i) for i in range(len(self._out.planes))]
        middle = 1 << (first.format.components[0].bits - 1)
        for plane in self._planes:
            plane[:] = middle

    def lay(self, tile: VideoFrame, column: int, row: int) -> None:
        """Copy a tile's planes to their position; parts beyond the image are dropped."""
        if tile.format.name != self._first.format.name or (tile.width, tile.height) != self._tile:
            raise BadBoxes("its tiles differ in size or in format")
        for index, plane in enumerate(self._planes):
            part = _plane(tile, index)
            top, left = row * part.shape[0], column * part.shape[1]
            target = plane[top : top + part.shape[0], left : left + part.shape[1]]
            target[:] = part[: target.shape[0], : target.shape[1]]

    def frame(self) -> VideoFrame:
        """Return the whole image, with the colours of the first tile."""
        out, first = self._out, self._first
        out.colorspace, out.color_range = first.colorspace, first.color_range
        out.color_trc, out.color_primaries = first.color_trc, first.color_primaries
        return out


def _plane(frame: VideoFrame, index: int) -> npt.NDArray[Any]:
    """Return a plane's pixels as a view, without the padding of its rows."""
    plane: Any = frame.planes[index]  # a buffer, whatever its types say
    deep = any(c.bits > 8 for c in frame.format.components)
    kind = np.dtype(np.uint16 if deep else np.uint8)
    rows: npt.NDArray[Any] = np.frombuffer(plane, kind)
    return rows.reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width]


def _layout(data: bytes) -> tuple[int, int, int, int]:
    """Read rows, columns, width and height of a grid."""
    wide = len(data) > 1 and data[1] & 1
    if len(data) < (12 if wide else 8):
        raise BadBoxes("the layout of its tiles is cut")
    width, height = struct.unpack(">II" if wide else ">HH", data[4 : 12 if wide else 8])
    return data[2] + 1, data[3] + 1, width, height


def _set_colours(frame: VideoFrame, item: Item) -> None:
    """Use the colours that the item states instead of those of its stream."""
    stated = _code_points(item)
    if stated is None:
        return
    primaries, transfer, matrix, is_full = stated
    if matrix != _UNSAID:
        frame.colorspace = matrix
    if transfer != _UNSAID:
        frame.color_trc = transfer
    if primaries != _UNSAID:
        frame.color_primaries = primaries
    frame.color_range = 2 if is_full else 1


def _code_points(item: Item) -> tuple[int, int, int, bool] | None:
    """Read primaries, transfer, matrix and range as ITU-T H.273 numbers them."""
    for name, data in item.properties:
        if name == "colr" and data[:4] == b"nclx" and len(data) >= 11:
            primaries, transfer, matrix = struct.unpack(">HHH", data[4:10])
            return primaries, transfer, matrix, bool(data[10] & 0x80)
    return None


def _with_alpha(image: Image.Image, alpha: VideoFrame, is_multiplied: bool) -> Image.Image:
    bits = alpha.format.components[0].bits
    values = _plane(alpha, 0).astype(np.float32) / (1 << (bits - 8))
    if alpha.color_range == 1:
        values = (values - 16) * 255 / 219
    mask = Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
    if mask.size != image.size:
        mask = mask.resize(image.size, Image.Resampling.BILINEAR)
    image.putalpha(mask)
    if is_multiplied:
        return Image.frombytes("RGBa", image.size, image.tobytes()).convert("RGBA")
    return image


def _turned(image: Image.Image, properties: Iterable[tuple[str, bytes]]) -> Image.Image:
    """Crop, turn and mirror as the item says, in its order."""
    for name, data in properties:
        if name == "clap" and len(data) >= 32:
            image = image.crop(_aperture(data, image.size))
        elif name == "irot" and data and data[0] & 3:
            image = image.transpose(_QUARTERS[data[0] & 3])
        elif name == "imir" and data:
            flip = Image.Transpose.FLIP_LEFT_RIGHT if data[0] & 1 else Image.Transpose.FLIP_TOP_BOTTOM
            image = image.transpose(flip)
    return image


def _aperture(data: bytes, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a clean aperture (`clap`)."""
    numbers = struct.unpack(">IIIIiIiI", data[:32])
    width, height, x, y = (n / d if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True))
    left = round((size[0] - width) / 2 + x)
    top = round((size[1] - height) / 2 + y)
    left, top = min(max(left, 0), size[0] - 1), min(max(top, 0), size[1] - 1)
    right, bottom = min(left + max(1, round(width)), size[0]), min(top + max(1, round(height)), size[1])
    return left, top, right, bottom
