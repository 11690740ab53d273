"""Images by Daft as its guide has it: `download`, `decode_image`, and a class that keeps the network.

usage: daft_images.py CARD_JSON WIDTH   (in the environment `daft`)
"""

import sys

import daft
import numpy as np
from daft import DataType, Series
from daft.functions import decode_image, download
from openvino_network import Network
from PIL import Image
from serve import serve

BATCH = 32
CARD = sys.argv[1]
WIDTH = int(sys.argv[2])


@daft.cls(max_concurrency=1, use_process=True)
class Predictor:
    def __init__(self):
        self.network = Network(CARD)

    @daft.method.batch(return_dtype=DataType.embedding(DataType.float32(), WIDTH), batch_size=BATCH)
    def features(self, images: Series):
        ready = []
        for pixels in images.to_pylist():
            image = Image.fromarray(np.asarray(pixels))
            resized = image.resize(self.network.resized(*image.size), Image.BILINEAR)
            ready.append(self.network.normalised(self.network.cropped(np.asarray(resized))))
        return list(self.network.features(ready))


predictor = Predictor()


def run(files):
    frame = daft.from_pydict({"path": files})
    frame = frame.with_column("image", decode_image(download(frame["path"]), mode="RGB"))
    frame = frame.select(predictor.features(frame["image"]).alias("features"))
    return np.stack(frame.collect().to_pydict()["features"])


serve(run)
