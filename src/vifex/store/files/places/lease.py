"""The one-writer lock of a store at an object store: an object that its holder renews.

A second writer looks whether the object changes. It compares no clocks. A writer that lost its lease without
knowing is kept from committing by the fence of each view; see docs/adr/0149-stores-at-an-object-store.md.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Final

from vifex.store.files.places.client import Changed
from vifex.store.files.places.object_path import ObjectPath
from vifex.values import InputError, StoreError

__all__ = ["LEASE", "Lease"]

_log = logging.getLogger(__name__)

LEASE: Final = "VIFEX_LEASE_S"
"""Seconds after which a writer that does not renew its lease counts as dead. Default 30."""
_RENEWALS: Final = 6
"""In the time of a lease."""
_mine: set[str] = set()
"""Ids of the leases that this process holds."""


class Lease:
    """The right to write a store, held until it is freed or another writer takes it over."""

    def __init__(self, path: ObjectPath, holder: str, tag: str, length_s: float) -> None:
        self.path = path
        self._holder = holder
        self._tag = tag
        self._length_s = length_s
        self._count = 0
        self._turn = threading.Lock()
        self._done = threading.Event()
        _mine.add(holder)
        self._thread = threading.Thread(target=self._renew, name="vifex-lease", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, path: ObjectPath) -> Lease | None:
        """Take the lease, or return `None` if a writer is alive.

        It waits until it is known whether a writer lives: a sixth of a lease where one does.

        Raises:
            StoreError: If the object store fails.
        """
        length_s = _length_s()
        holder = uuid.uuid4().hex
        since, seen, is_told = time.monotonic(), None, False
        while True:
            data, tag = _read(path)
            if tag is None or _is_free(data):
                taken = _write(path, holder, 0, length_s, tag)
                if taken is not None:
                    _refuse_unconditional(path)
                    return cls(path, holder, taken, length_s)
                seen, since = None, time.monotonic()
                continue
            if data.get("holder") in _mine or (seen is not None and tag != seen):
                return None
            allowed_s = max(length_s, float(data.get("lease_s", 0)))
            if time.monotonic() - since >= allowed_s:
                taken = _write(path, holder, 0, length_s, tag)
                if taken is not None:
                    _log.warning(
                        "%s: the writer before (pid %s on %s) did not renew its lease for %g s: it is dead",
                        path.parent,
                        data.get("pid"),
                        data.get("host"),
                        allowed_s,
                    )
                    return cls(path, holder, taken, length_s)
                return None
            if not is_told and time.monotonic() - since > allowed_s / 3:
                _log.warning(
                    "%s: waiting up to %g s: the writer before may have died", path.parent, allowed_s
                )
                is_told = True
            seen = tag
            time.sleep(min(0.25, allowed_s / 20))

    def write(self, text: str) -> None:
        """Do nothing: a lease always says who holds it."""

    def free(self, *, remove: bool = False) -> None:
        """Let the next writer in."""
        self._done.set()
        with self._turn:
            if self._holder not in _mine:
                return
            _mine.discard(self._holder)
            try:
                self._put(free=True)
            except Changed:
                _log.warning("%s: another process took this store over meanwhile", self.path.parent)
            except StoreError as exc:
                _log.warning("%s: the lease could not be given back and ends by itself (%s)", self.path, exc)

    def _put(self, *, free: bool = False) -> None:
        """Write the lease anew.

        Raises:
            Changed: If another writer has it.
        """
        content = _content(self._holder, self._count, self._length_s, free=free)
        try:
            self._tag = self.path.write_if(content, self._tag)
        except Changed:
            # A renewal that was given up may have arrived after all.
            data, tag = _read(self.path)
            if tag is None or data.get("holder") != self._holder:
                raise
            self._tag = self.path.write_if(content, tag)

    def _renew(self) -> None:
        while not self._done.wait(self._length_s / _RENEWALS):
            with self._turn:
                if self._done.is_set():
                    return
                self._count += 1
                try:
                    self._put()
                except Changed:
                    _log.warning("%s: another process has taken this store over", self.path.parent)
                    _mine.discard(self._holder)
                    return
                except StoreError as exc:
                    _log.info("%s: the lease could not be renewed (%s)", self.path, exc)


def _refuse_unconditional(path: ObjectPath) -> None:
    """Check with the lease, which is held, that the server minds the conditions of a PUT.

    Raises:
        StoreError: If it ignores one.
    """
    for tag in (None, '"0"'):
        try:
            path.write_if(b"{}", tag)
        except Changed:
            continue
        raise StoreError(
            "this object store ignores the conditions of a PUT (If-None-Match, If-Match), so two writers "
            "would overwrite each other.",
            of=str(path.parent),
            todo="Keep the store on a server that minds them, such as S3, or on a local disk.",
        )


def _length_s() -> float:
    text = os.environ.get(LEASE, "").strip()
    if not text:
        return 30.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise InputError(
            f"the variable {LEASE} is {text!r}.", todo="Set it to a number of seconds, such as 30."
        )
    return seconds


def _read(path: ObjectPath) -> tuple[dict[str, Any], str | None]:
    try:
        data, tag = path.read_with_tag()
    except FileNotFoundError:
        return {}, None
    try:
        said = json.loads(data)
    except ValueError:
        said = {}
    return (said if isinstance(said, dict) else {}), tag


def _is_free(data: dict[str, Any]) -> bool:
    """Return whether nobody holds the lease: it was given back or copied, or its process is dead."""
    if data.get("free") or "holder" not in data:
        return True
    if data.get("machine") != _machine() or _machine() is None or data["holder"] in _mine:
        return False
    if data.get("pid") == os.getpid():
        return True
    try:
        os.kill(int(data["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return False


def _write(path: ObjectPath, holder: str, count: int, length_s: float, tag: str | None) -> str | None:
    try:
        return path.write_if(_content(holder, count, length_s), tag)
    except Changed:
        return None


def _content(holder: str, count: int, length_s: float, *, free: bool = False) -> bytes:
    said = {
        "holder": holder,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "machine": _machine(),
        "lease_s": length_s,
        "count": count,
        "free": free,
    }
    return json.dumps(said).encode()


def _machine() -> str | None:
    """Return what names the machine, its start and its table of processes; `None` where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except (OSError, UnicodeDecodeError):
        return None
