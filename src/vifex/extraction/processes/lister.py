"""The program of a process that lists sources: `python -P -m vifex.extraction.processes.lister`.

It sends what it has found as soon as the other side takes it, many media at a time where that is slower. It
exits when its parent is gone.
"""

from __future__ import annotations

import threading
from typing import Any, BinaryIO, Final

from vifex.extraction.decoders.wire import receive, send
from vifex.extraction.processes.listing import Ended, FoundThere, Sources
from vifex.extraction.processes.serving import exit_with, listen, message_pipes
from vifex.media.sources import find
from vifex.values import Medium, Outcome, VifexError

__all__ = ["main"]

_WAITING: Final = 2048
"""Media that wait to be sent, at most."""
_TOGETHER: Final = 512
"""Media that are sent at once, at most."""


class _Sender:
    """Sends from a thread of its own.

    Args:
        pipe: To the parent.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._waiting: list[Any] = []
        self._is_over = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, one: Medium | Outcome | str) -> None:
        """Send one soon; blocks while many wait."""
        with self._news:
            self._waiting.append(one)
            if len(self._waiting) == 1:
                self._news.notify_all()
            while len(self._waiting) >= _WAITING:
                self._news.wait()

    def end(self) -> None:
        """Return when all is sent."""
        with self._news:
            self._is_over = True
            self._news.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._is_over)
                found, self._waiting = self._waiting, []
                self._news.notify_all()
            if not found:
                return
            for start in range(0, len(found), _TOGETHER):
                send(self._pipe, [FoundThere(tuple(found[start : start + _TOGETHER]))])


def _list(sources: Sources, out: BinaryIO) -> None:
    sender = _Sender(out)
    error = None
    try:
        found = find(sources.given, on_notice=sender.put)
        for one in found if sources.shard is None else sources.shard.filtered(found):
            sender.put(one)
    except VifexError as exc:
        error = exc
    sender.end()
    send(out, [Ended(error)])


def main() -> None:
    """Serve the run that started this process."""
    stdin, out = message_pipes()
    first = receive(stdin)
    if first is None:
        return
    (sources,) = first
    assert isinstance(sources, Sources), "the first message names the sources"
    threading.Thread(target=listen, args=(stdin, lambda message: None), daemon=True).start()
    exit_with(lambda: _list(sources, out))


if __name__ == "__main__":
    main()
