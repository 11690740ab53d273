"""The same network in ONNX Runtime with its defaults, fed by Pillow and numpy, as fastembed does; fp32.

usage: onnxruntime_images.py NETWORK.onnx   (in the environment `onnxruntime`)
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image
from serve import serve

BATCH = 16
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])


def pixels(path):
    """Shorter side to 256, centre 224, scaled and normalised, `[3, 224, 224]`."""
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    cut = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    return ((cut / 255 - MEAN) / STD).transpose(2, 0, 1)


def run(files):
    made = []
    for start in range(0, len(files), BATCH):
        batch = np.stack([pixels(f) for f in files[start : start + BATCH]])
        made.append(session.run(None, {"x": batch})[0])
    return np.concatenate(made)


serve(run)
