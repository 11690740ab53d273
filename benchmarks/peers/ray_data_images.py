"""Images by Ray Data as its guide to batch inference has it: `read_images`, `map`, `map_batches`.

usage: ray_data_images.py CARD_JSON CORES   (in the environment `ray_data`)
"""

import sys

import numpy as np
import ray
from openvino_network import Network
from PIL import Image
from serve import serve

BATCH, CORES = 32, int(sys.argv[2])
CARD = sys.argv[1]


class Prepare:
    def __init__(self):
        self.network = Network(CARD)

    def __call__(self, row):
        image = Image.fromarray(row["image"])
        resized = image.resize(self.network.resized(*image.size), Image.BILINEAR)
        cropped = self.network.cropped(np.asarray(resized))
        return {"pixels": self.network.normalised(cropped)}


class Predictor:
    def __init__(self):
        self.network = Network(CARD)

    def __call__(self, batch):
        return {"features": self.network.features(batch["pixels"])}


prepare = None


def prepared(row):
    global prepare
    prepare = prepare or Prepare()
    return prepare(row)


def run(files):
    images = ray.data.read_images(files, mode="RGB")
    ready = images.map(prepared)
    features = ready.map_batches(Predictor, batch_size=BATCH, concurrency=1, num_cpus=1)
    return np.stack([row["features"] for row in features.take_all()])


ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="error")
serve(run)
