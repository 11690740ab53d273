"""One network in a process of its own: `one.py NAME PHOTOS_FOLDER` prints its line as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

from measure import measure
from networks import family_of, network
from PIL import Image

__all__ = ["images", "line"]


def images(folder: Path) -> list[Image.Image]:
    """A few photographs in RGB, without their colour profiles: no library's transform heeds those."""
    files = sorted(folder.glob("*.jpg"))
    if not files:
        raise SystemExit(f"{folder} holds no .jpg: give a folder of photographs")
    chosen = [Image.open(file).convert("RGB") for file in files[:: max(1, len(files) // 5)][:5]]
    for image in chosen:
        image.info.clear()
    return chosen


def line(name: str, photographs: list[Image.Image]) -> dict[str, object]:
    """A network's line of the scoreboard."""
    with tempfile.TemporaryDirectory() as folder:
        model = network(name, Path(folder))
        return {"name": name, "family": family_of(name), **measure(model, photographs)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(line(sys.argv[1], images(Path(sys.argv[2])))))
