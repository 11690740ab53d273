"""Decodes only the key frames of a video, with the numbers and times that they have in a full decode.

A key frame is what the decoder marks as one (`AV_FRAME_FLAG_KEY`), which it reads from the stream. The flags
of a container are checked against that and not trusted. The decoder is told to skip the others
(`AVDISCARD_NONKEY`). Not every decoder of FFmpeg can: packets of VP8, VP9 and AV1 are left out by their
headers, and of further codecs all frames are decoded.

Numbers and times come from the packets. Whether packets and frames go one to one is seen on the first frames,
which are decoded in full. At the first sign of doubt `Unclear` is raised, and the caller decodes the video in
full. Damage in frames that are skipped is not noticed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Final

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.sparse.gops import roles_by_header
from vifex.media.decode.sparse.role import Unclear
from vifex.media.decode.timing.continuity import PacketClock
from vifex.media.decode.timing.times import Gaps
from vifex.media.decode.video.alpha import has_alpha_beside
from vifex.media.decode.video.packets import frames_of, packets_of, prepare
from vifex.media.decode.video.pixels import Converter, FrameImage
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.values import Limits, ViewRequest

__all__ = ["are_enough", "frame_times", "key_frames"]

_FIRST: Final = 8
"""Frames at the start that are decoded in full, to see which packets give them."""
_DEPTH: Final = 32
"""No codec shows a frame before one that is so many packets earlier in the file."""


def are_enough(requests: Sequence[ViewRequest], opened: Opened) -> bool:
    """Whether nothing but key frames is wanted of a video, and its packets carry times."""
    is_wanted = all(r.sampling.sampler == "keyframes" and r.sampling.assume_fps is None for r in requests)
    return is_wanted and _is_timed(opened)


def _is_timed(opened: Opened) -> bool:
    """Whether packets of one stream carry the times of its frames."""
    is_timed = not (opened.is_raw or opened.is_image_stream or opened.container.format.name == "avi")
    return is_timed and not opened.later and not has_alpha_beside(opened.stream)


def key_frames(
    opened: Opened, limits: Limits, damage: Damage, progress: Callable[[], None]
) -> Iterator[TimedFrame]:
    """Yield the key frames of a video as `shown_frames` yields all frames, with the same numbers and times.

    Args:
        opened: The file.
        limits: How many frames at most.
        damage: Takes what is lost; not empty after `Unclear`.
        progress: Called for each packet.

    Raises:
        Unclear: If the numbers and times of frames cannot be told from the packets, or a key frame is
            damaged.
    """
    packet_clock = PacketClock(opened.container, opened.stream)
    timeline = _Timeline(limits)
    decoder = _Decoder(opened, limits, damage)
    converter, clock = Converter.of(opened), opened.clock
    time_base = clock.text
    for packet in packets_of(opened, damage, packet_clock):
        progress()
        if packet_clock.n_joins:
            raise Unclear
        if packet is None:
            timeline.end()
        elif decoder.is_shown(packet):
            timeline.add(packet)
        decoder.decode(packet)
        while decoder.found and timeline.knows(decoder.found[0][0]):
            pts, frame = decoder.found.popleft()
            index, end_pts = timeline.place(pts, frame.duration or 0, decoder.first)
            start, end = clock.seconds(pts), clock.seconds(end_pts)
            yield TimedFrame(index, pts, time_base, start, end, FrameImage(frame, converter))
    if decoder.found:
        raise Unclear
    wrong = timeline.n_flagged(decoder.first), decoder.n_found
    if wrong[0] != wrong[1]:
        opened.notes.append(
            f"The container marks {wrong[0]:,} frames as key frames and the stream {wrong[1]:,}; those of the"
            " stream count."
        )


def frame_times(
    opened: Opened, limits: Limits, progress: Callable[[], None]
) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield when each frame of a video is on screen, from its packets; the first frames alone are decoded.

    Raises:
        Unclear: If packets do not tell the frames.
    """
    if not _is_timed(opened):
        raise Unclear
    damage, clock = Damage(), opened.clock
    packet_clock = PacketClock(opened.container, opened.stream)
    timeline, decoder = _Timeline(limits), _Decoder(opened, limits, damage)
    duration = 0
    for packet in packets_of(opened, damage, packet_clock):
        progress()
        if packet_clock.n_joins:
            raise Unclear
        if packet is None:
            timeline.end()
        elif decoder.is_shown(packet):
            timeline.add(packet)
            duration = packet.duration or duration
        if not decoder.is_skipping:
            decoder.decode(packet)
    ticks = timeline.edges(duration, decoder.first)
    yield from ((clock.seconds(a), clock.seconds(b)) for a, b in pairwise(ticks))


