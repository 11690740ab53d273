"""How messages travel through the pipes between a supervisor and a decoder process.

Messages that belong together form one frame: a length and a pickle of plain tuples and bytes, which costs the
interpreter next to nothing. Media go as tuples of their fields, and facts of samples as the bytes of their
records. Both ends are this program, and a pipe is private to its two processes.
"""

from __future__ import annotations

import dataclasses
import pickle
import struct
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, BinaryIO, Final

import numpy as np

from vifex.extraction.decoders.protocol import (
    Assignment,
    Finished,
    Grant,
    Jobs,
    Need,
    Wrote,
)
from vifex.values import Medium
from vifex.values.sample_facts import FACT_DTYPE, SampleFacts

__all__ = ["FrameReader", "frame", "receive", "send"]

_HEADER: Final = struct.Struct("<I")
_JOBS, _WROTE, _FINISHED, _NEED, _GRANT, _OTHER = range(6)
_FIELDS: Final = attrgetter(*(f.name for f in dataclasses.fields(Medium) if f.init))
"""Gives a medium as the arguments that make it again."""


def frame(messages: Sequence[Any]) -> bytes:
    """Put messages into one frame."""
    body = pickle.dumps([_plain(m) for m in messages], protocol=pickle.HIGHEST_PROTOCOL)
    return _HEADER.pack(len(body)) + body


def send(pipe: BinaryIO, messages: Sequence[Any]) -> None:
    """Write messages that belong together and flush them: one write wakes the other side once."""
    pipe.write(frame(messages))
    pipe.flush()


def receive(pipe: BinaryIO) -> list[Any] | None:
    """Read one frame; `None` where the other side is gone."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (size,) = _HEADER.unpack(header)
    body = pipe.read(size)
    return _messages(body) if len(body) == size else None


class FrameReader:
    """Collects bytes as they arrive and returns the messages of complete frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages of all frames that are whole now."""
        self._bytes += data
        found: list[Any] = []
        start = 0
        while len(self._bytes) - start >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._bytes, start)
            end = start + _HEADER.size + size
            if end > len(self._bytes):
                break
            found += _messages(bytes(self._bytes[start + _HEADER.size : end]))
            start = end
        del self._bytes[:start]
        return found


def _messages(body: bytes) -> list[Any]:
    return [_message(plain) for plain in pickle.loads(body)]


def _plain(message: Any) -> tuple[Any, ...]:
    match message:
        case Jobs():
            return _JOBS, [(a.attempt, _FIELDS(a.medium), a.requests, a.losses) for a in message.block]
        case Wrote():
            facts = message.facts
            more = (facts.boxes, facts.sizes_px) if facts.boxes else None
            return _WROTE, message.request, message.slot, message.attempts, facts.records.tobytes(), more
        case Finished():
            return (
                _FINISHED,
                message.attempts,
                message.counts,
                message.wall_s,
                message.media_s,
                message.content_hashes,
                message.endings,
            )
        case Need():
            return _NEED, message.request
        case Grant():
            return _GRANT, message.request, message.slot
        case _:
            return _OTHER, message


def _message(plain: tuple[Any, ...]) -> Any:
    kind, *fields = plain
    if kind == _JOBS:
        return Jobs(tuple(Assignment(a, Medium(*medium), *rest) for a, medium, *rest in fields[0]))
    if kind == _WROTE:
        request, slot, attempts, records, more = fields
        return Wrote(request, slot, attempts, SampleFacts(np.frombuffer(records, FACT_DTYPE), *(more or ())))
    if kind == _FINISHED:
        return Finished(*fields)
    if kind == _NEED:
        return Need(*fields)
    if kind == _GRANT:
        return Grant(*fields)
    return fields[0]
