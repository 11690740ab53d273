"""Decoded video frames to RGB: matrix and range as the stream says, cropped, upright, at the wanted size.

FFmpeg's own `scale` filter does the conversion, so that colours are those of the ffmpeg command; the
bare conversion of PyAV places chroma otherwise (see docs/adr/0021-colours-by-ffmpegs-scale-filter.md).
HDR and wide gamut become sRGB here, and transparent pixels are laid over a background.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from PIL import Image

from vifex.media.decode.colour.hdr import Colour
from vifex.media.decode.colour.matrices import MATRICES, rgb_codes
from vifex.media.decode.files.container import Opened
from vifex.media.decode.geometry import UNCROPPED, UPRIGHT, Margins, Shape, Turn, whole_pixels
from vifex.media.decode.images.resize import ready_pixels
from vifex.values import Box, PixelSpec
from vifex.values.pixels import fit

__all__ = ["Converter", "FrameImage"]

UInt8Array = npt.NDArray[np.uint8]
_Part = tuple[int, int, int, int]
"""Left, top, right, bottom in stored pixels."""

_FLAGS: Final = {
    "nearest": "neighbor",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
    "bilinear_2x2": "bilinear",  # swscale has no other that shrinks both ways alike
}

# Fields of an interlaced frame are not taken apart, as the ffmpeg command does not. Primaries and
# transfer are left as they are: swscale refuses frames that carry reserved values of them.
_PLAIN: Final = "field_mode=prog:color_primaries=unknown:color_trc=unknown"
_FULL_RANGE: Final = 2
_UNSAID: Final = 2
"""A colour space that is not stated; swscale assumes BT.601, which HDR never uses."""
_DEEP_RGB: Final = {"rgb24": "rgb48le", "rgba": "rgba64le"}
_DEEP_YUV: Final = {"rgb24": "yuv444p16le", "rgba": "yuva444p16le"}
"""Formats by way of which HDR, and matrices that swscale lacks, become those of 8 bits."""

_ACCURATE: Final = "accurate_rnd"
"""Flag of swscale for those: small errors grow where light is worked out. `full_chroma_int` would be nearer
still, but with `bilinear` it gives garbage where the height stays (FFmpeg 8.1)."""

_MAX_GRAPHS: Final = 64


@dataclass(frozen=True, slots=True)
class _Target:
    """The output of a filter graph: a part of a frame, scaled, in a pixel format."""

    size: tuple[int, int] | None
    part: _Part | None
    flags: str
    form: str


@dataclass(frozen=True, slots=True)
class _Scaler:
    """One filter graph and the form of the frames it was made for."""

    look: tuple[object, ...]
    graph: Graph
    source: FilterContext
    sink: FilterContext

    @classmethod
    def make(cls, frame: VideoFrame, look: tuple[object, ...], to: _Target, is_hdr: bool) -> _Scaler:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        )
        params = _PLAIN
        if to.form in _DEEP_YUV.values():
            params += ":colorspace=bt2020nc:range=tv"  # codes are to come through as they are
        elif is_hdr and frame.colorspace == _UNSAID and not frame.format.is_rgb:
            params += ":colorspace=bt2020nc"
        nodes = [source, graph.add("setparams", params)]
        if to.part is not None:
            left, top, right, bottom = to.part
            nodes.append(graph.add("crop", f"{right - left}:{bottom - top}:{left}:{top}:exact=1"))
        scale = f"flags={to.flags}" if to.size is None else f"{to.size[0]}:{to.size[1]}:flags={to.flags}"
        nodes += [graph.add("scale", scale), graph.add("format", to.form), graph.add("buffersink")]
        graph.link_nodes(*nodes).configure()
        return cls(look, graph, source, nodes[-1])

    def scale(self, frame: VideoFrame) -> npt.NDArray[Any]:
        """Return uint8 `[H, W, C]`, or uint16 where the format has 16 bits."""
        self.source.push(frame)
        out = self.sink.pull()
        if not isinstance(out, VideoFrame):
            raise TypeError(f"a filter graph for video gave {type(out).__name__}")
        return np.asarray(out.to_ndarray())


@dataclass(slots=True)
class Converter:
    """Holds the filter graphs of one stream; a graph is rebuilt only when frames change their form."""

    aspect: Fraction | None
    """Width over height of one stored pixel, as the stream says."""
    margins: Margins = UNCROPPED
    """The cropping that the container states."""
    notes: list[str] = field(default_factory=list)
    """Takes one sentence for each kind of colour conversion."""
    _scalers: dict[_Target, _Scaler] = field(default_factory=dict)
    _turns: dict[int, Turn] = field(default_factory=dict)

    @classmethod
    def of(cls, opened: Opened, notes: list[str] | None = None) -> Converter:
        """Make the converter of an open stream; notes go to its list, or to another."""
        return cls(opened.aspect, opened.stated.margins, opened.notes if notes is None else notes)

    def shape(self, frame: VideoFrame) -> Shape:
        """Return the size of a frame's visible part, turn and pixel aspect."""
        # Asking a frame for its side data makes it part of a reference cycle, so that it lives until
        # the next garbage collection: frames are asked only when their rotation is new.
        rotation = frame.rotation
        if rotation not in self._turns:
            self._turns[rotation] = _turn(frame)
        aspect = self.aspect
        is_sane = aspect and Fraction(1, 10000) <= aspect <= 10000
        left, top, right, bottom = self.margins.inner(frame.width, frame.height)
        return Shape(
            right - left, bottom - top, self._turns[rotation], aspect if aspect and is_sane else Fraction(1)
        )

    def rgb(
        self,
        frame: VideoFrame,
        *,
        size: tuple[int, int] | None = None,
        part: _Part | None = None,
        flags: str = "bicubic",
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> UInt8Array:
        """Convert a frame, as stored, to sRGB in one pass.

        Args:
            frame: As decoded.
            size: Width and height to scale to; `None` keeps them.
            part: A part of the visible image that is taken first; `None` takes all of it.
            flags: Flags of swscale.
            background: The colour under transparent pixels.

        Returns:
            uint8 `[H, W, 3]`.
        """
        part = self._stored_part(frame, part)
        if any(c.is_alpha for c in frame.format.components) or frame.format.has_palette:
            over = self._over(frame, part, background)
            if over is not None:
                # Scaled only now: else hidden colours would bleed into the edges.
                return over if size is None else self._resized(over, size, flags)
            return self._srgb(frame, _Target(size, part, flags, "rgba"))[..., :3]
        return self._srgb(frame, _Target(size, part, flags, "rgb24"))

    def stored(self, frame: VideoFrame) -> UInt8Array:
        """Convert a whole frame to sRGB `[H, W, 3]`, or `[H, W, 4]` where it has alpha."""
        alpha = any(c.is_alpha for c in frame.format.components)
        part = self._stored_part(frame, None)
        return self._srgb(frame, _Target(None, part, "bicubic", "rgba" if alpha else "rgb24"))

    def luma(self, frame: VideoFrame, size: tuple[int, int]) -> UInt8Array:
        """Scale the luma of a frame, as stored, to a small size by the mean of areas.

        Returns:
            uint8 `[H, W]`, of full range.
        """
        target = _Target(size, self._stored_part(frame, None), "area", "gray")
        return np.asarray(self._scaler(frame, target, False).scale(frame), dtype=np.uint8)

    def _stored_part(self, frame: VideoFrame, part: _Part | None) -> _Part | None:
        """Return a part of the visible image in stored pixels; `None` if it is the whole frame."""
        left, top, right, bottom = self.margins.inner(frame.width, frame.height)
        if part is not None:
            left, top, right, bottom = left + part[0], top + part[1], left + part[2], top + part[3]
        whole = (0, 0, frame.width, frame.height)
        return None if (left, top, right, bottom) == whole else (left, top, right, bottom)

    def _over(
        self, frame: VideoFrame, part: _Part | None, background: tuple[int, int, int]
    ) -> UInt8Array | None:
        """Lay a frame, not scaled, over a background; `None` if all of it is opaque."""
        rgba = self._srgb(frame, _Target(None, part, "bicubic", "rgba"))
        return None if rgba[..., 3].min() == 255 else _over(rgba, background)

    def _resized(self, rgb: UInt8Array, size: tuple[int, int], flags: str) -> UInt8Array:
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
        return np.asarray(self._scaler(frame, _Target(size, None, flags, "rgb24"), False).scale(frame))

    def _srgb(self, frame: VideoFrame, to: _Target) -> UInt8Array:
        """Convert to `rgb24` or `rgba`; by way of 16 bits where swscale does not give sRGB."""
        colour = Colour.of(frame.color_trc, frame.color_primaries, frame.colorspace)
        has_own_matrix = frame.colorspace in MATRICES and not frame.format.is_rgb
        if colour is None and not has_own_matrix:
            return np.asarray(self._scaler(frame, to, False).scale(frame), dtype=np.uint8)
        if colour is not None and colour.note not in self.notes:
            self.notes.append(colour.note)
        forms = _DEEP_YUV if has_own_matrix else _DEEP_RGB
        deep = replace(to, form=forms[to.form], flags=f"{to.flags}+{_ACCURATE}")
        codes = self._scaler(frame, deep, colour is not None and colour.is_hdr).scale(frame)
        rgb, white = (
            (_by_own_matrix(frame, codes[..., :3]), 65535) if has_own_matrix else (codes, _white(frame))
        )
        small = _to_8_bits(rgb) if colour is None else colour.to_srgb(rgb[..., :3], white)
        return small if to.form == "rgb24" else np.dstack((small, (codes[..., 3] >> 8).astype(np.uint8)))

    def _scaler(self, frame: VideoFrame, to: _Target, is_hdr: bool) -> _Scaler:
        look = (frame.format.name, frame.width, frame.height, frame.colorspace, frame.color_range, is_hdr)
        scaler = self._scalers.get(to)
        if scaler is None or scaler.look != look:
            # The one it replaces was for frames of another form, which seldom come back. A box may
            # differ from frame to frame: what is kept is bounded.
            if len(self._scalers) >= _MAX_GRAPHS:
                self._scalers.clear()
            scaler = self._scalers[to] = _Scaler.make(frame, look, to, is_hdr)
        return scaler


class FrameImage:
    """A decoded frame as an image: upright, square pixels, any number of requests and boxes."""

    def __init__(self, frame: VideoFrame, converter: Converter) -> None:
        self._frame = frame
        self._converter = converter
        self._full: dict[tuple[int, int, int], Image.Image] = {}

    @cached_property
    def _shape(self) -> Shape:
        return self._converter.shape(self._frame)  # most frames are never converted

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how colours were changed, once pixels were asked for."""
        return tuple(self._converter.notes)

    @property
    def is_key(self) -> bool:
        """Whether the frame is decoded without others."""
        return self._frame.key_frame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image in square pixels."""
        return self._shape.upright

    def ready(self, spec: PixelSpec, box: Box | None) -> UInt8Array:
        """Return ready pixels of the whole or of a box that lies in the image."""
        return self._exact(spec, box) if spec.decode == "exact" else self._fast(spec, box)

    def luma(self, size: tuple[int, int]) -> UInt8Array:
        """Return the luma of the image as stored, small: uint8 `[H, W]`."""
        return self._converter.luma(self._frame, size)

    def stored(self) -> Image.Image:
        """Return the whole image as stored, in mode `RGB`, or `RGBA` where it has alpha."""
        return Image.fromarray(self._converter.stored(self._frame))

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Return the whole image, upright, in square pixels."""
        turned = self._turned(background)
        return turned if turned.size == self.size else turned.resize(self.size, Image.Resampling.BICUBIC)

    def _exact(self, spec: PixelSpec, box: Box | None) -> UInt8Array:
        pw, ph = self._shape.pixel
        inner = None if box is None else self._shape.turned_box(box)
        return ready_pixels(self._turned(spec.background), spec, inner, (float(pw), float(ph)))

    def _turned(self, background: tuple[int, int, int]) -> Image.Image:
        if background not in self._full:
            stored = self._converter.rgb(self._frame, background=background)
            self._full[background] = Image.fromarray(np.ascontiguousarray(self._shape.turn.apply(stored)))
        return self._full[background]

    def _fast(self, spec: PixelSpec, box: Box | None) -> UInt8Array:
        width, height = self.size
        box = box or Box(0, 0, width, height)
        box = _shown(spec, box)
        tw, th = self._shape.turned
        part = whole_pixels(self._shape.turn.undo(self._shape.turned_box(box), tw, th), *self._stored)
        turned = self._shape.turn.transpose
        size = (spec.height_px, spec.width_px) if turned else (spec.width_px, spec.height_px)
        pixels = self._converter.rgb(
            self._frame,
            size=size,
            part=None if part == (0, 0, *self._stored) else part,
            flags=_FLAGS[spec.interpolation],
            background=spec.background,
        )
        return np.ascontiguousarray(self._shape.turn.apply(pixels))

    @property
    def _stored(self) -> tuple[int, int]:
        return self._shape.width, self._shape.height


def _turn(frame: VideoFrame) -> Turn:
    try:
        # PyAV's types name one key of this mapping; at run time its keys are of the kind `Type`.
        matrix = cast("Mapping[Type, SideData]", frame.side_data).get(Type.DISPLAYMATRIX)
    except ValueError:
        # PyAV cannot list the side data of a frame that carries a kind newer than it: the angle is
        # still to be had, though not whether the image is mirrored.
        return Turn.from_rotation(frame.rotation)
    return (Turn.from_matrix(bytes(matrix)) if matrix else None) or UPRIGHT


def _white(frame: VideoFrame) -> int:
    """Return what swscale makes of white at 16 bits, where it takes 256 for 255 or does not fill low bits."""
    if frame.format.is_rgb:
        return 65535
    bits = max(c.bits for c in frame.format.components)
    return ((1 << bits) - 1) << (16 - bits) if frame.color_range == _FULL_RANGE else 65283


def _by_own_matrix(frame: VideoFrame, yuv: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    return rgb_codes(
        yuv,
        bits=max(c.bits for c in frame.format.components),
        is_full=frame.color_range == _FULL_RANGE,
        matrix=frame.colorspace,
        transfer=frame.color_trc,
    )


def _to_8_bits(codes: npt.NDArray[np.uint16]) -> UInt8Array:
    return ((codes.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _shown(spec: PixelSpec, box: Box) -> Box:
    """Return the part of a box that is left after the crop of the resize, so that no more is scaled."""
    width, height = box.x1 - box.x0, box.y1 - box.y0
    to = fit(spec, width, height)
    sx, sy = width / to.width, height / to.height
    x0, y0 = box.x0 + to.left * sx, box.y0 + to.top * sy
    return Box(x0, y0, x0 + spec.width_px * sx, y0 + spec.height_px * sy)


def _over(rgba: UInt8Array, background: tuple[int, int, int]) -> UInt8Array:
    """Lay pixels with alpha over a background, rounding to the nearest value."""
    colour = rgba[..., :3].astype(np.uint32)
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = colour * alpha + np.array(background, dtype=np.uint32) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
