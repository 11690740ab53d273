"""Compiled graphs on disk, so that later starts are faster.

An entry is written under another name and moved into place. It begins with the hash of its contents and is
used only if the hash is right; a damaged file is made again. Without a writable folder nothing is cached.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vifex.engines.cache_maintenance import free_space, lock_open_file
from vifex.values import ModelCard
from vifex.values.user_cache import cache_folder

__all__ = ["Cache", "cache_folder"]

_SUFFIX: Final = ".graph"
_DIGEST_BYTES: Final = 32


def _builders() -> str:
    """Return a hash of the code that builds graphs, because other code builds other graphs."""
    digest = hashlib.sha256()
    for path in sorted(
        [*Path(__file__).parent.glob("*.py"), *Path(__file__).parent.glob("openvino/**/*.py")]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Cache:
    """Compiled graphs of one machine and one OpenVINO."""

    def __init__(self, folder: Path | None, core: Any, machine: str) -> None:
        self._folder = folder
        self._core = core
        self._machine = machine

    @classmethod
    def of_user(cls, core: Any, ov: Any) -> Cache:
        """Open the user's cache; without a home folder there is none."""
        try:
            folder: Path | None = cache_folder() / "graphs"
        except RuntimeError:  # the home folder is not known
            folder = None
        # Machines may share a home folder, and one may not be able to run what another compiled.
        capabilities = sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        device = core.get_property("CPU", "FULL_DEVICE_NAME")
        machine = f"{_builders()} {ov.get_version()} {platform.machine()} {device} {capabilities}"
        return cls(folder, core, machine)

    def key(
        self,
        weights_sha256: str,
        card: ModelCard,
        layers: Sequence[object],
        batch: int,
        config: Mapping[str, str],
    ) -> str:
        """Return the key of a compiled graph, a hash of everything that determines it."""
        parts = [self._machine, weights_sha256, card, list(layers), batch, sorted(config.items())]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def load(self, key: str, config: Mapping[str, str]) -> Any | None:
        """Return a compiled graph, or `None` if there is no intact one."""
        if self._folder is None:
            return None
        path = self._folder / (key + _SUFFIX)
        try:
            raw = path.read_bytes()
            if hashlib.sha256(memoryview(raw)[_DIGEST_BYTES:]).digest() != raw[:_DIGEST_BYTES]:
                return None
            with contextlib.suppress(OSError):
                os.utime(path)  # used just now
            return self._core.import_model(io.BytesIO(raw[_DIGEST_BYTES:]), "CPU", dict(config))
        except (OSError, RuntimeError):
            return None  # absent, unreadable, or not accepted by this OpenVINO

    def save(self, key: str, compiled: Any) -> None:
        """Store a compiled graph, if possible."""
        if self._folder is None:
            return
        try:
            body = compiled.export_model()
            body = body.getvalue() if isinstance(body, io.BytesIO) else bytes(body)
            self._folder.mkdir(parents=True, exist_ok=True)
            free_space(self._folder.parent, len(body))
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
            lock_open_file(handle)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(body).digest())
                    file.write(body)
                Path(name).replace(self._folder / (key + _SUFFIX))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except (OSError, RuntimeError):
            return  # a full or read-only disk; the graph is then compiled again
