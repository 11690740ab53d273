"""Precision: always an explicit choice, since OpenVINO takes bf16 silently where the processor has it."""

from __future__ import annotations

from typing import Any, Final

from vifex.values import EngineError
from vifex.values.registry import near

__all__ = ["HINTS", "native_bf16", "resolve"]

HINTS: Final = {"fp32": "f32", "bf16": "bf16"}
"""A precision's name in OpenVINO."""


def native_bf16(core: Any) -> bool:
    """Tell whether the processor computes in bf16 itself.

    OpenVINO lists BF16 among the capabilities of every AVX-512 processor, though most would emulate
    it; what it takes when it is not told is bf16 only where that is native.
    """
    return str(core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()) == "bf16"


def resolve(wanted: str, *, bf16: bool) -> str:
    """Turn a wish into `fp32` or `bf16`.

    Args:
        wanted: `auto`, `fp32` or `bf16`.
        bf16: Whether the hardware has it.

    Raises:
        EngineError: If it is unknown, or the hardware does not have it.
    """
    if wanted == "auto":
        return "bf16" if bf16 else "fp32"
    if wanted not in HINTS:
        known = ["auto", *HINTS]
        raise EngineError(
            f"there is no precision {wanted!r}.", todo=f"{near(wanted, known)}Known: {', '.join(known)}."
        )
    if wanted == "bf16" and not bf16:
        raise EngineError(
            "this processor does not compute in bf16.", todo="Use fp32, or auto, which takes it."
        )
    return wanted