class _Decoder:
    """Decodes the first frames in full, then key frames alone."""

    def __init__(self, opened: Opened, limits: Limits, damage: Damage) -> None:
        self._context = prepare(opened, limits)
        self._clock, self._damage = opened.clock, damage
        self._role_of = roles_by_header(self._context)
        extradata = bytes(self._context.extradata or b"")
        codec = self._context.codec.canonical_name
        # Two fields of one frame are two packets in a stream of start codes.
        self._has_fields_apart = codec in ("h264", "hevc") and extradata[:1] != b"\1"
        self._n_damaged: int | None = None
        """Problems when skipping began; `None` before."""
        self.first: list[int] = []
        """Times of the frames that were decoded in full."""
        self.found: deque[tuple[int, VideoFrame]] = deque()
        """Key frames that are not placed yet, with their times."""
        self.n_found = 0

    @property
    def is_skipping(self) -> bool:
        """Whether enough frames were decoded in full."""
        return self._n_damaged is not None

    def is_shown(self, packet: Packet[Any]) -> bool:
        """Whether a frame is to come of a packet: an edit list, or its header, may hide it."""
        if packet.pts is None:
            raise Unclear
        return not packet.is_discard and (self._role_of is None or self._role_of(packet).is_shown)

    def decode(self, packet: Packet[Any] | None) -> None:
        """Send a packet to the decoder, or `None` for the end, unless it is known to be of no use."""
        is_skipping = self.is_skipping
        if is_skipping and packet is not None and self._role_of and not self._role_of(packet).is_entry:
            return
        for frame in frames_of(self._context, packet, self._damage, self._clock):
            self._take(frame)
        if is_skipping and self._count() != self._n_damaged:
            raise Unclear
        if not is_skipping and len(self.first) >= _FIRST:
            self._context.skip_frame = "NONKEY"
            self._n_damaged = self._count()

    def _take(self, frame: VideoFrame) -> None:
        if frame.pts is None or (self._has_fields_apart and frame.interlaced_frame):
            raise Unclear
        if self._n_damaged is None:
            self._damage.n_corrupt_frames += frame.is_corrupt
            self.first.append(frame.pts)
        elif frame.is_corrupt:
            raise Unclear
        if frame.key_frame:
            if frame.pict_type != PictureType.I:  # it may need what was skipped
                raise Unclear
            self.found.append((frame.pts, frame))
            self.n_found += 1

    def _count(self) -> int:
        damage = self._damage
        is_cut = damage.read_error is not None
        return damage.log.n_errors + damage.n_undecoded + damage.n_corrupt_packets + is_cut


class _Timeline:
    """The times of all frames in the order in which they are shown, as their packets have them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: list[int] = []
        self._pts = array("q")
        self._flagged: list[int] = []
        self._is_over = False
        self._n_lost: int | None = None
        """Packets at the start that gave no frame; `None` before the first frames were checked."""

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet."""
        assert packet.pts is not None
        heappush(self._waiting, packet.pts)
        if packet.is_keyframe:
            self._flagged.append(packet.pts)
        while len(self._waiting) > _DEPTH:
            self._settle()

    def end(self) -> None:
        """Take note that there are no more packets."""
        while self._waiting:
            self._settle()
        self._is_over = True

    def knows(self, pts: int) -> bool:
        """Whether the number and the end of a frame are certain."""
        return self._is_over or bisect_left(self._pts, pts) + 1 < len(self._pts) - _FIRST

    def place(self, pts: int, duration: int, first: list[int]) -> tuple[int, int]:
        """Return the number of a frame and the ticks at which it ends.

        Args:
            pts: Of the frame.
            duration: Of the frame, for the case that it is the last.
            first: Times of the frames at the start that were decoded in full.

        Raises:
            Unclear: If the packets before it gave other frames than their times say.
        """
        n_lost = self._lost(first)
        place = bisect_left(self._pts, pts)
        if place == len(self._pts) or self._pts[place] != pts:
            raise Unclear
        if place + 1 < len(self._pts):
            return place - n_lost, self._pts[place + 1]
        return place - n_lost, pts + max(1, duration or self._gap())

    def edges(self, duration: int, first: list[int]) -> list[int]:
        """Return where each frame starts, and where the last one ends, whose packet has this duration."""
        pts = self._pts.tolist()[self._lost(first) :]
        return [*pts, pts[-1] + max(1, duration or self._gap())]

    def _lost(self, first: list[int]) -> int:
        """Return how many packets at the start gave no frame."""
        if self._n_lost is None:
            self._n_lost = bisect_left(self._pts, first[0]) if first else 0
            if not first or list(self._pts[self._n_lost : self._n_lost + len(first)]) != first:
                raise Unclear
        return self._n_lost

    def n_flagged(self, first: list[int]) -> int:
        """Count the packets that the container marks as key frames, from the first frame on."""
        return sum(pts >= first[0] for pts in self._flagged) if first else 0

    def _settle(self) -> None:
        pts = heappop(self._waiting)
        if (self._pts and pts <= self._pts[-1]) or len(self._pts) >= self._limits.decoded_frames:
            raise Unclear
        self._pts.append(pts)

    def _gap(self) -> int:
        gaps = Gaps()
        for pts in self._pts:
            gaps.add(pts)
        return gaps.median()
