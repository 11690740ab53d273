"""Moments as clips: files that are cut from the sources.

Streams are copied, so nothing is lost and it takes seconds. A video can then begin only at a keyframe: the
clip begins at the last one before the moment, and `CutClip.start_s` says where. With `exact` frames and sound
are encoded anew, from the first frame of the moment to its last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.media.decode.files.container import is_attached
from vifex.media.decode.files.reasons import why_not
from vifex.search.files import written_whole
from vifex.search.timelines.sources import opened_source
from vifex.store.files.inside import store_around
from vifex.values import InputError, MediaError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

    from vifex.search.moments.moment import Moment

__all__ = ["CutClip", "cut_moments"]

_US: Final = 1_000_000
_CONTAINERS: Final = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".3gp": "3gp",
    ".asf": "asf",
    ".wmv": "asf",
    ".flv": "flv",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".wav": "wav",
    ".mp3": "mp3",
    ".flac": "flac",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".m4a": "ipod",
}
"""Suffixes whose format is kept; clips of other sources are `.mkv`, which holds every codec."""
_ANY: Final = ".mkv"
_BEFORE_S: Final = 10
_ROUNDING_US: Final = 500
"""Times of the store are rounded: half a millisecond is less than any frame lasts."""


@dataclass(frozen=True, slots=True)
class CutClip:
    """A clip that was cut from a source."""

    path: Path
    rank: int
    """Of the moment."""
    start_s: float
    """Where the clip really begins, in seconds of the source."""
    end_s: float
    """Where it ends: the start of the first frame that is not in it, or the end of the source."""
    asked_start_s: float
    """Where the moment begins."""
    asked_end_s: float
    is_exact: bool
    """Whether it was encoded anew."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, under the names of the fields."""
        return {name: getattr(self, name) for name in self.__slots__} | {"path": str(self.path)}


def cut_moments(
    folder: str | os.PathLike[str], moments: Sequence[Moment], *, exact: bool = False, overwrite: bool = False
) -> tuple[list[CutClip], list[str]]:
    """Cut moments out of their sources, a file each: `001-NAME-00m12.40s.mp4`.

    Args:
        folder: Where the clips go; it is made where it is missing.
        moments: In the order of the clips' names.
        exact: Whether frames are encoded anew, so that a clip begins at the first frame of its moment.
        overwrite: Whether existing files may be replaced.

    Returns:
        The clips, and a sentence for each moment that could not be cut.

    Raises:
        InputError: If the folder lies in a store or cannot be written, or a file exists.
    """
    target = Path(folder)
    inside = store_around(target / "clip")
    if inside is not None:
        raise InputError(
            "this lies inside a store, where no clips are written.",
            of=str(target),
            todo=f"Cut outside of {inside}.",
        )
    if target.exists() and not target.is_dir():
        raise InputError("this is a file; clips need a folder.", of=str(target), todo="Name a folder.")
    target.mkdir(parents=True, exist_ok=True)
    cuts: list[CutClip] = []
    problems: list[str] = []
    for number, moment in enumerate(moments, start=1):
        if moment.start_s is None or moment.end_s is None:
            problems.append(f"{moment.name}: an image has no times, so nothing was cut.")
            continue
        try:
            cuts.append(_cut(target, number, moment, exact=exact, overwrite=overwrite))
        except MediaError as exc:
            problems.append(f"{moment.name}: {exc.sentences}")
    return cuts, problems


def _cut(folder: Path, number: int, moment: Moment, *, exact: bool, overwrite: bool) -> CutClip:
    import av

    assert moment.start_s is not None
    assert moment.end_s is not None
    suffix = Path(moment.name).suffix.lower()
    tries = [".mp4", _ANY] if exact else [suffix, _ANY] if suffix in _CONTAINERS else [_ANY]
    for last, ending in ((one == tries[-1], one) for one in tries):
        path = folder / f"{number:03d}-{_stem(moment)}{ending}"
        try:
            with (
                opened_source(moment.uri, moment.name) as (source, start_us),
                written_whole(path, overwrite=overwrite) as aside,
                av.open(str(aside), "w", format=_CONTAINERS[ending]) as clip,
            ):
                span = _Span(moment.start_s, moment.end_s, start_us)
                write = _encoded if exact else _copied
                start_s, end_s = write(source, clip, span)
        except (av.error.FFmpegError, ValueError, OSError) as exc:
            if last:
                raise MediaError(f"no clip could be cut: {why_not(exc)}.", of=moment.name) from exc
        else:
            return CutClip(path, moment.rank, start_s, end_s, moment.start_s, moment.end_s, exact)
    raise AssertionError("the last try returns or raises")


