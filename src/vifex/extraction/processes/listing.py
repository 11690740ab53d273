"""The sources' media, found by a process of its own, so that the interpreter of a large run does not list.

`vifex.extraction.processes.lister` is the program of that process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, BinaryIO, Final, cast

from vifex.extraction.decoders.wire import receive, send
from vifex.extraction.planning.shards import Shard
from vifex.values import EngineError, Medium, Outcome, VifexError

__all__ = ["Ended", "FoundThere", "Sources", "find_apart"]

_PROGRAM: Final = "vifex.extraction.processes.lister"
_FIELDS: Final = attrgetter(*(f.name for f in fields(Medium) if f.init))
"""Gives a medium as the arguments that make it again."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is to be listed."""

    given: tuple[str, ...]
    shard: Shard | None
    """The part of the media that is wanted; `None` is all."""


@dataclass(frozen=True, slots=True)
class FoundThere:
    """What was found, in order; texts are notices."""

    found: tuple[Medium | Outcome | str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        # Media as tuples of their fields, which is several times faster than dataclasses.
        return _found_there, tuple(_FIELDS(one) if isinstance(one, Medium) else one for one in self.found)


def _found_there(*plain: Any) -> FoundThere:
    return FoundThere(tuple(Medium(*one) if isinstance(one, tuple) else one for one in plain))


@dataclass(frozen=True, slots=True)
class Ended:
    """There is nothing more."""

    error: VifexError | None = None
    """What the sources raised in the end."""


def find_apart(
    sources: Sequence[str], shard: Shard | None, on_notice: Callable[[str], None]
) -> Iterator[Medium | Outcome]:
    """Find the media of sources in another process; see `vifex.media.sources.find`.

    Args:
        sources: Without `-`, which is read by this process alone.
        shard: The part of the media that is wanted; `None` is all.
        on_notice: Called with what a user must know of a source.

    Raises:
        VifexError: What the sources raise, or that the process was killed.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        send(stdin, [Sources(tuple(sources), shard)])
        yield from _received(process, stdout, on_notice)
    finally:
        process.kill()
        process.wait()
        stdin.close()
        stdout.close()


def _received(
    process: subprocess.Popen[bytes], stdout: BinaryIO, on_notice: Callable[[str], None]
) -> Iterator[Medium | Outcome]:
    while (messages := receive(stdout)) is not None:
        for message in messages:
            if isinstance(message, Ended):
                if message.error is not None:
                    raise message.error
                return
            for one in message.found:
                if isinstance(one, str):
                    on_notice(one)
                else:
                    yield one
    raise EngineError(
        f"the process that lists the sources ended (status {process.wait()}).",
        todo="Run the command again; it goes on from what is committed.",
    )
