"""What benchmarks are given, or make: folders of images of any length, networks with random weights."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
from peers.environment import ROOT, cache_folder, python_of

from vifex.models import load_model
from vifex.values.sample_facts import FACT_DTYPE, Records

SHARED = ROOT.parent / "shared"
PHOTOS = SHARED / "data" / "photos"
CLIPS = SHARED / "media" / "good"
HERE = Path(__file__).resolve().parent


def parser(description: str | None, *, rounds: int, seconds: float | None = None) -> argparse.ArgumentParser:
    """Give the options that benchmarks share."""
    words = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--rounds", type=int, default=rounds, help="default: %(default)s")
    if seconds is not None:
        words.add_argument(
            "--seconds", type=float, default=seconds, help="of Vifex's work in a round; default: %(default)s"
        )
    return words


class Images:
    """Folders with the first `n` images of an endless row of copies of some originals.

    Copies are links to the same bytes where the disk can: the file cache is warm for everyone.
    """

    def __init__(self, originals: Path, work: Path) -> None:
        self._originals = sorted(p for p in originals.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
        if not self._originals:
            raise SystemExit(f"{originals} holds no JPEGs")
        self._work = work

    @property
    def originals(self) -> int:
        """How many different images there are."""
        return len(self._originals)

    def folder(self, count: int) -> Path:
        """Give a folder that holds exactly `count` images."""
        folder = self._work / f"{count}-images"
        if not folder.exists():
            folder.mkdir()
            for number, path in enumerate(itertools.islice(itertools.cycle(self._originals), count)):
                link(path, folder / f"{number:06d}-{path.name}")
        return folder


def link(source: Path, target: Path) -> None:
    """Give a file another name, or copy it where the disk has no links or no more for this file."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def network(name: str) -> Path:
    """Give a network as an ONNX file with its card beside it, made once, see `peers/export_networks.py`."""
    folder = cache_folder() / "networks"
    path = folder / f"{name}.onnx"
    if not path.exists():
        script = HERE / "peers" / "export_networks.py"
        subprocess.run([python_of("torch"), "-W", "ignore", script, folder, name], check=True)
    return path


def card_of_default() -> str:
    """Say what the loops need to know of the default network, as JSON."""
    model = load_model("default")
    fields = ("height_px", "width_px", "resize", "resize_px", "scale", "mean", "std")
    card = {name: getattr(model.card, name) for name in fields}
    return json.dumps({**card, "graph": str(model.file), "layer": model.card.default_layers[0]})


def seconds_of_video(count: int) -> Records:
    """Give the facts of `count` frames, one for each second."""
    records = np.zeros(count, FACT_DTYPE)
    seconds = np.arange(count)
    for name in ("ordinal", "frame_index", "pts", "t_s", "t_start_s"):
        records[name] = seconds
    records["t_end_s"] = seconds + 1.0
    records["time_base"] = b"1/1"
    for side in ("x0", "y0", "x1", "y1"):
        records[side] = np.nan
    return records
