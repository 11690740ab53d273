"""Threads that fetch; they end with the process, whatever they wait for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Final, TypeVar

from vifex.media.counted import only_counted
from vifex.media.remote.settings import connections

__all__ = ["FetchPool", "mapped"]

_T = TypeVar("_T")
_Found = TypeVar("_Found")
_WINDOW: Final = 256
"""Calls that may be under way ahead of the one whose result is next."""
_PATIENCE_S: Final = 2.0
"""After so long a call is overtaken by those behind it."""


class FetchPool:
    """Runs functions in threads, started as they are needed.

    Args:
        threads: How many at most.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._n_threads = self._n_idle = 0
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._news = threading.Condition()

    def submit(self, call: Callable[[], Any], *, first: bool = False) -> Future[Any]:
        """Run a function; its result or exception comes with the future.

        Args:
            call: The function.
            first: Whether it goes before those that wait.
        """
        future: Future[Any] = Future()
        with self._news:
            (self._waiting.appendleft if first else self._waiting.append)((future, call))
            if self._n_idle < len(self._waiting) and self._n_threads < self._most:
                self._n_threads += 1
                threading.Thread(target=self._work, name="vifex-fetch", daemon=True).start()
            self._news.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._news:
                self._n_idle += 1
                while not self._waiting:
                    self._news.wait()
                self._n_idle -= 1
                future, call = self._waiting.popleft()
            try:
                future.set_result(call())
            except BaseException as exc:
                future.set_exception(exc)


_askers: FetchPool | None = None


def mapped(
    call: Callable[[_T], _Found], items: Iterable[_T], is_slow: Callable[[_T], bool]
) -> Iterator[_Found]:
    """Yield the results of a call for each item, in their order; those that ask a server are made ahead.

    A call that a server holds up for some seconds is overtaken: its result comes behind all others.

    Args:
        call: Makes a result.
        items: What it is called with.
        is_slow: Whether the call for an item waits for a server.
    """
    global _askers
    waiting: deque[Callable[[], _Found] | Future[_Found]] = deque()
    late: deque[Future[_Found]] = deque()
    for item in items:
        if is_slow(item) and not only_counted.get():
            _askers = _askers or FetchPool(connections())
            waiting.append(_askers.submit(partial(call, item)))
        elif waiting:
            waiting.append(partial(call, item))
        else:
            yield call(item)
        while waiting and (len(waiting) >= _WINDOW or not _is_under_way(waiting[0])):
            yield from _first(waiting, late)
    while waiting:
        yield from _first(waiting, late)
    while late:
        yield late.popleft().result()


def _is_under_way(one: Callable[[], Any] | Future[Any]) -> bool:
    return isinstance(one, Future) and not one.done()


def _first(
    waiting: deque[Callable[[], _Found] | Future[_Found]], late: deque[Future[_Found]]
) -> Iterator[_Found]:
    """Take the first call off a queue and yield its result, or let it be late."""
    one = waiting.popleft()
    if not isinstance(one, Future):
        yield one()
        return
    patience_s = _PATIENCE_S if len(late) < _WINDOW else None
    if wait([one], patience_s).not_done:
        late.append(one)
    else:
        yield one.result()
