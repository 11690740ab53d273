"""High dynamic range and wide gamut to sRGB: arrays in, arrays out, no files and no frames.

Display light is what a reference display emits. PQ (SMPTE ST 2084) states it. HLG (ITU-R BT.2100) states the
scene's light, and the display is taken to have a peak of 1,000 cd/m2. The curve of ITU-R BT.2390, annex 5
(EETF), brings 1,000 cd/m2 down to 203, which is the white of SDR images (ITU-R BT.2408). The result is the
mean of two: the curve on each of R, G and B, which alone would shift hues, and the curve on the largest of
them, which alone would give bright clouds a colour. Then primaries become those of BT.709, what lies outside
is clipped, and sRGB's curve follows. SDR in a wide gamut has its primaries changed alone.
See docs/adr/0074-hdr-becomes-sdr-by-a-fixed-curve.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["HDR_RULE", "Colour"]

UInt8Array = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float32]

HDR_RULE: Final = (
    "BT.2390 EETF from 1000 to 203 cd/m2 (mean of each channel's and the largest's), BT.709 primaries, sRGB"
)
"""How HDR becomes SDR, in words for a recipe."""

Transfer = Literal["pq", "hlg", "sdr"]

_PEAK: Final = 1000.0
"""cd/m2 that become the display's white: mastering metadata is not asked, see the ADR."""
_WHITE: Final = 203.0
"""cd/m2 of SDR white in an HDR image: ITU-R BT.2408."""
_HLG_GAMMA: Final = 1.2
"""Of BT.2100's display of 1,000 cd/m2."""

# Code points of ITU-T H.273, as FFmpeg, HEIF and PNG use them.
_TRANSFERS: Final[dict[int, Transfer]] = {16: "pq", 18: "hlg"}
_NOT_FOR_DISPLAY: Final = frozenset({8, 9, 10, 17})
"""Linear light, logarithms and cinema's own, which are left as they are."""
_UNSAID: Final = 2
_BT2020: Final = 9
_BT2020_MATRICES: Final = frozenset({9, 10})
_WHITE_D65: Final = (0.3127, 0.3290)
_XY: Final[dict[int, tuple[tuple[float, float], ...]]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _WHITE_D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _WHITE_D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _WHITE_D65),
}
"""Red, green, blue and white in CIE x, y: BT.709, BT.2020, P3 with the cinema's white, P3 with D65."""
_NAMES: Final = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}

_BLOCK: Final = 1 << 16
"""Pixels that are converted at a time: floats of a whole 4K frame would take 100 MB."""
_STEPS: Final = 65535
"""Levels of the tables; a step in the darkest part of sRGB's curve is then 0.05 of 255."""


