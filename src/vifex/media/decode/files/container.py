"""Opens a file with FFmpeg and chooses the video stream.

FFmpeg reads this file and can open no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, Final, Protocol

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vifex.media.decode.files.log import Log, listening
from vifex.media.decode.files.reasons import NO_VIDEO, Skip, why_not
from vifex.media.decode.files.source import MediaFile
from vifex.media.decode.files.stated import NOTHING_STATED, Stated, stated
from vifex.media.decode.timing.times import Clock
from vifex.values import Limits, MediaError

__all__ = ["Opened", "Readable", "allowed_formats", "open_container", "pick_stream"]

# Demuxers that open other inputs than the one they are given: playlists and manifests, siblings found
# by name, sessions on the network, devices. Nothing of what they read is lost to a local file.
_PLAYLISTS: Final = (
    "concat dash hls hds imf image2 image2pipe mlv rtp rtsp sap sdp smoothstreaming vobsub webm_dash_manifest"
)
_DEVICES: Final = (
    "alsa android_camera avfoundation bktr caca decklink dshow fbdev gdigrab iec61883 jack kmsgrab lavfi"
    " libcdio libdc1394 openal oss pulse sndio v4l2 vfwcap video4linux2 x11grab xcbgrab"
)
_SCRIPTS: Final = "avisynth vapoursynth libgme libopenmpt"
_OPENS_OTHERS: Final = frozenset(f"{_PLAYLISTS} {_DEVICES} {_SCRIPTS}".split())
# Demuxers that would take any text for a film of text.
_TEXT_ART: Final = frozenset({"tty", "adf", "bin", "idf", "xbin"})

_NO_TIMESTAMPS: Final = 0x0080
"""AVFMT_NOTIMESTAMPS."""
_IMAGE_TICK: Final = Fraction(1, 1_200_000)
"""FFmpeg's tick for raw streams, a part of most frame durations."""

# Larger reads than PyAV's 32 kB: each one goes through Python.
_BUFFER_BYTES: Final = 1 << 18

# PyAV 19 decodes names and titles leniently by itself and no longer takes the argument.
_METADATA: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)


@cache
def allowed_formats() -> str:
    """Return FFmpeg's list of demuxers that may open a file, comma-separated."""
    names = {
        name for name in av.formats_available if not {name, *name.split(",")} & (_OPENS_OTHERS | _TEXT_ART)
    }
    return ",".join(sorted(names))


class Readable(Protocol):
    """What FFmpeg reads: an open file, or a part of one."""

    display_name: str
    """What to call it in a message."""

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Seek to a position."""
        ...

    def tell(self) -> int:
        """Return where the next read starts."""
        ...


@dataclass(slots=True, eq=False)
class Opened:
    """A file that FFmpeg has opened, and its chosen video stream."""

    container: InputContainer
    stream: VideoStream
    n_streams: int
    """Real video streams in the file, attached pictures not counted."""
    stated: Stated = NOTHING_STATED
    """What the container says of cropping and Dolby Vision."""
    notes: list[str] = field(default_factory=list)
    """Facts on how its frames became pixels: sentences."""
    start_us: int | None = None
    """Start of the file's clock in microseconds, if this is only a part of the file."""
    later: tuple[Callable[[], Opened], ...] = ()
    """Open the streams under which the video goes on, one after the other."""
    is_late: bool = False
    """Whether the stream is missing in the header of the file."""
    is_image_stream: bool = False
    """Whether the file is images in sequence, without times."""
    key_pts: set[int] = field(default_factory=set)
    """Times of key frames, where the decoder does not mark them."""

    def is_key(self, frame: VideoFrame) -> bool:
        """Whether a frame is decoded without others."""
        return frame.key_frame or frame.pts in self.key_pts

    @property
    def aspect(self) -> Fraction | None:
        """Width over height of one stored pixel, `None` where nothing says so."""
        return self.stated.pixel_aspect or self.stream.sample_aspect_ratio

    @property
    def is_raw(self) -> bool:
        """Whether the format holds no times, so that whatever times FFmpeg gives are its own count."""
        return self.is_image_stream or bool(self.container.format.flags & _NO_TIMESTAMPS)

    @property
    def clock(self) -> Clock:
        """The clock of the file in ticks of the stream; of a stream of images, in ticks of its own."""
        if self.is_image_stream:
            return Clock(_IMAGE_TICK, 0)
        return Clock.of(self.container, self.stream, self.start_us)

    def close(self) -> None:
        """Release the file; the file object itself stays open."""
        self.container.close()


def open_container(file: Readable, limits: Limits, log: Log, *, format: str | None = None) -> InputContainer:
    """Open a file with FFmpeg.

    Args:
        file: The open file; it is read from its start.
        limits: Frames above `max_pixels` are refused by the decoder before they are allocated.
        log: Takes FFmpeg's messages.
        format: FFmpeg's name of the format, if FFmpeg would guess another one.

    Raises:
        MediaError: If FFmpeg knows no such file or finds it broken.
    """
    file.seek(0)
    options = {
        "format_whitelist": allowed_formats(),
        "protocol_whitelist": "none",
        "max_pixels": str(limits.max_pixels),
        "threads": "1",
    }
    try:
        with listening(log):
            container: InputContainer = av.open(
                _Bare(file),
                mode="r",
                format=format,
                options=options,
                buffer_size=_BUFFER_BYTES,
                io_open=_refuse,
                **_METADATA,
            )
            return container
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, MemoryError) as exc:
        raise MediaError(
            f"no image, video or sound could be found in it: {why_not(exc)}.",
            of=file.display_name,
            todo="Check the file with a player, or get a fresh copy.",
        ) from exc


def pick_stream(container: InputContainer, file: MediaFile) -> Opened:
    """Choose the video stream: FFmpeg's best one that is not an attached picture.

    Raises:
        Skip: If there is no video stream, only sound, subtitles or cover art.
        MediaError: If there is no stream at all, or no decoder for the video.
    """
    real = [s for s in container.streams.video if not is_attached(s)]
    if not real:
        if not len(container.streams):
            raise MediaError(
                "the file names no stream of its own.",
                of=file.display_name,
                todo="It may only point at another file: give that one.",
            )
        raise Skip(NO_VIDEO)
    best = container.streams.best("video")
    stream = next((s for s in real if best is not None and s.index == best.index), real[0])
    # A stream whose codec FFmpeg does not know has no context at all, whatever the types say.
    if getattr(stream, "codec_context", None) is None:
        raise MediaError(
            "there is no decoder for its video.",
            of=file.display_name,
            todo="Convert it with a tool that has one.",
        )
    said = stated(file, container.format.name, stream.id, real.index(stream))
    return Opened(container, stream, len(real), said, [said.note] if said.note else [])


def is_attached(stream: VideoStream) -> bool:
    """Whether a video stream is cover art or a set of thumbnails."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


class _Bare:
    """A file without a name for PyAV: it would hand the name on to FFmpeg."""

    def __init__(self, file: Readable) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell

    def seekable(self) -> bool:
        """Return `True`; PyAV calls it."""
        return True

    def readable(self) -> bool:
        """Return `True`; PyAV calls it."""
        return True


def _refuse(url: str, flags: int, options: dict[str, Any]) -> Any:
    raise PermissionError(f"a media file tried to open another one: {url}")
