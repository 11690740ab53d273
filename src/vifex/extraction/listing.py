"""Media of the sources, found ahead of their use in a thread of its own.

A slow disk is listed while decoders work, and at most a few thousand media are held.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vifex.values import Medium, Outcome

__all__ = ["Listing"]

_AHEAD: Final = 2048
"""Media that wait, at most."""

Found = Medium | Outcome


@dataclass(frozen=True, slots=True)
class _Notice:
    text: str


class Listing:
    """Media in the order in which the sources give them.

    Args:
        find: Finds them; it is called with what takes notices of the sources.
        on_notice: Called with each notice, by the thread that takes the media.
        ahead: Whether a thread looks ahead. Without it `take` itself waits for the sources, which is for
            standard input: a thread that waits there cannot be ended.
    """

    def __init__(
        self,
        find: Callable[[Callable[[str], None]], Iterator[Found]],
        on_notice: Callable[[str], None],
        *,
        ahead: bool = True,
    ) -> None:
        self._on_notice = on_notice
        self._waiting: deque[Found | _Notice] = deque()
        self._all_found = False
        self._failure: BaseException | None = None
        self._wants_more = False
        self._wake: Callable[[], None] = lambda: None
        self._news = threading.Event()
        self._space = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        if ahead:
            self._thread = threading.Thread(
                target=self._work, args=(find,), name="vifex-listing", daemon=True
            )
            self._thread.start()
        else:
            self._found = find(on_notice)

    @property
    def is_over(self) -> bool:
        """Whether every medium was taken."""
        return self._all_found and not self._waiting and self._failure is None

    @property
    def is_resting(self) -> bool:
        """Whether nothing comes before what was taken is over: never, the sources go on by themselves."""
        return False

    def prime(self) -> None:
        """Wait for the first medium, so that errors of the sources come first."""
        if self._thread is None:
            self._pull(1)
        else:
            self._wait()
        if not self._waiting:
            self._raise()

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called, by any thread, when there is more after `take` found too little."""
        self._wake = wake

    def take(self, most: int, *, wait: bool = False) -> list[Found]:
        """Take the next media.

        Args:
            most: How many at most.
            wait: Whether to wait for one where there is none.

        Returns:
            What is there, maybe nothing.

        Raises:
            VifexError: What the sources raised, after all that they gave before.
        """
        if self._thread is None and len(self._waiting) < most and not self._all_found:
            self._pull(most - len(self._waiting))
        elif wait:
            self._wait()
        found: list[Found] = []
        while len(found) < most:
            if not self._waiting and not self._ask():
                break
            item = self._waiting.popleft()
            if isinstance(item, _Notice):
                self._on_notice(item.text)
            else:
                found.append(item)
        if len(self._waiting) < _AHEAD // 2 and not self._space.is_set():
            self._space.set()
        if not found:
            self._raise()
        return found

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        self._space.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)  # a folder on a disk that hangs must not hold up the end

    def _raise(self) -> None:
        if self._all_found and not self._waiting and self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _pull(self, most: int) -> None:
        """Take media from the sources here and now."""
        try:
            for item in itertools.islice(self._found, most):
                self._waiting.append(item)
                most -= 1
        except Exception as exc:
            self._failure = exc  # raised after what was found before
        self._all_found = most > 0

    def _wait(self) -> None:
        while not self._waiting and not self._all_found:
            self._news.clear()
            if not self._ask() and not self._all_found:
                self._news.wait()

    def _ask(self) -> bool:
        """Ask to be woken; returns whether something came meanwhile."""
        self._wants_more = True
        return bool(self._waiting)

    # -- in the thread -----------------------------------------------------------------------------------

    def _work(self, find: Callable[[Callable[[str], None]], Iterator[Found]]) -> None:
        try:
            for found in find(lambda text: self._put(_Notice(text))):
                self._put(found)
                if self._is_closed:
                    return
        except BaseException as exc:
            self._failure = exc  # raised where the media are taken
        finally:
            self._all_found = True
            self._tell()

    def _put(self, item: Found | _Notice) -> None:
        self._waiting.append(item)
        if self._wants_more:
            self._tell()
        if len(self._waiting) >= _AHEAD:
            self._space.clear()
            # Whoever takes some between the two lines finds it cleared and sets it.
            if len(self._waiting) >= _AHEAD and not self._is_closed:
                self._space.wait()

    def _tell(self) -> None:
        self._wants_more = False
        self._news.set()
        self._wake()
