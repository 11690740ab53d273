"""A folder of JPEGs: the real command, store included, against a straight prototype and the bound.

usage: jpegs.py PHOTOS MODEL.onnx [PRECISION] [ROUNDS]

The prototype is the shortest program that does the same arithmetic and keeps nothing: Pillow's `draft` in
threads, OpenVINO with several requests in flight, normalisation in the graph. The bound is 1 / (1/c + 1/d),
c being inference alone and d decoding alone, each on all cores.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import alternate, spread, write

from vifex.engines.runtime import import_openvino

BATCH, REQUESTS = 8, 4
CORES = len(os.sched_getaffinity(0))
HINTS = {"bf16": "bf16", "fp32": "f32"}


def compile_prototype(path: Path, precision: str) -> Any:
    ov = import_openvino()
    model = ov.Core().read_model(path)
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(std)
    model = steps.build()
    model.reshape([BATCH, 224, 224, 3])
    config = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": str(CORES),
    }
    return ov.Core().compile_model(model, "CPU", config)


def pixels(path: Path) -> np.ndarray:
    """Shorter side to 256, centre 224, in one resize."""
    image = Image.open(path)
    image.draft("RGB", (256, 256))
    image = image.convert("RGB")
    scale = 256 / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    x, y = (width - 224) / 2 / scale, (height - 224) / 2 / scale
    box = (x, y, x + 224 / scale, y + 224 / scale)
    return np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR, box=box))


def run_prototype(compiled: Any, files: list[Path]) -> float:
    ov = import_openvino()
    out = np.zeros((len(files), compiled.output(0).partial_shape[1].get_length()), np.float32)
    waiting = ov.AsyncInferQueue(compiled, REQUESTS)

    def keep(request: Any, start: int) -> None:
        out[start : start + BATCH] = request.get_output_tensor(0).data

    waiting.set_callback(keep)
    began_s = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        ready: list[np.ndarray] = []
        for number, image in enumerate(pool.map(pixels, files)):
            ready.append(image)
            if len(ready) == BATCH:
                waiting.start_async({0: np.stack(ready)}, number - BATCH + 1)
                ready = []
    waiting.wait_all()
    return len(files) / (time.perf_counter() - began_s)


def inference_rate(compiled: Any, seconds: float = 5.0) -> float:
    ov = import_openvino()
    waiting = ov.AsyncInferQueue(compiled, REQUESTS)
    batch = np.random.default_rng(0).integers(0, 255, (BATCH, 224, 224, 3), dtype=np.uint8)
    done, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        waiting.start_async({0: batch})
        done += BATCH
    waiting.wait_all()
    return done / (time.perf_counter() - began_s)


def decoding_rate(files: list[Path]) -> float:
    began_s = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        count = sum(1 for _ in pool.map(pixels, files))
    return count / (time.perf_counter() - began_s)


def run_vifex(folder: Path, model: Path, precision: str, work: Path) -> float:
    store = work / "speed.vifex"
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "vifex", "extract", folder, "-o", store, "--model", model]
    command += ["--precision", precision, "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return float(report["ok"] / report["busy_s"])


def write_card(model: Path) -> None:
    card = model.with_name(f"{model.stem}.vifex.toml")
    if not card.exists():
        card.write_text(
            f'name = "{model.stem}-bench"\nheight_px = 224\nwidth_px = 224\nlayout = "NCHW"\n'
            "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n"
            'resize = "shortest"\nresize_px = 256\ninterpolation = "bilinear"\n'
        )


def main(photos: Path, model: Path, precision: str = "bf16", rounds: int = 3, seconds: float = 20.0) -> None:
    write_card(model)
    compiled = compile_prototype(model, precision)
    originals = sorted(photos.glob("*.jpg"))
    rate = run_prototype(compiled, originals)
    copies = max(1, int(seconds * rate / len(originals)))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        folder.mkdir()
        for number in range(copies):
            for path in originals:
                shutil.copy(path, folder / f"{number:03d}-{path.name}")
        files = sorted(folder.iterdir())
        files = files[: len(files) // BATCH * BATCH]
        contenders: dict[str, Callable[[], float]] = {
            "vifex extract": lambda: run_vifex(folder, model, precision, Path(temporary)),
            "prototype": lambda: run_prototype(compiled, files),
            "inference alone": lambda: inference_rate(compiled),
            "decoding alone": lambda: decoding_rate(files),
        }
        values = alternate(contenders, rounds)
    rates = {name: spread(v) for name, v in values.items()}
    c, d = rates["inference alone"]["median"], rates["decoding alone"]["median"]
    bound = 1 / (1 / c + 1 / d)
    mine = rates["vifex extract"]["median"]
    write(
        f"jpegs.{model.stem}.{precision}",
        config={"photographs": len(files), "batch": BATCH, "requests": REQUESTS},
        rounds=rounds,
        results={
            "images_per_s": rates,
            "bound": round(bound, 1),
            "efficiency": round(mine / bound, 3),
            "over_prototype": round(mine / rates["prototype"]["median"], 3),
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4], *map(int, sys.argv[4:5]))
