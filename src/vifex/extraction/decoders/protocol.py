"""What a supervisor and its decoder processes say to each other.

Media and answers travel in blocks of many, as columns: a small image costs neither side an object of its own.
`wire` puts messages into bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vifex.values import DecodeReport, InstallationError, Limits, Medium, ViewRequest
from vifex.values.sample_facts import SampleFacts

__all__ = [
    "Assignment",
    "Broken",
    "Ending",
    "Failed",
    "Finished",
    "Forget",
    "FromDecoder",
    "Grant",
    "Jobs",
    "Need",
    "Ready",
    "Setup",
    "Skipped",
    "SlotPlan",
    "ToDecoder",
    "Wrote",
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


# -- to a decoder ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message: what is wanted of every medium and where it is written to."""

    requests: tuple[ViewRequest, ...]
    slots: tuple[SlotPlan, ...]
    limits: Limits
    memory: str
    """The shared memory: `fd:N` for an inherited descriptor, else a file's path."""
    memory_bytes: int
    heartbeat: int
    """Offset of this decoder's heartbeat in it."""
    sharing: int = 1
    """Decoder processes that share the connections to a host."""


@dataclass(slots=True)
class Assignment:
    """One attempt to read one medium. A medium that is read again gets another attempt's number."""

    attempt: int
    medium: Medium
    requests: tuple[int, ...]
    """Numbers of the requests that want it."""
    losses: int = 0
    """Decoders that died with this medium before, and without a sign which of their media was the cause.
    From the first one on the medium is reported alone."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Read these media, one after the other."""

    block: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """Write the next samples of a request into this slot."""

    request: int
    slot: int


@dataclass(frozen=True, slots=True)
class Forget:
    """The open slot of this request was taken back; ask for another."""

    request: int


ToDecoder = Setup | Jobs | Grant | Forget


# -- from a decoder ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is imported."""


@dataclass(frozen=True, slots=True)
class Need:
    """There is no slot for the next sample of this request."""

    request: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """The next samples of a slot are there. Samples of one attempt stand together."""

    request: int
    slot: int
    attempts: tuple[int, ...]
    """One number for each sample: the attempt that it comes from."""
    facts: SampleFacts


@dataclass(frozen=True, slots=True)
class Leave:
    """A slot of this request stays as it is: the decoder waits for the network and fills it no further."""

    request: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """There is nothing to do with the medium by its kind."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The medium could not be read."""

    reason: str
    is_passing: bool = False
    """Whether that may be otherwise at another time: the next run tries it again."""


@dataclass(frozen=True, slots=True)
class Broken:
    """No medium can be read with what is installed."""

    fault: InstallationError


Ending = DecodeReport | Skipped | Failed | Broken
"""How the reading of a medium ended."""


@dataclass(frozen=True, slots=True)
class Finished:
    """These attempts are over, in the order in which they were read."""

    attempts: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    """For each attempt the samples that were written, one number for each request of the set-up."""
    wall_s: tuple[float, ...]
    """For each attempt what it took, waiting for slots not counted."""
    media_s: tuple[float, ...]
    """For each attempt the seconds of video or sound that were gone through; 0 for an image."""
    content_hashes: tuple[str, ...]
    """For each attempt the hash of the file's content; empty where it cannot be read."""
    endings: Mapping[int, Ending] = field(default_factory=dict)
    """Attempt to its ending, where that is not an image of which nothing is to be said."""


FromDecoder = Ready | Need | Wrote | Leave | Finished
