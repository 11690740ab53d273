"""`make bench`: every benchmark that this machine has the input for; each writes its record.

usage: run.py [PHOTOS CLIP [MODEL.onnx ...]]

Without arguments those that make their own input are run. Networks for `jpegs.py` are ONNX files that take
224 x 224 pictures.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(name: str, *words: str) -> None:
    print(f"-- {name} {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, HERE / f"{name}.py", *words], check=True)


def main(words: list[str]) -> None:
    for name in ("startup", "search_cold", "commits", "search_exact"):
        run(name)
    if len(words) >= 2:
        run("memory", words[1])
        for model in words[2:]:
            for precision in ("bf16", "fp32"):
                run("jpegs", words[0], model, precision)


if __name__ == "__main__":
    main(sys.argv[1:])
