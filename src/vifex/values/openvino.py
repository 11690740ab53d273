"""OpenVINO's Python module, imported so that it sends nothing anywhere."""

from __future__ import annotations

import sys
import threading
from typing import Any

__all__ = ["import_openvino"]

_TELEMETRY = "openvino_telemetry"
_LOCK = threading.Lock()


def import_openvino() -> Any:
    """Import `openvino` without its telemetry.

    `import openvino` imports its converter, which sends an event home (in a child process) unless the
    user opted out. The converter takes a stub where `openvino_telemetry` cannot be imported, so that is
    what it finds here. If somebody imported `openvino` before, that is theirs and stays as it is.
    """
    with _LOCK:
        blocked = "openvino" not in sys.modules and _TELEMETRY not in sys.modules
        if blocked:
            sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # makes its import fail
        try:
            import openvino
        finally:
            if blocked:
                del sys.modules[_TELEMETRY]
    return openvino
