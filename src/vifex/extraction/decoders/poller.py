"""Waiting for whatever comes first: an answer of a decoder, a thread with news, or the time."""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Final, Protocol

__all__ = ["Poller", "Watched"]

_MUCH: Final = 4096


class Watched(Protocol):
    """A decoder as far as the poller is concerned."""

    @property
    def reads_from(self) -> int:
        """Descriptor on which its answers arrive."""

    @property
    def writes_to(self) -> int:
        """Descriptor that takes what is sent to it."""


class Poller:
    """One place to wait for all decoders and for other threads."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._is_rung = False

    def add(self, decoder: Watched) -> None:
        """Wait for a decoder's answers from now on."""
        self._selector.register(decoder.reads_from, selectors.EVENT_READ, decoder)

    def remove(self, decoder: Watched) -> None:
        """Wait for a decoder no more."""
        for descriptor in (decoder.reads_from, decoder.writes_to):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)

    def expect_writable(self, decoder: Watched, wanted: bool) -> None:
        """Wake when a decoder's full pipe takes more, or no longer do."""
        with contextlib.suppress(KeyError, ValueError):
            if wanted:
                self._selector.register(decoder.writes_to, selectors.EVENT_WRITE)
            else:
                self._selector.unregister(decoder.writes_to)

    def wake(self) -> None:
        """End the wait that goes on now, or the next one; any thread may call it."""
        if not self._is_rung:
            self._is_rung = True
            with contextlib.suppress(OSError):  # full of rings, or closed
                self._button.send(b"\0")

    def wait(self, timeout_s: float) -> list[Watched]:
        """Wait until something happens, and return the decoders whose answers can be read."""
        found: list[Watched] = []
        for key, _ in self._selector.select(timeout_s):
            if key.data is not None:
                found.append(key.data)
            elif key.fileobj is self._bell:
                with contextlib.suppress(OSError):
                    self._bell.recv(_MUCH)
                # Before the caller looks what there is: who rings after that look is heard.
                self._is_rung = False
        return found

    def close(self) -> None:
        """Free the descriptors."""
        self._selector.close()
        self._bell.close()
        self._button.close()
