"""The device that torch runs on, its precisions, and the settings that would change numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vifex.engines.options import DEVICE
from vifex.values import EngineError

__all__ = ["has_bf16", "open_device", "settings"]


def open_device(wanted: str | None = None) -> torch.device:
    """Choose the device.

    Args:
        wanted: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`; by default what the environment's
            `VIFEX_TORCH_DEVICE` says, and the best there is where it says nothing.

    Raises:
        EngineError: If there is no such device.
    """
    named = wanted if wanted is not None else os.environ.get(DEVICE) or "auto"
    if named == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    told = f"device {named}" if wanted is not None else f"{DEVICE}={named}"
    try:
        device = torch.device(named)
    except RuntimeError as exc:
        raise EngineError(f"{told} names no device.", todo="Use auto, cpu, cuda, cuda:N or mps.") from exc
    there = {"cpu": True, "cuda": torch.cuda.device_count() > (device.index or 0), "mps": _has_mps()}
    if not there.get(device.type, False):
        raise EngineError(
            f"{told}: torch finds no such device on this machine.",
            todo="Use auto for the best device there is, or cpu.",
        )
    return device


def has_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device.type == "cpu":
        # torch has only private functions for what a processor supports, and their names change.
        tests = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in tests)
    return False


@contextmanager
def settings(device: torch.device, cores: int | None = None) -> Iterator[None]:
    """Run under the settings that make numbers exact and the same each time.

    They turn off TensorFloat-32 in fp32, cuDNN's search for the fastest algorithm, algorithms that are
    not deterministic, and fused transformer layers, which do not call their modules.

    Args:
        device: Where the code inside runs.
        cores: Threads to compute with on a CPU; `None` leaves the number as it is.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        if device.type == "cpu" and cores is not None:
            torch.set_num_threads(cores)
        if device.type != "cuda":
            yield
            return
        matmul = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            # `flags` turns cuDNN off unless it is told to leave it on.
            with torch.backends.cudnn.flags(
                enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
            ):
                yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = matmul
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _has_mps() -> bool:
    return bool(torch.backends.mps.is_available())