def _stem(moment: Moment) -> str:
    """Return a name for a clip: letters, digits and dashes of the medium's name, and the time."""
    stem = re.sub(r"[^\w]+", "-", Path(moment.name).stem).strip("-")[:80] or "clip"
    minutes, seconds = divmod(round((moment.start_s or 0.0) * 100), 6000)
    return f"{stem}-{minutes:02d}m{seconds / 100:05.2f}s"


@dataclass(frozen=True, slots=True)
class _Span:
    """A span of a source in microseconds of its container's own clock."""

    start_s: float
    end_s: float
    clock_us: int
    """What the clock shows at the start of the medium."""

    @property
    def start_us(self) -> int:
        return round(self.start_s * _US) + self.clock_us

    @property
    def end_us(self) -> int:
        return round(self.end_s * _US) + self.clock_us

    def seconds(self, us: Fraction) -> float:
        """Return a time of the container's clock as seconds of the medium."""
        return max(0.0, float((us - self.clock_us) / _US))


# -- copied -----------------------------------------------------------------------------------------


def _copied(source: InputContainer, clip: OutputContainer, span: _Span) -> tuple[float, float]:
    """Copy packets from the keyframe before the span to its end. Return where the clip starts and ends."""
    video, sound = _streams(source)
    lead = video or sound
    if lead is None:
        raise MediaError("there is neither video nor sound in it.")
    seek_us, first, zero = _last_keyframe(source, lead, span)
    outs = {s.index: clip.add_stream_from_template(s, opaque=True) for s in (video, sound) if s is not None}
    end, begun, done = first, False, set[int]()
    _seek(source, lead, seek_us)
    for packet in source.demux([s for s in (video, sound) if s is not None]):
        if packet.pts is None:
            continue
        time_us, is_lead = _us(packet.pts, packet), packet.stream is lead
        begun = begun or (is_lead and packet.is_keyframe and time_us == first)
        # What is shown before the keyframe may be made of frames that are not here.
        if time_us < first or (is_lead and not begun):
            continue
        index = packet.stream.index
        if _decoding_us(packet) >= span.end_us:
            done.add(index)
            if done >= set(outs):
                break
            continue
        if is_lead:
            end = max(end, time_us + _us(packet.duration or 0, packet))
        _mux(clip, packet, outs, zero)
    if end <= first:
        raise MediaError("it has no frame at the time of the moment.")
    return span.seconds(first), span.seconds(end)


def _last_keyframe(source: InputContainer, lead: Any, span: _Span) -> tuple[int | None, Fraction, Fraction]:
    """Find the last keyframe that is not shown after the start of the span.

    Returns:
        Where to seek to reach it, `None` for the start of the file; when it is shown; when it is decoded.
    """
    earliest: tuple[int | None, Fraction, Fraction] | None = None
    for back_s in (0, 10, 120, None):
        seek_us = None if back_s is None else span.start_us - back_s * _US
        _seek(source, lead, seek_us)
        found = None
        for packet in source.demux(lead):
            if packet.pts is None:
                continue
            time_us = _us(packet.pts, packet)
            if packet.is_keyframe and (found is None or time_us <= span.start_us + _ROUNDING_US):
                found = (seek_us, time_us, _decoding_us(packet))
            if _decoding_us(packet) > span.start_us:
                break
        if found is not None and found[1] <= span.start_us + _ROUNDING_US:
            return found
        earliest = found or earliest
    if earliest is None:
        raise MediaError("no keyframe was found in it.", todo="Cut with `exact=True`.")
    return earliest


def _seek(source: InputContainer, stream: Any, us: int | None) -> None:
    """Seek to a keyframe before a time, or to the start of the file."""
    start = stream.start_time or 0
    # MPEG-TS finds its first keyframe only from a time before it.
    target = start - int(_BEFORE_S / stream.time_base) if us is None else int(us / (stream.time_base * _US))
    for place in (target, start):
        try:
            source.seek(place, stream=stream, backward=True)
        except (OSError, ValueError):
            continue
        return


def _decoding_us(packet: Packet[Any]) -> Fraction:
    return _us(packet.pts if packet.dts is None else packet.dts, packet)


