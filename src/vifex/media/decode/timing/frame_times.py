"""The time of each frame that leaves the decoder, by FFmpeg's rules.

A frame has the time of its own packet. Where these times decrease, FFmpeg trusts the decoding times more
(`guess_correct_pts` of `libavcodec/decode.c`). A frame that has neither follows the previous frame by that
frame's duration (`video_frame_process` of `fftools/ffmpeg_dec.c`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from av.video.frame import VideoFrame

__all__ = ["BestEffort", "FrameTimes"]

_REORDERED: Final = 32
"""Frames of the recording before that may still come out of a decoder behind a join, at most."""


class BestEffort:
    """Chooses between the presentation time and the decoding time of frames, in the order of output."""

    def __init__(self) -> None:
        self._faulty_pts = 0
        self._faulty_dts = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None

    def time_of(self, pts: int | None, dts: int | None) -> int | None:
        """Return a frame's time in ticks; `None` if it has neither."""
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts


class FrameTimes:
    """Gives every frame of a stream a time that does not fall.

    Args:
        gap: Ticks between frames by the stream's average rate, 0 if unknown.
    """

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self._best = BestEffort()
        self._last: int | None = None
        self._is_own = True
        """Whether the last frame's time is its own."""
        self._last_gap = 0
        self._shift = 0
        self._n_joining = 0
        self._most_gap: int | None = None
        self.n_shifted = 0
        """Streams whose clock did not follow that of the stream before."""
        self.n_followed = 0
        """Frames without any time, placed behind the frame before."""
        self.n_decoding = 0
        """Frames placed by their decoding time."""
        self.n_overlapping = 0
        """The same, right behind a join."""
        self.n_backwards = 0
        """Frames whose time fell, placed one tick behind the frame before."""

    @property
    def end(self) -> int | None:
        """Where the last frame ends, in ticks; `None` before the first."""
        return None if self._last is None else self._last + self._last_gap

    def join(self) -> None:
        """Expect another recording: its first frames may overlap the last ones before it."""
        self._n_joining = _REORDERED

    def enter(self, gap: int, most_gap: int) -> None:
        """Continue with the next stream.

        Args:
            gap: As above.
            most_gap: A longer gap between the streams, in ticks, means another clock.
        """
        self._gap = gap
        self._best = BestEffort()
        self._shift = 0
        self._most_gap = most_gap

    def time_of(self, frame: VideoFrame) -> int | None:
        """Return a frame's time in ticks; `None` if neither it nor any frame before has one."""
        best = self._best.time_of(frame.pts, frame.dts)
        is_own = frame.pts is not None and best == frame.pts
        self.n_decoding += frame.pts is not None and best != frame.pts
        if best is not None and self._most_gap is not None:
            if self.end is not None and not 0 <= best - self.end <= self._most_gap:
                self._shift = self.end - best
                self.n_shifted += 1
            self._most_gap = None
        pts = None if best is None else best + self._shift
        if pts is None:
            pts = self.end
            if pts is None:
                return None
            self.n_followed += 1
        elif self._last is not None and (
            pts < self._last or (pts == self._last and not (is_own and self._is_own))
        ):
            assert self.end is not None
            if self.n_decoding or not is_own:
                pts = self.end
                self.n_followed += 1
            else:
                pts = self._last + 1
                self.n_overlapping += self._n_joining > 0
                self.n_backwards += self._n_joining == 0
        self._is_own = is_own and best is not None and pts == best + self._shift
        self._n_joining = max(0, self._n_joining - 1)
        self._keep(pts, frame.duration or 0)
        return pts

    def _keep(self, pts: int, duration: int) -> None:
        ago = 0 if self._last is None else pts - self._last
        # A duration of one tick is a guess of FFmpeg's where frames are further apart.
        is_guess = duration == 1 and ago > 2
        self._last_gap = (0 if is_guess else duration) or ago or self._gap or max(1, self._last_gap)
        self._last = pts

    def notes(self) -> Iterator[str]:
        """Name which times are not the frames' own."""
        if self.n_followed:
            yield (
                f"Frames without a time of their own: {self.n_followed:,}; each follows the frame before it"
                " by that frame's duration, as in FFmpeg."
            )
        if self.n_overlapping:
            yield (
                f"Frames that overlap where recordings meet: {self.n_overlapping:,}; each was placed right"
                " behind the frame before it."
            )
        if self.n_decoding:
            yield (
                f"Frames that were given their decoding time, as their own decrease: {self.n_decoding:,};"
                " that is FFmpeg's rule."
            )
