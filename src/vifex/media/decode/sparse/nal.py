"""Packets of H.264 and H.265 (ITU-T H.264 and H.265, 7.3 and 7.4) with length-prefixed NAL units.

Anything unusual raises `Unclear`, and the stream is decoded in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from av.packet import Packet

from vifex.media.decode.sparse.role import ENTRY, INNER, SPARE, Role, Unclear

__all__ = ["H264", "Hevc"]

_LASTING: Final = frozenset({19, 47})
"""Messages that hold for later images and change how these come out: film grain and orientation."""


class _NalUnits:
    """Walks the NAL units of packets and knows the parameter sets met so far."""

    header_bytes: int
    """Length of a unit's header."""

    def __init__(self, extradata: bytes, length_bytes: int) -> None:
        self._extradata = extradata
        self._length_bytes = length_bytes
        self._sets: set[bytes] = set()
        self._is_first = True

    def units(self, packet: Packet[Any]) -> Iterator[memoryview]:
        view = memoryview(packet)
        at, end = 0, len(view)
        while at < end:
            start = at + self._length_bytes
            at = start + int.from_bytes(view[at:start], "big")
            if at > end or at < start + self.header_bytes:
                raise Unclear
            yield view[start:at]
        self._is_first = False

    def keep_set(self, unit: memoryview) -> None:
        """Take a parameter set of the first packet; none that comes later may say anything new."""
        if self._is_first:
            self._sets.add(bytes(unit))
        elif bytes(unit) not in (self._sets or self._extradata):
            raise Unclear

    def check_message(self, unit: memoryview) -> None:
        """Refuse messages that change how later images come out."""
        at, end = self.header_bytes, len(unit)
        while at + 1 < end and unit[at] != 0x80:
            kind, at = _extended(unit, at)
            size, at = _extended(unit, at)
            if kind in _LASTING:
                raise Unclear
            at += size


class H264(_NalUnits):
    """Reads packets of H.264."""

    header_bytes = 1

    def role(self, packet: Packet[Any]) -> Role:
        """Describe what the next packet of the stream is."""
        is_entry, is_spare, n = True, True, 0
        for unit in self.units(packet):
            kind = unit[0] & 31
            if kind in (1, 5):
                n += 1
                is_entry = is_entry and kind == 5
                is_spare = is_spare and not unit[0] & 0x60  # nal_ref_idc
            elif kind in (7, 8, 13, 15):
                self.keep_set(unit)
            elif kind == 6:
                self.check_message(unit)
            elif kind in (2, 3, 4, 10, 11):  # data partitions, ends of sequence and stream
                raise Unclear
        if not n:
            raise Unclear
        return ENTRY if is_entry else SPARE if is_spare else INNER


class Hevc(_NalUnits):
    """Reads packets of H.265."""

    header_bytes = 2

    def __init__(self, extradata: bytes, length_bytes: int) -> None:
        super().__init__(extradata, length_bytes)
        self._n_layers = extradata[21] >> 3 & 7  # temporal ones; 0 where it is not known

    def role(self, packet: Packet[Any]) -> Role:
        """Describe what the next packet of the stream is."""
        kinds: set[int] = set()
        is_highest = True
        for unit in self.units(packet):
            kind = unit[0] >> 1 & 63
            if kind < 32:  # of a second eye or of alpha too: they must be alike
                if kind in (19, 20, 21) and len(unit) > 2 and unit[2] & 0x40:  # no_output_of_prior_pics_flag
                    raise Unclear
                if unit[1] & 7 > self._n_layers > 0:
                    raise Unclear
                kinds.add(kind)
                is_highest = is_highest and unit[1] & 7 == self._n_layers
            elif kind in (32, 33, 34):
                self.keep_set(unit)
            elif kind == 39:
                self.check_message(unit)
            elif kind in (36, 37):  # ends of sequence and stream
                raise Unclear
        return self._of(kinds, is_highest=is_highest)

    def _of(self, kinds: set[int], *, is_highest: bool) -> Role:
        """Tell by the types of an image's slices (table 7-1)."""
        if len(kinds) != 1:
            raise Unclear
        (kind,) = kinds
        if kind in (19, 20, 21):  # IDR and CRA
            return ENTRY
        if kind > 9:  # BLA and what is reserved
            raise Unclear
        # Even types are not for reference within their temporal layer, so in the highest for none.
        return Role(is_spare=kind % 2 == 0 and is_highest, is_leading=kind in (8, 9))


def _extended(unit: memoryview, at: int) -> tuple[int, int]:
    """Read a number that 0xFF bytes prolong, and where the next one starts."""
    value = 0
    while at < len(unit) and unit[at] == 0xFF:
        value, at = value + 255, at + 1
    return value + (unit[at] if at < len(unit) else 0), at + 1
