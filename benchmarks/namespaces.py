"""Hosts in network namespaces of Linux: each has an address, a /tmp, a home and processes of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_PREFIX, _BRIDGE, _NET = "vxh", "vxbridge", "10.77.0"
BRIDGE_IP = f"{_NET}.254"
"""Of this machine, as the hosts see it."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host between `hosts` and its end."""

    number: int
    folder: Path
    """Its /tmp, as this machine sees it."""
    pid: int
    """Of its first process."""
    environment: Mapping[str, str]

    @property
    def ip(self) -> str:
        """Its address."""
        return f"{_NET}.{self.number}"

    @property
    def link(self) -> str:
        """The end of its cable at the bridge."""
        return f"{_PREFIX}{self.number}"

    def start(self, command: Sequence[object], log: Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start a command on the host; `log` gets what it says."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-p", "-n", "--"]
        with log.open("ab") as out:
            return subprocess.Popen(
                [*enter, *map(str, command)],
                env={**self.environment, **variables},
                cwd="/",
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """Return its processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            space = Path(f"/proc/{self.pid}/ns/pid").readlink()
            return [p for p in psutil.process_iter(["cmdline"]) if _space(p) == space]
        return []

    def cut_off(self) -> None:
        """Pull its cable."""
        _ip("link", "set", self.link, "down")

    def join(self) -> None:
        """Put its cable in again."""
        _ip("link", "set", self.link, "up")

    @contextlib.contextmanager
    def slowed(self, rate: str) -> Iterator[None]:
        """Limit what it sends and what it receives, as `tc` says a rate: `20mbit`."""
        shaped = ["root", "tbf", "rate", rate, "burst", "64kb", "latency", "100ms"]
        inside = ["nsenter", "-t", str(self.pid), "-n", "--"]
        subprocess.run(["tc", "qdisc", "add", "dev", self.link, *shaped], check=True)
        try:
            subprocess.run([*inside, "tc", "qdisc", "add", "dev", "eth0", *shaped], check=True)
            yield
        finally:
            subprocess.run([*inside, "tc", "qdisc", "del", "dev", "eth0", "root"], check=False)
            subprocess.run(["tc", "qdisc", "del", "dev", self.link, "root"], check=False)


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Make hosts and a bridge between them and this machine; all of it is removed at the end.

    Raises:
        SystemExit: If namespaces cannot be made here, with the reason.
    """
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGTERM, signal.SIGHUP):
            stack.callback(signal.signal, number, signal.signal(number, _exit))
        try:
            _ip("link", "add", _BRIDGE, "type", "bridge")
            stack.callback(_ip, "link", "del", _BRIDGE, must=False)
            _ip("addr", "add", f"{BRIDGE_IP}/24", "dev", _BRIDGE)
            _ip("link", "set", _BRIDGE, "up")
            made = [_make(stack, number) for number in range(1, count + 1)]
        except (OSError, subprocess.CalledProcessError) as exc:
            said = getattr(exc, "stderr", None) or str(exc)
            raise SystemExit(f"Network namespaces cannot be made here: {said.strip()}") from exc
        yield made


def _make(stack: contextlib.ExitStack, number: int) -> Host:
    name, link = f"{_PREFIX}{number}", f"{_PREFIX}{number}"
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name, must=False)
    _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
    stack.callback(_ip, "link", "del", link, must=False)
    _ip("link", "set", link, "master", _BRIDGE, "up")
    for words in (
        ("addr", "add", f"{_NET}.{number}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", name, *words)
    folder = Path(tempfile.mkdtemp(prefix="vxhost-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    (folder / "home").mkdir()
    unshare = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
    setting = f"hostname host{number}; mount --bind {folder} /tmp; mount -t tmpfs tmpfs /dev/shm; "
    process = subprocess.Popen(
        ["ip", "netns", "exec", name, *unshare, "sh", "-c", f"{setting} echo; exec sleep infinity"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    stack.callback(_end, process)
    assert process.stdout is not None
    if not process.stdout.readline():
        raise OSError("a process with namespaces of its own could not be started")
    (first,) = psutil.Process(process.pid).children()
    environment = {**os.environ, "HOME": "/tmp/home", "TMPDIR": "/tmp"}
    environment.pop("VIFEX_CACHE", None)
    return Host(number, folder, first.pid, environment)


def _exit(number: int, _: object) -> None:
    raise SystemExit(128 + number)  # on the way out all is removed


def _end(process: subprocess.Popen[Any]) -> None:
    for child in psutil.Process(process.pid).children():
        child.kill()  # the first process of its host: all others end with it
    process.kill()
    process.wait()


def _space(process: psutil.Process) -> Path | None:
    try:
        return Path(f"/proc/{process.pid}/ns/pid").readlink()
    except OSError:
        return None


def _ip(*words: str, must: bool = True) -> None:
    subprocess.run(["ip", *words], check=must, capture_output=True, text=True)
