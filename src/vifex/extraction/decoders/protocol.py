"""What a decoder process and its supervisor say to each other, and how it travels through a pipe."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import BinaryIO

from vifex.values import Box, DecodeReport, InstallationError, Limits, Medium, ViewRequest

__all__ = [
    "Finished",
    "Forget",
    "Grant",
    "Job",
    "Need",
    "Ready",
    "RowFacts",
    "Setup",
    "SlotPlan",
    "Wrote",
    "receive",
    "send",
]


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """Where a request's batches lie in the shared memory: `count` slots of `rows` samples from `offset`."""

    offset: int
    count: int
    rows: int
    sample_shape: tuple[int, ...]
    """Axes of one sample: `(H, W, 3)` or `(T, H, W, 3)`; `(S,)` of sound."""
    dtype: str = "uint8"
    """Of its numbers; `float32` of sound."""


@dataclass(frozen=True, slots=True)
class Setup:
    """To the decoder, once: what is wanted of every medium and where it is to be put."""

    requests: tuple[ViewRequest, ...]
    slots: tuple[SlotPlan, ...]
    limits: Limits
    memory: str
    """The shared memory: `fd:N` for an inherited descriptor, else a file's path."""
    memory_bytes: int
    heartbeat: int
    """Where in it this decoder's heartbeat lies."""


@dataclass(frozen=True, slots=True)
class Job:
    """To the decoder: read one medium for some of the requests."""

    job: int
    medium: Medium
    requests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """To the decoder: write the next samples of a request into this slot."""

    request: int
    slot: int


@dataclass(frozen=True, slots=True)
class Forget:
    """To the decoder: the open slot of this request was taken back; ask for another."""

    request: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From the decoder: everything is imported."""


@dataclass(frozen=True, slots=True)
class Need:
    """From the decoder: there is no slot for the next sample of this request."""

    request: int


@dataclass(frozen=True, slots=True)
class RowFacts:
    """A sample without its pixels."""

    ordinal: int
    frame_index: int | None
    pts: int | None
    time_base: str | None
    t_s: float | None
    t_start_s: float | None
    t_end_s: float | None
    box: Box | None
    boxes: tuple[Box, ...] = ()
    """Boxes that are read off the maps of this sample, a row each."""
    size_px: tuple[int, int] | None = None
    """Width and height of the image that they are in."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """From the decoder: these samples of one job lie in a slot from `first` on."""

    job: int
    request: int
    slot: int
    first: int
    rows: tuple[RowFacts, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """From the decoder: the job is over; exactly one of `seen`, `skipped`, `failed` and `broken` is set."""

    job: int
    counts: tuple[int, ...]
    """Samples written, one number for each request of the set-up."""
    seen: DecodeReport | None = None
    skipped: str | None = None
    failed: str | None = None
    broken: InstallationError | None = None
    """No file can be decoded with what is installed."""
    wall_s: float = 0.0
    """What it took, waiting for room not counted."""
    content_hash: str = ""
    """Hash of the file's content; empty where it cannot be read."""
    media_s: float = 0.0
    """Seconds of video or sound that were gone through; 0 for an image."""


Message = Setup | Job | Grant | Forget | Ready | Need | Wrote | Finished

_HEADER = struct.Struct("<I")


def send(pipe: BinaryIO, *messages: Message) -> None:
    """Write messages that belong together and flush them: one write wakes the other side once."""
    body = pickle.dumps(messages, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_HEADER.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[Message, ...] | None:
    """Read what one `send` wrote; `None` where the other side is gone."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (size,) = _HEADER.unpack(header)
    body = pipe.read(size)
    # Both ends are this program: the pipe is private to the two processes.
    return pickle.loads(body) if len(body) == size else None