def _mux(clip: OutputContainer, packet: Packet[Any], outs: dict[int, Any], zero: Fraction) -> None:
    """Write a packet with times from the start of the clip."""
    assert packet.time_base is not None
    shift = round(zero / _US / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - shift
    packet.dts = None if packet.dts is None else packet.dts - shift
    packet.stream = outs[packet.stream.index]
    clip.mux(packet)


def _us(ticks: int | None, packet: Packet[Any]) -> Fraction:
    assert packet.time_base is not None
    return Fraction(ticks or 0) * packet.time_base * _US


def _streams(source: InputContainer) -> tuple[Any, Any]:
    """Return the video and the sound of a file; covers are no video."""
    real = [s for s in source.streams.video if not is_attached(s)]
    return (real[0] if real else None), source.streams.best("audio")


# -- encoded anew -----------------------------------------------------------------------------------


def _encoded(source: InputContainer, clip: OutputContainer, span: _Span) -> tuple[float, float]:
    """Decode the span and encode it anew. Return where the clip starts and ends."""
    video, sound = _streams(source)
    turned = _Turned(source, video)
    outs = _encoders(clip, video, sound, is_sideways=turned.is_sideways)
    times = [_encode_stream(source, clip, stream, out, span, turned) for stream, out in outs]
    found = [one for one in times if one is not None]
    if not found:
        raise MediaError("it has no frame at the time of the moment.")
    return found[0]


class _Turned:
    """Turns frames upright as the display matrix of their stream says; a new file has none."""

    def __init__(self, source: InputContainer, video: Any) -> None:
        self._video = video
        self._graph: Any = None
        turns = 0
        if video is not None:
            _seek(source, video, None)
            turns = next((round(frame.rotation / 90) % 4 for frame in source.decode(video)), 0)
        self.is_sideways = turns % 2 == 1
        self._filters = (
            [],
            [("transpose", "cclock")],
            [("hflip", ""), ("vflip", "")],
            [("transpose", "clock")],
        )[turns]

    def __call__(self, frame: Any) -> Any:
        """Return a frame upright, with its own time."""
        if not self._filters:
            return frame
        if self._graph is None:
            self._graph = self._linked()
        self._graph.push(frame)
        return self._graph.pull()

    def _linked(self) -> Any:
        from av.filter import Graph

        graph = Graph()
        last = graph.add_buffer(template=self._video)
        for name, words in (*self._filters, ("buffersink", "")):
            following = graph.add(name, words) if words else graph.add(name)
            last.link_to(following)
            last = following
        graph.configure()
        return graph


def _encoders(clip: OutputContainer, video: Any, sound: Any, *, is_sideways: bool) -> list[tuple[Any, Any]]:
    """Return the streams to encode, each with its encoder."""
    outs: list[tuple[Any, Any]] = []
    if video is not None:
        context = video.codec_context
        out = clip.add_stream("libx264", rate=video.average_rate or video.guessed_rate or 25)
        size = (context.height, context.width) if is_sideways else (context.width, context.height)
        out.width, out.height = (side // 2 * 2 for side in size)  # the encoder takes even sizes
        out.pix_fmt, out.options = "yuv420p", {"crf": "16", "preset": "fast"}
        out.codec_context.time_base = video.time_base
        for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(out.codec_context, name, getattr(context, name))
        if video.sample_aspect_ratio and not is_sideways:
            out.codec_context.sample_aspect_ratio = video.sample_aspect_ratio
        outs.append((video, out))
    if sound is not None:
        outs.append((sound, clip.add_stream("aac", rate=sound.codec_context.sample_rate)))
    return outs


def _encode_stream(
    source: InputContainer, clip: OutputContainer, stream: Any, out: Any, span: _Span, turned: _Turned
) -> tuple[float, float] | None:
    lead = _streams(source)[0] or stream
    _seek(source, lead, _last_keyframe(source, lead, span)[0])
    first = end = None
    last = -1
    for frame in source.decode(stream):
        if frame.pts is None:
            continue
        time_us = Fraction(frame.pts) * frame.time_base * _US
        length_us = Fraction(getattr(frame, "duration", 0) or 0) * frame.time_base * _US
        if time_us < span.start_us - _ROUNDING_US:
            continue
        if time_us >= span.end_us - _ROUNDING_US:
            break
        first = time_us if first is None else first
        end = time_us + length_us
        # AVI has no times of its own, and may give equal ones.
        frame.pts = max(last + 1, round((time_us - span.start_us) / _US / frame.time_base))
        last = frame.pts
        if stream is lead and stream.type == "video":
            frame = turned(frame)
            frame.pict_type = 0  # the encoder chooses its own keyframes
        for packet in out.encode(frame):
            clip.mux(packet)
    for packet in out.encode(None):
        clip.mux(packet)
    return None if first is None or end is None else (span.seconds(first), span.seconds(end))
