"""Requests with retries: the one way in which bytes and facts of remote files are fetched.

A request that fails for a reason that may pass is made again after 0.25, 0.5, 1, ... seconds, with jitter, or
after what the server asks for. A host that cannot be reached is asked once per request for some seconds, so a
list of a thousand files of a dead server does not wait for each of them.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from vifex.media.remote.addresses import BUCKETS, WEB
from vifex.media.remote.backends.buckets import Buckets, Listed
from vifex.media.remote.backends.file_systems import FileSystems
from vifex.media.remote.backends.web import Web
from vifex.media.remote.errors import TransferError
from vifex.media.remote.settings import connections, retries
from vifex.media.remote.stat import RemoteStat

__all__ = ["fetch", "listing", "stat", "whole"]

_FIRST_S: Final = 0.25
_LONGEST_S: Final = 20.0
_DOWN_S: Final = 30.0
"""How long a host that could not be reached is asked only once per request."""

_T = TypeVar("_T")


class _Backend(Protocol):
    def stat(self, url: str) -> RemoteStat: ...

    def get(self, url: str, start: int, stop: int) -> tuple[bytes, RemoteStat]: ...

    def whole(self, url: str) -> Iterator[tuple[bytes, RemoteStat]]: ...


_BUCKETS: Final = Buckets()
_OTHERS: Final = FileSystems()
_WEB: Final = Web()
_limits: dict[str, threading.BoundedSemaphore] = {}
_lock = threading.Lock()
_down_until: dict[str, float] = defaultdict(float)


def stat(url: str) -> RemoteStat:
    """Return size and time of a file.

    Raises:
        TransferError: If it cannot be learnt; the reason says how often it was tried.
    """
    return _again(url, lambda: _backend(url).stat(url))


def fetch(url: str, start: int, stop: int) -> tuple[bytes, RemoteStat]:
    """Return bytes `[start, stop)` of a file, fewer where it ends before, and its size and time.

    Raises:
        NoRangesError: If the server gives the file only as a whole, and it is longer.
        TransferError: If it cannot be read; the reason says how often it was tried.
    """
    return _again(url, lambda: _backend(url).get(url, start, stop))


def whole(url: str, take: Callable[[Iterator[tuple[bytes, RemoteStat]]], _T]) -> _T:
    """Let a function take a whole file in pieces; after a fault that passes it is called again.

    Raises:
        TransferError: If it cannot be read.
    """
    return _again(url, lambda: take(_backend(url).whole(url)))


def listing(url: str) -> Iterator[Listed]:
    """Yield the files below a prefix of a bucket, or below a folder, in a fixed order.

    Raises:
        TransferError: If it cannot be listed.
    """
    if urlsplit(url).scheme in BUCKETS:
        yield from _BUCKETS.listing(url)
        return
    waiting: list[Listed | str] = [url]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Listed):
            yield one
        else:
            waiting += reversed(_again(one, partial(_OTHERS.entries, one)))


def _backend(url: str) -> _Backend:
    scheme = urlsplit(url).scheme
    return _BUCKETS if scheme in BUCKETS else _WEB if scheme in WEB else _OTHERS


def _again(url: str, request: Callable[[], _T]) -> _T:
    host = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    tries = 1 if time.monotonic() < _down_until[host] else 1 + retries()
    for number in range(1, tries + 1):
        try:
            with _limit(host):
                return request()
        except TransferError as exc:
            if not exc.is_passing:
                raise
            if number == tries:
                if exc.is_of_host:
                    _down_until[host] = time.monotonic() + _DOWN_S
                times = f", tried {number} times" if number > 1 else ""
                raise TransferError(f"{exc.reason}{times}", is_passing=True) from None
            pause_s = min(_LONGEST_S, max(exc.wait_s, _FIRST_S * 2 ** (number - 1)))
        time.sleep(pause_s * random.uniform(0.8, 1.2))
    raise AssertionError("a request succeeds or fails")


def _limit(host: str) -> threading.BoundedSemaphore:
    with _lock:
        if host not in _limits:
            _limits[host] = threading.BoundedSemaphore(connections())
        return _limits[host]
