"""YUV to RGB by the matrices that swscale lacks: ICtCp, BT.2020 constant luminance, YCgCo.

Arrays in, arrays out. Cropping, chroma siting and scaling are done by swscale, as for every other frame.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.media.decode.colour.hdr import hlg_to_scene, light_to_pq, pq_to_light, scene_to_hlg

__all__ = ["MATRICES", "rgb_codes"]

UInt16Array = npt.NDArray[np.uint16]
FloatArray = npt.NDArray[np.float64]

_YCGCO, _BT2020_CONSTANT, _ICTCP = 8, 10, 14
MATRICES: Final = frozenset({_YCGCO, _BT2020_CONSTANT, _ICTCP})
"""Code points of ITU-T H.273 that are converted here."""

_HLG: Final = 18
_BLOCK: Final = 1 << 16
"""Pixels that are converted at a time."""

# ITU-R BT.2100, tables 6 and 7.
_LMS: Final = np.array([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]]) / 4096
_ICTCP_OF_PQ: Final = np.array([[2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543]]) / 4096
_ICTCP_OF_HLG: Final = np.array([[2048, 2048, 0], [3625, -7465, 3840], [9500, -9212, -288]]) / 4096


def rgb_codes(yuv: UInt16Array, *, bits: int, is_full: bool, matrix: int, transfer: int) -> UInt16Array:
    """Convert pixels.

    Args:
        yuv: uint16 `[H, W, 3]`, codes of `bits` bits shifted up to 16.
        bits: Of the stored codes.
        is_full: Whether codes take the full range; else luma is 16 to 235 of 8 bits, and so on.
        matrix: One of `MATRICES`.
        transfer: Code point of H.273; counts for ICtCp.

    Returns:
        uint16 `[H, W, 3]`, R, G and B of full range; the transfer is not undone.
    """
    out = np.empty(yuv.shape, dtype=np.uint16)
    rows = max(1, _BLOCK // max(1, yuv.shape[1]))
    for top in range(0, yuv.shape[0], rows):
        signals = _signals(yuv[top : top + rows], bits, is_full, 219 if matrix == _YCGCO else 224)
        rgb = _rgb(signals, matrix, transfer)
        out[top : top + rows] = np.clip(rgb, 0, 1) * 65535 + 0.5
    return out


def _signals(yuv: UInt16Array, bits: int, is_full: bool, chroma: int) -> FloatArray:
    """Return luma, 0 to 1, and both of chroma, -0.5 to 0.5: ITU-R BT.2100, table 9.

    Narrow chroma has `chroma` steps of 8 bits: YCgCo, in H.273, is made of RGB that is narrow already.
    """
    codes = yuv.astype(np.float64) / (1 << (16 - bits))
    one = 1 << (bits - 8)
    if is_full:
        return np.asarray((codes - [0, 128 * one, 128 * one]) / float((1 << bits) - 1))
    return np.asarray((codes - [16 * one, 128 * one, 128 * one]) / [219 * one, chroma * one, chroma * one])


def _rgb(signals: FloatArray, matrix: int, transfer: int) -> FloatArray:
    if matrix == _YCGCO:
        luma, green, orange = np.moveaxis(signals, -1, 0)
        return np.stack((luma - green + orange, luma + green, luma - green - orange), axis=-1)
    return _of_constant_luminance(signals) if matrix == _BT2020_CONSTANT else _of_ictcp(signals, transfer)


def _of_ictcp(signals: FloatArray, transfer: int) -> FloatArray:
    to_lms = np.linalg.inv(_ICTCP_OF_HLG if transfer == _HLG else _ICTCP_OF_PQ)
    lms = np.clip(signals @ to_lms.T, 0, 1)
    light = hlg_to_scene(lms) if transfer == _HLG else pq_to_light(lms)
    rgb: FloatArray = np.maximum(light @ np.linalg.inv(_LMS).T, 0)
    return scene_to_hlg(rgb) if transfer == _HLG else light_to_pq(rgb)


def _of_constant_luminance(signals: FloatArray) -> FloatArray:
    """ITU-R BT.2020, table 4."""
    luma, cb, cr = np.moveaxis(signals, -1, 0)
    blue = luma + cb * np.where(cb <= 0, 2 * 0.9702, 2 * 0.7910)
    red = luma + cr * np.where(cr <= 0, 2 * 0.9938, 2 * 0.4969)
    green = (_linear(luma) - 0.2627 * _linear(red) - 0.0593 * _linear(blue)) / 0.6780
    return np.stack((red, _signal(green), blue), axis=-1)


def _linear(signal: Any) -> FloatArray:
    signal = np.clip(signal, 0, 1)
    return np.asarray(
        np.where(signal < 4.5 * 0.0181, signal / 4.5, ((signal + 0.0993) / 1.0993) ** (1 / 0.45))
    )


def _signal(light: Any) -> FloatArray:
    light = np.clip(light, 0, 1)
    return np.asarray(np.where(light < 0.0181, light * 4.5, 1.0993 * light**0.45 - 0.0993))
