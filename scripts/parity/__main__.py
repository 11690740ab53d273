"""The parity scoreboard: `python scripts/parity PHOTOS_FOLDER [--data FOLDER] [--models FOLDER]`.

Every network of the sweep with seeded random weights, Vifex's engines against its library's own forward
pass on the same decoded pixels; preprocessing against each library's own transform; and real weights on
labelled images. Finished lines are kept in `docs/parity.json` as they come, so that an interrupted run
goes on; `docs/parity.md` is written from it at the end.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from networks import ROOT, SMALLEST, names

HERE = Path(__file__).parent
_LIBRARIES = (
    "vifex",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "open_clip_torch",
    "openvino",
    "numpy",
    "pillow",
)


def main() -> int:
    """Run what is asked for and write the record and the page."""
    options = _options()
    record = options.output / "parity.json"
    found = json.loads(record.read_text()) if record.exists() and not options.anew else {}
    found["versions"] = {"python": platform.python_version(), **{n: version(n) for n in _LIBRARIES}}
    lines: dict[str, Any] = found.setdefault("networks", {})
    for name in SMALLEST if options.smallest else names():
        if name not in lines or "failed" in lines[name]:
            lines[name] = _line(name, options.photographs)
            _keep(record, found)
    found["networks"] = {name: lines[name] for name in names() if name in lines}
    if not options.smallest or "pixels" not in found:
        found["pixels"] = _part("transforms.py", options.photographs)
        _keep(record, found)
    if options.anew or "processors" not in found:
        found["processors"] = _judged(options.photographs)
        _keep(record, found)
    if options.data is not None and options.models is not None:
        found["accuracy"] = _part("accuracy.py", options.data, options.models, str(options.images))
        _keep(record, found)
    from page import page

    (options.output / "parity.md").write_text(page(found), encoding="utf-8")
    return int(any("failed" in line for line in lines.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/parity", description=__doc__)
    parser.add_argument("photographs", type=Path, help="folder of .jpg files")
    parser.add_argument("--data", type=Path, help="folder with cifar10-test.parquet")
    parser.add_argument("--models", type=Path, help="folder with cifar10-resnet*.safetensors")
    parser.add_argument("--images", type=int, default=10_000, help="labelled images to use")
    parser.add_argument("--smallest", action="store_true", help="the smallest network of each family")
    parser.add_argument("--anew", action="store_true", help="measure again what the record holds")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    return parser.parse_args()


def _line(name: str, photographs: Path) -> dict[str, Any]:
    began_s = time.monotonic()
    try:
        line = _part("one.py", name, photographs)
    except subprocess.CalledProcessError as exc:
        said = [text for text in exc.stderr.splitlines() if text.strip()]
        line = {"name": name, "failed": said[-1] if said else f"status {exc.returncode}"}
    print(f"{name}: {line.get('failed', 'done')} ({time.monotonic() - began_s:.0f} s)", flush=True)
    return line


def _judged(photographs: Path) -> dict[str, Any]:
    """What is found of each class of processors, in a process of its own."""
    command = [sys.executable, HERE / "processors.py", photographs]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("name"): line for line in lines}


def _part(script: str, *words: object) -> Any:
    """Run one script in a process of its own, so that memory and threads are given back."""
    done = subprocess.run(
        [sys.executable, HERE / script, *map(str, words)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _keep(record: Path, found: dict[str, Any]) -> None:
    new = record.with_suffix(".new")
    new.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    new.replace(record)


if __name__ == "__main__":
    sys.exit(main())
