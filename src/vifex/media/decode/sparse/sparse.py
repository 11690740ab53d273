"""Decodes only the part of a video that its samples need, with the same samples as a full decode.

Samplers know frames by number and time alone, and packets carry their times. So packets are read ahead,
samplers of their own see the times, and a packet is decoded only if a selected frame depends on it.
Disposable frames are skipped, and so is the rest of a group of pictures after its last selected frame. Frames
that were not selected are reported with their number and times, without pixels.

At the first sign of doubt `Unclear` is raised, and the caller decodes the video in full. Damage is thus
reported as in a full decode, except for damage in frames that no sample needs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

from vifex.media.decode.files.container import Opened
from vifex.media.decode.files.damage import Damage
from vifex.media.decode.sparse.ahead import Ahead, Group, Planned
from vifex.media.decode.sparse.gops import holds_back, roles
from vifex.media.decode.sparse.role import Unclear
from vifex.media.decode.timing.continuity import PacketClock
from vifex.media.decode.timing.times import Clock, Survey
from vifex.media.decode.video.alpha import has_alpha_beside
from vifex.media.decode.video.packets import frames_of, packets_of, prepare
from vifex.media.decode.video.pixels import Converter, FrameImage
from vifex.media.decode.video.sample_builder import TimedFrame
from vifex.media.sample.base import Part, Sampler
from vifex.media.sample.shots import FoundShots
from vifex.values import Box, Limits, PixelSpec, ViewRequest

__all__ = ["Unclear", "can_pay", "sparse_frames"]

SHARE: Final = 0.75
"""Share of wanted frames above which nothing is gained (measured: docs/adr/0026)."""
_SAMPLERS: Final = frozenset({"fps", "uniform", "every", "times", "frames", "shots"})
_FORMATS: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})


def can_pay(
    requests: Sequence[ViewRequest], parts: Sequence[Part], opened: Opened, surveyed: Survey | None
) -> bool:
    """Whether a video may be decoded in part, and few enough of its frames are wanted.

    Args:
        requests: All requests for it.
        parts: The part of the video for each request.
        opened: The file; the frame rate and length in its header are used only for this estimate.
        surveyed: The result of demuxing, if it was needed.
    """
    is_plain = all(
        w.sampling.sampler in _SAMPLERS and w.pixels.decode == "fast" and w.sampling.assume_fps is None
        for w in requests
    )
    is_damaged = any(isinstance(w.sampling, FoundShots) and w.sampling.is_damaged for w in requests)
    if (
        not is_plain
        or is_damaged
        or opened.container.format.name not in _FORMATS
        or has_alpha_beside(opened.stream)
    ):
        return False
    try:
        roles(opened.stream.codec_context)
    except Unclear:
        return False
    rate, duration_s = float(opened.stream.average_rate or 0), (opened.container.duration or 0) / 1e6
    shares = (
        _share(request, _covered(part, duration_s), rate, duration_s, surveyed)
        for request, part in zip(requests, parts, strict=True)
    )
    return sum(shares) < SHARE


def _share(
    request: ViewRequest, covered: float, rate: float, duration_s: float, surveyed: Survey | None
) -> float:
    """Estimate the share of frames that a request takes, given the share that its part covers."""
    share = _share_without_limit(request, covered, rate, duration_s, surveyed)
    n_frames, most = rate * duration_s, request.sampling.max_frames
    return share if most is None or not n_frames else min(share, most / n_frames)


def _share_without_limit(
    request: ViewRequest, covered: float, rate: float, duration_s: float, surveyed: Survey | None
) -> float:
    sampling = request.sampling
    if sampling.sampler == "every":
        return covered / (sampling.every or 1)
    if sampling.sampler == "uniform":
        return (sampling.uniform or 1) / max(1, len(surveyed.pts)) if surveyed is not None else covered
    if sampling.sampler in ("times", "frames"):
        n_frames = rate * duration_s
        listed = len(sampling.times_s or sampling.frames)
        return min(covered, listed / n_frames) if n_frames else covered
    if isinstance(sampling, FoundShots):
        n_frames = rate * duration_s
        return min(covered, len(sampling.moments()) / n_frames) if n_frames else covered
    return covered * min(1.0, (sampling.fps or 1.0) / rate) if rate else covered


def _covered(part: Part, duration_s: float) -> float:
    """Estimate the share of the packets read that a part covers; nothing after the part is read."""
    end_s = duration_s if part.end is None else min(duration_s, float(part.end))
    return 1 - min(1.0, float(part.start or 0) / end_s) if end_s > 0 else 1.0


def sparse_frames(
    opened: Opened,
    samplers: Sequence[tuple[Sampler, Part]],
    limits: Limits,
    damage: Damage,
    progress: Callable[[], None],
) -> Iterator[TimedFrame]:
    """Yield the frames of a video as `shown_frames` does; unwanted frames have no image.

    Args:
        opened: The file.
        samplers: One for each request, with its part of the video; they are shown every frame here, so those
            that make the samples must be others.
        limits: How many frames at most.
        damage: Takes what is lost; not empty after `Unclear`.
        progress: Called for each packet.

    Raises:
        Unclear: If a part of the video cannot be decoded alone, or may differ from a full decode.
    """
    clock = opened.clock
    context = prepare(opened, limits)
    ahead = Ahead(roles(context), holds_back(context), clock, samplers, limits)
    decoder = _Decoder(context, damage, clock)
    converter, time_base = Converter.of(opened), clock.text
    packet_clock = PacketClock(opened.container, opened.stream)
    for packet in packets_of(opened, damage, packet_clock):
        progress()
        _check(damage)
        if packet_clock.n_joins:
            raise Unclear
        if packet is None:
            ahead.end()
        else:
            ahead.add(packet)
        decoder.work(ahead)
        while ahead.timeline and (not ahead.timeline[0].is_wanted or ahead.timeline[0].frame is not None):
            yield _shown(ahead.timeline.popleft(), time_base, converter)
        if ahead.is_over:
            return


class _Decoder:
    """Sends the needed packets, and checks that each gives the expected frame."""

    def __init__(self, context: Any, damage: Damage, clock: Clock) -> None:
        self._context = context
        self._damage = damage
        self._clock = clock
        self._depth = context.reorder_depth
        self._group: Group | None = None
        self._is_drained = False
        self._due: list[tuple[int, int, Planned]] = []
        self._n_sent = 0

    def work(self, ahead: Ahead) -> None:
        """Send or drop all packets that are decided."""
        while ahead.queue:
            planned = ahead.queue[0]
            group = planned.group
            if planned.is_wanted is None and not ahead.is_over:
                return
            is_made_of_it = not planned.role.is_spare and (group.n_wanted > 0 or group.is_needed_whole)
            if planned.role.is_leading and not group.is_joined and not planned.is_wanted:
                ahead.pop()
            elif planned.is_wanted or is_made_of_it:
                self._send(ahead.pop())
            elif planned.role.is_spare:
                ahead.pop()
            elif ahead.is_decided(group):
                self._leave_out(ahead.pop())
            elif ahead.is_full:
                self._send(ahead.pop())
            else:
                return
        if ahead.is_over:
            self._drain()

    def _send(self, planned: Planned) -> None:
        group = planned.group
        if self._group is not group:
            self._go_to(group, planned)
        if self._is_drained:
            raise Unclear
        if planned.is_shown:
            heapq.heappush(self._due, (planned.pts, self._n_sent, planned))
            self._n_sent += 1
        self._take(frames_of(self._context, planned.packet, self._damage, self._clock))

    def _go_to(self, group: Group, planned: Planned) -> None:
        """Start a group, as a continuation of the previous one or from a clean decoder."""
        before = self._group
        if before is not None and before.number + 1 == group.number and not before.is_cut:
            group.is_joined = True
        elif before is not None:
            self._drain()
            self._context.flush_buffers()
            self._is_drained = False
        if not planned.role.is_entry:
            raise Unclear
        self._group = group

    def _leave_out(self, planned: Planned) -> None:
        planned.group.is_cut = True
        if self._group is planned.group:
            self._drain()

    def _drain(self) -> None:
        """Drain the decoder."""
        if self._group is None or self._is_drained:
            return
        self._is_drained = True
        self._take(frames_of(self._context, None, self._damage, self._clock))
        if self._due:
            raise Unclear

    def _take(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            # Frames come in the order of their times, so none is missing before this one.
            if not self._due or frame.pts != self._due[0][0] or frame.is_corrupt:
                raise Unclear
            _, _, planned = heapq.heappop(self._due)
            if frame.duration != (planned.packet.duration or 0):
                raise Unclear
            if planned.is_wanted:
                planned.frame = frame
        _check(self._damage)
        if self._context.reorder_depth != self._depth:
            raise Unclear


class _Unseen:
    """The image of a frame that was not decoded because nothing needs it."""

    @property
    def size(self) -> tuple[int, int]:
        """Not known."""
        return self._refuse()

    def ready(self, spec: PixelSpec, box: Box | None) -> npt.NDArray[np.uint8]:
        """Not to be had."""
        return self._refuse()

    def luma(self, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Not to be had."""
        return self._refuse()

    def upright(self, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
        """Not to be had."""
        return self._refuse()

    def _refuse(self) -> NoReturn:
        raise AssertionError("the pixels of a frame that no sampler selected were read")


_UNSEEN: Final = _Unseen()


def _check(damage: Damage) -> None:
    """Return up at the first damage; what it means is for decoding in full to say."""
    if damage.log.n_errors or damage.n_undecoded or damage.n_corrupt_packets or damage.read_error:
        raise Unclear


def _shown(planned: Planned, time_base: str, converter: Converter) -> TimedFrame:
    image = _UNSEEN if planned.frame is None else FrameImage(planned.frame, converter)
    is_key = planned.role.is_entry
    return TimedFrame(planned.index, planned.pts, time_base, planned.start, planned.end, image, is_key)
