"""Packets of VP8 (RFC 6386, 9.1), VP9 (its bitstream specification, 6.2 and annex B) and AV1 (5.3 to 5.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from av.packet import Packet

from vifex.media.decode.sparse.role import ENTRY, HIDDEN, INNER, Role, Unclear

__all__ = ["av1_role", "vp8_role", "vp9_role"]


def vp8_role(packet: Packet[Any]) -> Role:
    """Describe what a packet of VP8 is."""
    first = memoryview(packet)[0]
    if not first & 0x10:  # show_frame
        return HIDDEN
    return INNER if first & 1 else ENTRY


def vp9_role(packet: Packet[Any]) -> Role:
    """Describe what a packet of VP9 is."""
    # Frames pass on their statistics and motion even where no pixel of theirs is used: none is spare.
    frames = [_vp9_frame(frame) for frame in _vp9_frames(memoryview(packet))]
    n_shown = sum(is_shown for _, is_shown in frames)
    if n_shown > 1:
        raise Unclear
    return HIDDEN if not n_shown else ENTRY if frames[0][0] else INNER


def _vp9_frames(view: memoryview) -> list[memoryview]:
    """Cut a superframe (annex B) into its frames."""
    marker = view[-1]
    n, size = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = 2 + n * size
    if marker & 0xE0 != 0xC0 or len(view) < index or view[-index] != marker:
        return [view]
    frames, at = [], 0
    for place in range(n):
        begin = len(view) - index + 1 + place * size
        length = int.from_bytes(view[begin : begin + size], "little")
        frames.append(view[at : at + length])
        at += length
    return [frame for frame in frames if len(frame)]


def _vp9_frame(frame: memoryview) -> tuple[bool, bool]:
    """Say of a frame whether it is a key frame and whether it is shown."""
    bits = int.from_bytes(bytes(frame[:2]).ljust(2, b"\0"), "big")
    at = 12  # after the marker and the two bits of the profile
    if bits >> 14 != 2:
        raise Unclear
    if bits >> at & 3 == 3:
        at -= 1  # a reserved bit
    if bits >> (at - 1) & 1:  # show_existing_frame
        return False, True
    return not bits >> (at - 2) & 1, bool(bits >> (at - 3) & 1)


def av1_role(packet: Packet[Any]) -> Role:
    """Describe what a packet of AV1 is."""
    # A temporal unit shows one frame, by the specification (7.5).
    has_sequence = False
    for kind, payload in _av1_units(memoryview(packet)):
        if kind == 1:
            has_sequence = True
        elif kind in (3, 6) and len(payload):  # frame header, frame
            # show_existing_frame 0, frame_type KEY_FRAME, show_frame 1
            return ENTRY if has_sequence and payload[0] & 0xF0 == 0x10 else INNER
    raise Unclear


def _av1_units(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(view):
        header = view[at]
        at += 2 if header & 4 else 1
        if not header & 2:  # without a size it is the last
            yield header >> 3 & 15, view[at:]
            return
        size, at = _leb128(view, at)
        yield header >> 3 & 15, view[at : at + size]
        at += size


def _leb128(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        if at >= len(view):
            raise Unclear
        value |= (view[at] & 127) << (7 * place)
        at += 1
        if not view[at - 1] & 128:
            break
    return value, at
