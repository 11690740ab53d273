"""Precision: always an explicit choice, because OpenVINO silently uses bf16 if the processor has it.

`int8` is a graph whose linear layers compute in int8. The rest computes in bf16 if the hardware has it, which
is decided once and is part of the precision's full name.
"""

from __future__ import annotations

from typing import Any, Final

from vifex.values import EngineError
from vifex.values.registry import near

__all__ = ["HINTS", "is_int8", "native_bf16", "resolve"]

HINTS: Final = {"fp32": "f32", "bf16": "bf16", "int8+fp32": "f32", "int8+bf16": "bf16"}
"""Resolved precision to OpenVINO's name for the precision of all that is not quantised."""

_CHOICES: Final = ("auto", "fp32", "bf16", "int8")


def native_bf16(core: Any) -> bool:
    """Return whether the processor computes in bf16 natively.

    OpenVINO lists BF16 among the capabilities of every AVX-512 processor, although most emulate it. Its
    default precision is bf16 only on processors with native bf16.
    """
    return str(core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()) == "bf16"


def is_int8(precision: str) -> bool:
    """Return whether a precision needs a quantised graph."""
    return precision.partition("+")[0] == "int8"


def resolve(wanted: str, *, bf16: bool, int8: bool = False) -> str:
    """Turn a request into `fp32`, `bf16`, `int8+fp32` or `int8+bf16`.

    Args:
        wanted: `auto`, `fp32`, `bf16`, `int8`, or a resolved precision.
        bf16: Whether the hardware has bf16.
        int8: Whether the engine runs quantised graphs.

    Raises:
        EngineError: If it is unknown, or the hardware or the engine does not have it.
    """
    if wanted == "auto":
        return "bf16" if bf16 else "fp32"
    if wanted not in HINTS and wanted not in _CHOICES:
        known = ", ".join(_CHOICES)
        raise EngineError(
            f"there is no precision {wanted!r}.", todo=f"{near(wanted, list(_CHOICES))}Known: {known}."
        )
    if is_int8(wanted) and not int8:
        raise EngineError(
            "int8 is for networks that OpenVINO runs, and another engine runs this one.",
            todo="Use auto, fp32 or bf16.",
        )
    if wanted == "int8":
        return "int8+bf16" if bf16 else "int8+fp32"
    if HINTS[wanted] == "bf16" and not bf16:
        raise EngineError(
            "this processor does not compute in bf16.", todo="Use fp32, or auto, which takes it."
        )
    return wanted
