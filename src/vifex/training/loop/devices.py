"""Lightning Fabric: devices and precision of a run."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Final

from vifex.training.config import Run
from vifex.values import InputError
from vifex.values.registry import require

__all__ = ["launch", "resolve_precision"]

_PRECISIONS: Final = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def launch(run: Run) -> Any:
    """Return a launched Fabric.

    Args:
        run: `device`, `devices`, `precision` and `threads`.

    Raises:
        InputError: If the device is unknown or absent, or cannot compute in that precision.
        MissingExtraError: If Lightning Fabric is not installed.
    """
    torch: Any = require("torch", extra="train", needed_for="training")
    lightning: Any = require("lightning_fabric", extra="train", needed_for="training")
    accelerator = _accelerator(run.device, torch)
    if accelerator == "cpu":
        from vifex.engines.cores import available_cores

        torch.set_num_threads(run.threads or available_cores())
    precision = resolve_precision(run.precision, accelerator)
    if precision == "fp16" and accelerator == "cpu":
        raise InputError("a CPU does not train in fp16.", todo="Set run.precision to bf16 or fp32.")
    # It says at each start which precision was chosen; `environment.json` has that.
    for name in ("lightning_fabric", "lightning.fabric", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on plug-ins that are not used
        fabric = lightning.Fabric(
            accelerator=accelerator, devices=run.devices, precision=_PRECISIONS[precision]
        )
        fabric.launch()
    return fabric


def resolve_precision(wanted: str, accelerator: str) -> str:
    """Return the precision for `auto`: bf16 where the hardware multiplies it, else fp32."""
    if wanted != "auto":
        return wanted
    torch: Any = require("torch", extra="train", needed_for="training")
    if accelerator == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if accelerator != "cpu":
        return "fp32"
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    has_bf16 = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return "bf16" if has_bf16 else "fp32"


def _accelerator(device: str, torch: Any) -> str:
    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    known = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": has_mps}
    if device not in known:
        raise InputError(f"there is no device {device!r}.", todo="run.device is auto, cpu, cuda or mps.")
    if not known[device]:
        raise InputError(
            f"this machine has no device {device!r} that torch can use.", todo="Set run.device=cpu."
        )
    return device
