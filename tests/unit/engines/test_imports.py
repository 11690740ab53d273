"""What is imported when, and that nothing is sent anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_BLOCKED = """
import sys
def refuse(event, arguments):
    # OpenVINO's telemetry sends from a child process, so children count as well as sockets.
    if event.startswith("socket.") or event in ("os.fork", "os.posix_spawn", "subprocess.Popen"):
        raise RuntimeError(f"{event} {arguments}")
sys.addaudithook(refuse)
import threading
broken = []
threading.excepthook = lambda a: broken.append(a.exc_value)
"""

_USE = """
import numpy as np
from vifex.engines import load_engine
from vifex.models import load_model
engine, model = load_engine(), load_model()
layers = engine.resolve_layers(model, [])
with engine.compile(model, layers, precision="fp32", batch=1) as network:
    network.submit(np.zeros(network.input_shape, np.uint8)).result()
assert "openvino_telemetry" not in sys.modules, "it would send"
assert not broken, broken
import openvino
assert openvino.convert_model, "the rest of OpenVINO stays usable"
"""


def _run(code: str, home: Path) -> None:
    # Telemetry stays silent where CI is set: not here, so that it would be seen.
    kept = {
        k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL", "XDG_CACHE_HOME")
    }
    environment = {**kept, "HOME": str(home), "VIFEX_CACHE": str(home / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_engine_opens_no_socket_and_starts_no_process(tmp_path: Path) -> None:
    _run(_BLOCKED + _USE, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache"], "telemetry leaves its files at home"


def test_imports_are_late(tmp_path: Path) -> None:
    _run(
        "import sys, vifex.models, vifex.engines, vifex.pool\n"
        "vifex.models.load_model()\n"
        "heavy = {'openvino', 'numpy', 'onnx', 'torch', 'lance'} & set(sys.modules)\n"
        "assert not heavy, heavy",
        tmp_path,
    )
