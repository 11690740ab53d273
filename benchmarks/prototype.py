"""The shortest program that does the same arithmetic and keeps nothing, and its two parts alone.

Pillow's `draft` in threads, OpenVINO with several requests in flight, normalisation in the graph.
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from race import Told

from vifex.values.openvino import import_openvino

BATCH, REQUESTS = 8, 4
CORES = len(os.sched_getaffinity(0))
_BATCHES = (2, 4, 8, 16)
"""Among which inference alone finds its best."""
_TRIALS, _TRIAL_S = 3, 1.5
HINTS = {"bf16": "bf16", "fp32": "f32"}


class Prototype:
    """A network for images of 224 x 224, compiled at one precision."""

    def __init__(self, path: Path, precision: str) -> None:
        self._compiled = _compile(path, precision, BATCH)
        self.width = int(self._compiled.output(0).partial_shape[1].get_length())

    def run(self, files: list[Path]) -> Told:
        """Decode and infer whole batches of images."""
        out = np.zeros((len(files), self.width), np.float32)
        waiting = import_openvino().AsyncInferQueue(self._compiled, REQUESTS)

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
        return Told(time.perf_counter() - began_s, len(files), self.width)


class Inference:
    """The network alone on pixels that are ready, at the batch at which it is fastest here."""

    def __init__(self, path: Path, precision: str) -> None:
        compiled = {batch: _compile(path, precision, batch) for batch in _BATCHES}
        rates: dict[int, list[float]] = {batch: [] for batch in _BATCHES}
        for _ in range(_TRIALS):
            for batch, network in compiled.items():
                told = _infer(network, batch, 4 * REQUESTS * batch)
                told = _infer(network, batch, int(_TRIAL_S * told.count / told.seconds))
                rates[batch].append(told.count / told.seconds)
        self.batch = max(_BATCHES, key=lambda batch: statistics.median(rates[batch]))
        self._compiled = compiled[self.batch]

    def run(self, count: int) -> Told:
        """Infer at least `count` images."""
        return _infer(self._compiled, self.batch, count)


def _infer(compiled: Any, batch: int, count: int) -> Told:
    waiting = import_openvino().AsyncInferQueue(compiled, REQUESTS)
    pixels = np.random.default_rng(0).integers(0, 255, (batch, 224, 224, 3), dtype=np.uint8)
    batches = -(-count // batch)
    began_s = time.perf_counter()
    for _ in range(batches):
        waiting.start_async({0: pixels})
    waiting.wait_all()
    return Told(time.perf_counter() - began_s, batches * batch)


def decode(files: list[Path]) -> Told:
    """Decode images on all cores."""
    began_s = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        count = sum(1 for _ in pool.map(pixels, files))
    return Told(time.perf_counter() - began_s, count)


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


def _compile(path: Path, precision: str, batch: int) -> Any:
    ov = import_openvino()
    model = ov.Core().read_model(path)
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(std)
    model = steps.build()
    model.reshape([batch, 224, 224, 3])
    config = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": str(CORES),
    }
    return ov.Core().compile_model(model, "CPU", config)
