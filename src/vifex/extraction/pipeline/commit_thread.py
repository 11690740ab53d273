"""The thread that commits: a commit waits for the disk, and nothing else does.

Calls are made in the order in which they were asked for. A view's writer belongs to this thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["CommitThread"]

_WAITING: Final = 8
"""Calls that may wait for the thread; `do` blocks while there are as many."""


class CommitThread:
    """A thread that makes calls one after the other, until one fails."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="vifex-commit", daemon=True)
        self._thread.start()

    def do(self, call: Callable[[], object]) -> None:
        """Make a call soon, after all that were asked for before.

        Raises:
            BaseException: What an earlier call raised. None is made after it.
        """
        self.check()
        self._calls.put(call)

    def do_now(self, call: Callable[[], object]) -> None:
        """Make a call after all that were asked for before, and return when it is done.

        Raises:
            BaseException: As `do`, and what the call raises.
        """
        self.do(call)
        self.finish()

    def check(self) -> None:
        """Raise what a call raised."""
        if self._failure is not None:
            raise self._failure

    @property
    def has_failed(self) -> bool:
        """Whether a call raised."""
        return self._failure is not None

    @property
    def is_busy(self) -> bool:
        """Whether a call is being made or waits."""
        return self._calls.unfinished_tasks > 0

    def finish(self) -> None:
        """Return when all calls were made.

        Raises:
            BaseException: As `do`.
        """
        self._calls.join()
        self.check()

    def close(self) -> None:
        """End the thread, after what it was asked for."""
        if self._thread.is_alive():
            self._calls.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                if self._failure is None:
                    call()
            except BaseException as exc:
                self._failure = exc  # raised where the run asks next
            finally:
                call = None  # it holds rows
                self._calls.task_done()
