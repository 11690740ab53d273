"""Files by other protocols, such as FTP and SFTP, by fsspec.

Its file systems belong to one thread each and have time-outs of their own, or none. A request therefore runs
in a thread that keeps a connection; one that takes too long, or fails, is left with its connection.
"""

from __future__ import annotations

import contextlib
import netrc
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from vifex.media.remote.addresses import bucket_address, key_of
from vifex.media.remote.backends.buckets import Listed
from vifex.media.remote.errors import TransferError, without_secrets
from vifex.media.remote.settings import part_s, read_s
from vifex.media.remote.stat import RemoteStat, time_with_tag
from vifex.values.errors import MissingExtraError
from vifex.values.registry import require

__all__ = ["FileSystems"]

_TIMES: Final = (
    *("mtime", "modified", "last_modified", "LastModified", "modify", "last_write_time", "modificationTime"),
    *("updated", "created"),
)
"""Names that file systems have for the time of change."""
_TAGS: Final = ("ETag", "etag", "sha", "blob_id", "checksum")
_PART_BYTES: Final = 1 << 20
_NEEDED: Final = {
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "smb": "smbprotocol",
    "hdfs": "pyarrow",
    **dict.fromkeys(("webhdfs", "github"), "requests"),
    "hf": "huggingface_hub",
}
"""The packages of schemes that fsspec reads by another one."""

_T = TypeVar("_T")
_Ask = Callable[[Any], Any]


class FileSystems:
    """Reads and lists files by their addresses."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Line]] = defaultdict(list)
        self._lock = threading.Lock()

    def stat(self, url: str) -> RemoteStat:
        """Return size and time of a file.

        Raises:
            TransferError: If there is none, or it may not be read.
        """

        def ask(system: Any) -> RemoteStat:
            system.invalidate_cache()
            return _stat(_info(system, _path(system, url)))

        return self._do(url, ask)

    def get(self, url: str, start: int, stop: int) -> tuple[bytes, RemoteStat]:
        """Return bytes `[start, stop)` of a file, fewer where it ends before.

        Raises:
            TransferError: If it cannot be read.
        """

        def ask(system: Any) -> tuple[bytes, RemoteStat]:
            path = _path(system, url)
            found = _stat(_info(system, path))
            end = stop if found.size_bytes is None else min(stop, found.size_bytes)
            return bytes(system.cat_file(path, start, end)) if start < end else b"", found

        return self._do(url, ask)

    def whole(self, url: str) -> Iterator[tuple[bytes, RemoteStat]]:
        """Yield a file in pieces from its start.

        Raises:
            TransferError: If it cannot be read.
        """
        start, data = 0, b"-"
        while data:
            data, found = self.get(url, start, start + _PART_BYTES)
            start += len(data)
            yield data, found

    def entries(self, url: str) -> list[Listed | str]:
        """Return the entries of a folder, sorted: files, and addresses of folders. Links are left out.

        Raises:
            TransferError: If it cannot be listed.
        """
        parts = urlsplit(url)

        def ask(system: Any) -> list[Mapping[str, Any]]:
            system.invalidate_cache()
            return list(system.ls(_path(system, url), detail=True))

        below = key_of(url).rstrip("/")
        found: list[Listed | str] = []
        for info in sorted(self._do(url, ask), key=lambda one: str(one["name"])):
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            key = f"{below}/{name}" if below else name
            if info.get("type") == "file":
                found.append(Listed(key, _stat(info)))
            elif info.get("type") == "directory":
                found.append(bucket_address(parts.scheme, parts.netloc, f"{key}/"))
        return found

    def _do(self, url: str, ask: Callable[[Any], _T]) -> _T:
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}/"
        with self._lock:
            idle = self._idle[root]
            line = idle.pop() if idle else _Line(root)
        try:
            answer: _T = line.ask(ask, part_s())
        except BaseException as exc:
            line.end()
            raise _of(exc, parts.scheme) from None
        with self._lock:
            idle.append(line)
        return answer


class _Line:
    """A thread with a file system, and so with a connection of its own.

    Args:
        root: Address of the top of the file system.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._asked: SimpleQueue[tuple[Future[Any], _Ask] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="vifex-fsspec", daemon=True).start()

    def ask(self, ask: Callable[[Any], _T], limit_s: float) -> _T:
        """Run a function with the file system.

        Raises:
            TransferError: If it takes longer than the limit.
        """
        future: Future[_T] = Future()
        self._asked.put((future, ask))
        try:
            return future.result(limit_s)
        except NotYet:
            if future.done():
                raise  # a time-out of the file system's own
            raise TransferError(f"the server did not answer within {limit_s:g} s", is_passing=True) from None

    def end(self) -> None:
        """Let the thread end when its request does."""
        self._asked.put(None)

    def _work(self) -> None:
        system = None
        while (asked := self._asked.get()) is not None:
            future, ask = asked
            try:
                system = system or _system(self._root)
                future.set_result(ask(system))
            except BaseException as exc:
                future.set_exception(exc)


