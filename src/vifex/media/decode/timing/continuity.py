"""The packet clock across joins: where it restarts or jumps, times continue, as in the ffmpeg command.

A transport stream made of two recordings has a clock that falls, or jumps by hours, in the middle. The ffmpeg
command then shifts all later timestamps so that decoding times continue (`ts_discontinuity_process` of
`fftools/ffmpeg_demux.c`). The same rule is applied here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import InvalidDataError
from av.packet import Packet
from av.video.stream import VideoStream

__all__ = ["PacketClock", "SoundClock", "demuxed", "has_joins", "is_header"]

_DISCONTINUOUS: Final = 0x0200
"""AVFMT_TS_DISCONT: formats whose clock may jump, MPEG-TS, MPEG-PS and Ogg among them."""
_JUMP_S: Final = Fraction(10)
"""`-dts_delta_threshold` of the ffmpeg command."""
_MOST_FAILURES: Final = 16
_FALL_S: Final = Fraction(1, 10)
"""A fall below this is jitter to the ffmpeg command."""


def has_joins(container: InputContainer) -> bool:
    """Whether a format is one of those whose clock may jump forward where two recordings meet."""
    return bool(container.format.flags & _DISCONTINUOUS)


def demuxed(
    container: InputContainer, stream: VideoStream | AudioStream, note_skipped_packets: Callable[[], None]
) -> Iterator[Packet[Any]]:
    """Yield a stream's packets; in a programme stream, continue after places that FFmpeg cannot read.

    Args:
        container: The file.
        stream: The stream.
        note_skipped_packets: Called for each such place.

    Raises:
        FFmpegError: If reading ends early.
    """
    n_failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                n_failures = 0
                yield packet
        except InvalidDataError:
            n_failures += 1
            if container.format.name != "mpeg" or n_failures > _MOST_FAILURES:
                raise
            note_skipped_packets()
        else:
            return


def is_header(container: InputContainer, stream: VideoStream, packet: Packet[Any]) -> bool:
    """Whether a packet is a header of the next film in a chain of Ogg films, which is no frame."""
    if container.format.name != "ogg":
        return False
    start = bytes(memoryview(packet)[:5])
    codec = stream.codec_context.name
    return (codec == "theora" and start[:1] >= b"\x80") or (codec.endswith("vp8") and start == b"OVP80")


class PacketClock:
    """Moves the timestamps of one stream's packets, given in the order of the file, past every join.

    Args:
        container: Its format says whether a jump forward is a join; a fall is one in every format.
        stream: The stream.
        jumps: Whether a jump forward may be a join at all.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream | AudioStream, *, jumps: bool = True
    ) -> None:
        time_base = stream.time_base or Fraction(1, 1000)
        self._jump = round(_JUMP_S / time_base) if jumps and has_joins(container) else None
        self._fall = round(_FALL_S / time_base)
        rate = getattr(stream, "average_rate", None)
        self._gap = round(1 / (rate * time_base)) if rate else 0
        self._offset = 0
        self._dts: int | None = None
        self._next: int | None = None
        self.offsets: list[Fraction] = []
        """Seconds by which timestamps are moved behind each join."""
        self._time_base = time_base
        self.first_join: int | None = None
        """Time of the first packet behind the first join, on the clock that goes on, in ticks."""

    @property
    def n_joins(self) -> int:
        """Joins met so far."""
        return len(self.offsets)

    def correct(self, packet: Packet[Any]) -> bool:
        """Move one packet's timestamps.

        Returns:
            Whether the packet is the first behind a join.
        """
        dts = packet.dts
        is_join = False
        if dts is not None:
            is_join = self._is_join(dts + self._offset)
            if is_join:
                assert self._next is not None
                self._offset = self._next - dts
            self._dts = dts + self._offset
        else:
            self._dts = self._next
        if self._offset:
            if packet.pts is not None:
                packet.pts += self._offset
            if dts is not None:
                packet.dts = dts + self._offset
        if self._dts is not None:
            self._next = self._dts + (packet.duration or self._gap or 1)
        if is_join:
            self.offsets.append(self._offset * self._time_base)
            if self.first_join is None:
                self.first_join = packet.dts if packet.pts is None else packet.pts
        return is_join

    def _is_join(self, dts: int) -> bool:
        if self._next is None or self._dts is None:
            return False
        has_jumped = self._jump is not None and abs(dts - self._next) > self._jump
        return has_jumped or dts + self._fall < self._dts


class SoundClock:
    """Moves the timestamps of a video's sound past the joins that its images have, by the same times.

    Which join a packet is behind is seen by its own clock: the next one, once that fits better.

    Args:
        stream: The sound.
        offsets: Of the film's `PacketClock`.
    """

    def __init__(self, stream: AudioStream, offsets: Sequence[Fraction]) -> None:
        time_base = stream.time_base or Fraction(1, 1000)
        self._offsets = [0, *(round(offset / time_base) for offset in offsets)]
        self._slack = round(_FALL_S / time_base)
        self._place = 0
        self._next: int | None = None

    def correct(self, packet: Packet[Any]) -> bool:
        """Move one packet's timestamps; `True` if it is the first behind a join."""
        own = packet.pts if packet.dts is None else packet.dts
        if own is None:
            return False
        before = self._place
        while self._next is not None and self._place + 1 < len(self._offsets):
            here, there = (abs(own + self._offsets[self._place + i] - self._next) for i in (0, 1))
            if there + self._slack >= here:
                break
            self._place += 1
        offset = self._offsets[self._place]
        if packet.pts is not None:
            packet.pts += offset
        if packet.dts is not None:
            packet.dts += offset
        self._next = own + offset + (packet.duration or 0)
        return self._place > before