@dataclass(frozen=True, slots=True)
class Colour:
    """The meaning of stored RGB that exceeds sRGB."""

    transfer: Transfer
    primaries: int
    """Code point of H.273; one of BT.709 (1), BT.2020 (9), DCI-P3 (11), Display P3 (12)."""

    @classmethod
    def of(cls, transfer: int, primaries: int, matrix: int) -> Colour | None:
        """Read the code points of H.273; `None` where pixels are to be taken as they are.

        Unstated primaries are BT.2020 where the transfer is PQ or HLG, or the matrix BT.2020's. The small
        differences between BT.709 and the primaries of older television are not converted.
        """
        curve: Transfer = _TRANSFERS.get(transfer, "sdr")
        if curve != "sdr":
            return cls(curve, primaries if primaries in _XY else 1 if primaries != _UNSAID else _BT2020)
        if transfer in _NOT_FOR_DISPLAY:
            return None
        if primaries == _UNSAID and matrix in _BT2020_MATRICES:
            primaries = _BT2020
        return cls("sdr", primaries) if primaries in _XY and primaries != 1 else None

    @property
    def is_hdr(self) -> bool:
        """Whether the range of light is larger than that of SDR."""
        return self.transfer != "sdr"

    @property
    def note(self) -> str:
        """Return one sentence that says what `to_srgb` does."""
        gamut = _NAMES[self.primaries]
        if self.is_hdr:
            return f"HDR ({self.transfer.upper()}, {gamut}) was tone-mapped to SDR: {HDR_RULE}."
        return f"Its colours ({gamut}) were converted to those of BT.709."

    def to_srgb(self, rgb: UInt16Array, white: int = 65535) -> UInt8Array:
        """Convert pixels.

        Args:
            rgb: uint16 `[H, W, 3]`, full range, as stored: the transfer is not undone.
            white: The code of a signal of 1. It matters, because a hundredth more of PQ may be a tenth more
                light.

        Returns:
            uint8 `[H, W, 3]`, sRGB.
        """
        out = np.empty(rgb.shape, dtype=np.uint8)
        rows = max(1, _BLOCK // max(1, rgb.shape[1]))
        for top in range(0, rgb.shape[0], rows):
            block = rgb[top : top + rows]
            if white != _STEPS:
                block = np.minimum(block.astype(np.uint32) * _STEPS // white, _STEPS).astype(np.uint16)
            out[top : top + rows] = self._block(block)
        return out

    def _block(self, rgb: UInt16Array) -> UInt8Array:
        # Planes apart: sums and maxima over an axis of three are many times slower.
        planes = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
        light = _light(self.transfer)[planes]
        if self.transfer == "pq":
            gain = _gain_of_pq()
            light *= gain[planes] + gain[_largest(planes)]
        elif self.transfer == "hlg":
            scene = np.maximum(_mixed(_luminance(self.primaries), light), np.float32(1e-6))
            light *= np.power(scene, np.float32(_HLG_GAMMA - 1))
            light *= _half_gain(light) + _half_gain(_largest(light))
        if self.primaries != 1:
            light = np.stack([_mixed(row, light) for row in _to_bt709(self.primaries)])
        np.clip(light, 0, 1, out=light)
        light *= _STEPS
        light += np.float32(0.5)
        return np.moveaxis(_srgb_codes()[light.astype(np.uint16)], 0, -1)


def _largest(planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    most: npt.NDArray[Any] = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    return most


def _mixed(weights: FloatArray, planes: FloatArray) -> FloatArray:
    mixed: FloatArray = weights[0] * planes[0]
    mixed += weights[1] * planes[1]
    mixed += weights[2] * planes[2]
    return mixed


def pq_to_light(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return cd/m2 of PQ signals from 0 to 1: SMPTE ST 2084, equation 4.1."""
    root = np.power(code, 1 / _M2)
    return 10000 * np.power(np.maximum(root - _C1, 0) / (_C2 - _C3 * root), 1 / _M1)


def light_to_pq(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return PQ signals of cd/m2: SMPTE ST 2084, equation 5.2."""
    y = np.power(light / 10000, _M1)
    return np.power((_C1 + _C2 * y) / (1 + _C3 * y), _M2)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def hlg_to_scene(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the scene's light, 0 to 1, of HLG signals from 0 to 1: ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)


def scene_to_hlg(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return HLG signals of the scene's light, 0 to 1: ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * light - b, 1e-9)) + c
    return np.where(light <= 1 / 12, np.sqrt(3 * light), bright)


def tone_mapped(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Map display light from 0 to 1,000 cd/m2 to 0 to 203: ITU-R BT.2390, annex 5, black levels 0."""
    peak, white = float(light_to_pq(np.array(_PEAK))), float(light_to_pq(np.array(_WHITE)))
    signal, most = np.minimum(light_to_pq(light) / peak, 1), white / peak
    knee = 1.5 * most - 0.5
    t = (signal - knee) / (1 - knee)
    bent = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )
    return pq_to_light(np.where(signal < knee, signal, bent) * peak)


@lru_cache(maxsize=3)
def _light(transfer: Transfer) -> FloatArray:
    """Return light for each code of 16 bits: HDR with its peak, SDR with its white as 1."""
    code = np.arange(_STEPS + 1) / _STEPS
    if transfer == "pq":
        light = np.minimum(pq_to_light(code) / _PEAK, 10)
    elif transfer == "hlg":
        light = hlg_to_scene(code)
    else:
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _half_gain(light: FloatArray) -> FloatArray:
    """Return half the factor by which the curve brings light (peak 1) down to SDR (white 1)."""
    # By the fourth root the steps are fine in the dark, about as PQ has them.
    steps = np.sqrt(np.sqrt(np.minimum(light, 1)))
    steps *= np.float32(_STEPS)
    steps += np.float32(0.5)
    half = _tone_curve()[steps.astype(np.uint16)]
    half /= np.maximum(light, 1)
    return half


@cache
def _tone_curve() -> FloatArray:
    """Return half the factor from light (peak 1) to SDR (white 1), at 65,536 steps of the fourth root."""
    light = np.maximum((np.arange(_STEPS + 1) / _STEPS) ** 4, 1e-9) * _PEAK
    return np.asarray(tone_mapped(light) / _WHITE / (light / _PEAK) / 2, dtype=np.float32)


@cache
def _gain_of_pq() -> FloatArray:
    """Return the same for each code of PQ."""
    return _half_gain(_light("pq"))


@cache
def _srgb_codes() -> UInt8Array:
    """Return the sRGB code for each of 65,536 levels of light: IEC 61966-2-1."""
    light = np.arange(_STEPS + 1) / _STEPS
    code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (code * 255 + 0.5).astype(np.uint8)


def _to_xyz(primaries: int) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB to CIE XYZ: SMPTE RP 177."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in _XY[primaries]]).T
    colours, white = columns[:, :3], columns[:, 3]
    matrix: npt.NDArray[np.float64] = colours * np.linalg.solve(colours, white)
    return matrix


@lru_cache(maxsize=4)
def _luminance(primaries: int) -> FloatArray:
    """Return the share of R, G and B in luminance."""
    return np.asarray(_to_xyz(primaries)[1], dtype=np.float32)


@lru_cache(maxsize=4)
def _to_bt709(primaries: int) -> FloatArray:
    """Return the matrix from linear RGB to that of BT.709; another white is adapted by Bradford's method."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    theirs, ours = _to_xyz(primaries), _to_xyz(1)
    cones = (bradford @ ours.sum(axis=1)) / (bradford @ theirs.sum(axis=1))
    adapted = np.linalg.inv(bradford) @ np.diag(cones) @ bradford
    return np.asarray(np.linalg.inv(ours) @ adapted @ theirs, dtype=np.float32)
