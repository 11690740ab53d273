"""Where and how networks run: the engine, the device and `torch.compile`, as a user chooses them.

What is left out follows an environment variable, and without one what the machine has.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Final

from vifex.values import EngineError
from vifex.values.registry import near

__all__ = ["COMPILE", "DEVICE", "ENGINE", "EngineOptions"]

ENGINE: Final = "VIFEX_ENGINE"
"""Environment variable: the default of `engine`."""
DEVICE: Final = "VIFEX_TORCH_DEVICE"
"""Environment variable: the default of `device`."""
COMPILE: Final = "VIFEX_TORCH_COMPILE"
"""Environment variable: the default of `compile`; `1` is true."""

_ENGINES: Final = ("auto", "openvino", "torch")
_DEVICES: Final = ("auto", "cpu", "cuda", "mps")
_DEVICE: Final = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?|mps")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """A user's choice of engine and device. `None` follows the environment variable."""

    engine: str | None = None
    """`auto`, `openvino` or `torch`."""
    device: str | None = None
    """`auto` (the best there is), `cpu`, `cuda`, `cuda:N` or `mps`. OpenVINO runs on the CPU alone."""
    compile: bool | None = None
    """Whether torch runs networks through `torch.compile`."""

    def __post_init__(self) -> None:
        if self.engine is not None:
            _check_engine(self.engine, f"Use {', '.join(_ENGINES)}.")
        if self.device is not None and not _is_device(self.device):
            raise EngineError(
                f"there is no device {self.device!r}.",
                todo=f"{_near(self.device, _DEVICES)}Use auto, cpu, cuda, cuda:N or mps.",
            )
        if not isinstance(self.compile, bool | None):
            raise EngineError(f"compile takes True or False, got {self.compile!r}.")

    def or_else(self, other: EngineOptions) -> EngineOptions:
        """Return these choices, and those of another where these leave something out."""
        return EngineOptions(
            self.engine if self.engine is not None else other.engine,
            self.device if self.device is not None else other.device,
            self.compile if self.compile is not None else other.compile,
        )

    @property
    def wanted_engine(self) -> str | None:
        """The engine that is asked for, by the user or by the environment; `None` for whichever fits.

        Raises:
            EngineError: If the environment names no engine.
        """
        wanted = self.engine or os.environ.get(ENGINE) or "auto"
        _check_engine(wanted, f"Set {ENGINE} to torch or openvino.")
        return None if wanted == "auto" else wanted

    @property
    def why_engine(self) -> str:
        """Who asks for the engine, as the reason that a run's record gives."""
        return f"{ENGINE} asks for it" if self.engine is None else "the user asks for it"

    @property
    def allows_openvino(self) -> bool:
        """Whether the user's own device is one that OpenVINO can run on."""
        return self.device in (None, "auto", "cpu")

    @property
    def compiles(self) -> bool:
        """Whether torch runs networks through `torch.compile`."""
        return os.environ.get(COMPILE, "") not in ("", "0") if self.compile is None else self.compile


def _check_engine(name: Any, todo: str) -> None:
    if name not in _ENGINES:
        raise EngineError(f"there is no engine {name!r}.", todo=f"{_near(name, _ENGINES)}{todo}")


def _is_device(name: Any) -> bool:
    return isinstance(name, str) and _DEVICE.fullmatch(name) is not None


def _near(name: Any, known: tuple[str, ...]) -> str:
    return near(name, list(known)) if isinstance(name, str) else ""