def _system(root: str) -> Any:
    """Make a file system with the user and the password of an address, or those of `~/.netrc`."""
    scheme = urlsplit(root).scheme
    fsspec: Any = require("fsspec", extra="remote", needed_for=f"reading from {scheme}://")
    kind = fsspec.get_filesystem_class(scheme)
    options = dict(kind._get_kwargs_from_urls(root))
    for name in ("username", "password"):
        if options.get(name):
            options[name] = unquote(options[name])
    if scheme == "ftp":
        options["timeout"] = read_s()
        if not options.get("username"):
            options |= _of_netrc(str(options.get("host")))
    return kind(skip_instance_cache=True, **options)


def _of_netrc(host: str) -> dict[str, str]:
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        if (found := netrc.netrc(os.environ.get("NETRC")).authenticators(host)) is not None:
            return {"username": found[0], "password": found[2] or ""}
    return {}


def _path(system: Any, url: str) -> str:
    """Return the path of an address, as its file system takes it."""
    parts = urlsplit(url)
    root = str(system._strip_protocol(f"{parts.scheme}://{parts.netloc}/"))
    return f"{root.rstrip('/')}/{key_of(url)}" if root else key_of(url)


def _info(system: Any, path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = system.info(path)
    if found.get("type") == "directory":
        raise FileNotFoundError
    return found


def _stat(info: Mapping[str, Any]) -> RemoteStat:
    size = info.get("size")
    time = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    tag = next((str(info[name]) for name in _TAGS if info.get(name)), None)
    return RemoteStat(None if size is None else int(size), time_with_tag(_seconds(time), tag))


def _seconds(time: Any) -> float | None:
    """Return a time as one of the file systems gives it as Unix time."""
    if isinstance(time, datetime):
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if isinstance(time, int | float):
        return time / 1000 if time > 1e11 else float(time)
    with contextlib.suppress(ValueError, TypeError):
        if time and str(time)[:14].isdecimal() and len(str(time)) >= 14:  # FTP: 20261127161500.123
            return datetime.strptime(str(time)[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        return _seconds(datetime.fromisoformat(time))
    return None


def _of(exc: BaseException, scheme: str) -> BaseException:
    """Return what an exception of fsspec or of what it uses means."""
    kind, text = type(exc).__name__, without_secrets(str(exc))
    if isinstance(exc, TransferError | MissingExtraError) or not isinstance(exc, Exception):
        return exc
    if isinstance(exc, ImportError):
        package = _NEEDED.get(scheme, exc.name or "a package")
        return MissingExtraError(
            f"reading from {scheme}:// needs {package}.", todo=f"Install it: pip install {package}."
        )
    if isinstance(exc, FileNotFoundError | NotADirectoryError) or text.startswith("550"):
        return TransferError("there is no such file on the server", is_passing=False, is_missing=True)
    if isinstance(exc, PermissionError) or text.startswith("530") or "Authentication" in kind:
        return TransferError("the server refuses access", is_passing=False, is_refused=True)
    if isinstance(exc, TimeoutError):
        return TransferError("the server does not answer in time", is_passing=True)
    if isinstance(exc, ConnectionRefusedError) or kind == "gaierror":
        return TransferError("the server cannot be reached", is_passing=True, is_of_host=True)
    if isinstance(exc, EOFError | ConnectionError):
        return TransferError("the connection was cut", is_passing=True)
    if "libhdfs" in text or "libjvm" in text:
        return TransferError("Hadoop's library libhdfs is not found on this machine", is_passing=False)
    is_final = isinstance(exc, ValueError | TypeError | NotImplementedError)
    return TransferError(text or f"it cannot be read ({kind})", is_passing=not is_final)
