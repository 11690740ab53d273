"""A slow disk: a read-only FUSE mount of a folder whose reads take time.

usage: slow_mount.py FOLDER MOUNT [--latency-ms MS] [--mb-per-s RATE]

Each read of at most 128 kB first waits for the latency; all reads together pass at most RATE. Looking at
names and sizes costs nothing. The kernel's cache is bypassed, so every run reads from the mount anew. It
speaks the kernel's protocol itself, needs Linux, root and `/dev/fuse`, and ends when the folder is
unmounted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import os
import stat as modes
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE = 1, 2, 3, 14, 15, 17, 18
_FLUSH, _INIT, _OPENDIR, _READDIR, _RELEASEDIR, _ACCESS, _INTERRUPT, _DESTROY = 25, 26, 27, 28, 29, 34, 36, 38
_BATCH_FORGET = 42
_SILENT = (_FORGET, _BATCH_FORGET, _INTERRUPT, _DESTROY)
_DIRECT_IO = 1
_READ_BYTES = 128 << 10
_THREADS = 16


class SlowMount:
    """Serves one folder, with its subfolders.

    Args:
        root: What is shown.
        latency_s: Of each read.
        bytes_per_s: Of all reads together.
    """

    def __init__(self, root: Path, *, latency_s: float, bytes_per_s: float) -> None:
        self._paths = [b"", os.fsencode(root)]
        self._nodes: dict[bytes, int] = {self._paths[1]: 1}
        self._latency_s, self._bytes_per_s = latency_s, bytes_per_s
        self._lock = threading.Lock()
        self._free_s = 0.0
        """When the disk will have passed on all that was read before."""

    def mount(self, place: Path) -> int:
        """Mount it, and return the descriptor by which the kernel asks."""
        device = os.open("/dev/fuse", os.O_RDWR)
        words = f"fd={device},rootmode=40000,user_id=0,group_id=0,max_read={_READ_BYTES}"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"slow", os.fsencode(place), b"fuse", 1, words.encode()):
            raise OSError(ctypes.get_errno(), "the folder cannot be mounted")
        return device

    def serve(self, device: int) -> None:
        """Answer until the folder is unmounted."""
        while True:
            try:
                request = os.read(device, _READ_BYTES + 4096)
            except OSError as exc:
                if exc.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                    continue
                return
            _, opcode, unique, node, *_ = _IN.unpack_from(request)
            body = request[_IN.size :]
            if opcode in _SILENT:
                continue
            code, answer = 0, b""
            try:
                answer = self._answer(opcode, node, body)
            except OSError as exc:
                code = -(exc.errno or errno.EIO)
            with contextlib.suppress(OSError):  # whoever asked is gone
                os.write(device, _OUT.pack(_OUT.size + len(answer), code, unique) + answer)

    def _answer(self, opcode: int, node: int, body: bytes) -> bytes:
        if opcode == _INIT:
            major, _, ahead, _ = struct.unpack_from("<IIII", body)
            return struct.pack("<IIIIHHIIHHI28x", major, 31, ahead, 0, 16, 12, 4096, 1, 0, 0, 0)
        path = self._paths[node]
        match opcode:
            case 1:
                return self._entry(os.path.join(path, body.rstrip(b"\0")))  # noqa: PTH118
            case 3:
                return struct.pack("<QII", 3600, 0, 0) + _attributes(os.stat(path), node)  # noqa: PTH116
            case 14:
                return struct.pack("<QII", os.open(path, os.O_RDONLY), _DIRECT_IO, 0)
            case 15:
                handle, offset, size = struct.unpack_from("<QQI", body)
                return self._read(handle, offset, size)
            case 18:
                os.close(struct.unpack_from("<Q", body)[0])
                return b""
            case 27:
                return struct.pack("<QII", 0, 0, 0)
            case 28:
                _, offset, size = struct.unpack_from("<QQI", body)
                return _entries(path, offset, size)
            case 17:
                return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
            case 25 | 29 | 34:
                return b""
        raise OSError(errno.ENOSYS, "not served")

    def _entry(self, path: bytes) -> bytes:
        found = os.stat(path)  # noqa: PTH116
        with self._lock:
            node = self._nodes.get(path)
            if node is None:
                node = self._nodes[path] = len(self._paths)
                self._paths.append(path)
        return struct.pack("<QQQQII", node, 0, 3600, 3600, 0, 0) + _attributes(found, node)

    def _read(self, handle: int, offset: int, size: int) -> bytes:
        data = os.pread(handle, size, offset)
        with self._lock:
            now_s = time.monotonic()
            self._free_s = max(self._free_s, now_s) + len(data) / self._bytes_per_s
            until_s = max(self._free_s, now_s + self._latency_s)
        time.sleep(max(0.0, until_s - now_s))
        return data


def _attributes(found: os.stat_result, node: int) -> bytes:
    times = int(found.st_atime), int(found.st_mtime), int(found.st_ctime)
    nanoseconds = (n % 10**9 for n in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns))
    owner = found.st_nlink, found.st_uid, found.st_gid, 0, 4096, 0
    size = found.st_size, (found.st_size + 511) // 512
    return _ATTR.pack(node, *size, *times, *nanoseconds, found.st_mode, *owner)


def _entries(path: bytes, offset: int, size: int) -> bytes:
    entries = b""
    for place, name in enumerate(sorted(os.listdir(path))[offset:], offset + 1):  # noqa: PTH208
        kind = modes.S_IFDIR if os.path.isdir(os.path.join(path, name)) else modes.S_IFREG  # noqa: PTH112, PTH118
        entry = struct.pack("<QQII", place, place, len(name), kind >> 12) + name
        entry += bytes(-len(entry) % 8)
        if len(entries) + len(entry) > size:
            break
        entries += entry
    return entries


def can_mount() -> bool:
    """Return whether this process may mount a folder."""
    return sys.platform == "linux" and os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK)


@contextlib.contextmanager
def slow_mount(folder: Path, mount: Path, *, latency_ms: float, mb_per_s: float) -> Iterator[Path]:
    """Serve a folder from a process of its own for as long as the context lasts."""
    mount.mkdir(parents=True, exist_ok=True)
    rates = ["--latency-ms", str(latency_ms), "--mb-per-s", str(mb_per_s)]
    with subprocess.Popen([sys.executable, __file__, folder, mount, *rates]) as server:
        try:
            until_s = time.monotonic() + 30
            while not mount.is_mount():
                if server.poll() is not None or time.monotonic() > until_s:
                    raise SystemExit(f"{mount} cannot be mounted")
                time.sleep(0.05)
            yield mount
        finally:
            ctypes.CDLL(None).umount2(os.fsencode(mount), 2)
            server.wait(timeout=30)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("mount", type=Path)
    words.add_argument("--latency-ms", type=float, default=5.0, help="of each read (default: %(default)s)")
    words.add_argument("--mb-per-s", type=float, default=20.0, help="of all reads (default: %(default)s)")
    asked = words.parse_args()
    disk = SlowMount(
        asked.folder.resolve(), latency_s=asked.latency_ms / 1000, bytes_per_s=asked.mb_per_s * 1e6
    )
    device = disk.mount(asked.mount)
    for _ in range(_THREADS - 1):
        threading.Thread(target=disk.serve, args=(device,), daemon=True).start()
    disk.serve(device)


if __name__ == "__main__":
    main()
