"""The PyAV loop: every frame decoded with frame and slice threads, one a second converted and run.

usage: video_pyav.py CARD_JSON FPS   (in the benchmark's own environment: the same PyAV and OpenVINO)
"""

import sys

import av
import numpy as np
from openvino_network import Network
from PIL import Image
from serve import serve

BATCH = 32
network, fps = Network(sys.argv[1]), float(sys.argv[2])


def sampled(path):
    """Give the pixels of the first frame at or after 0, 1/fps, 2/fps ... and count all frames in `seen`."""
    with av.open(path) as video:
        stream = video.streams.video[0]
        stream.thread_type = "AUTO"
        due = None
        for frame in video.decode(stream):
            seen[0] += 1
            due = frame.time if due is None else due
            if frame.time >= due:
                due += 1 / fps
                image = Image.fromarray(frame.to_ndarray(format="rgb24"))
                image = image.resize(network.resized(*image.size), Image.Resampling.BILINEAR)
                yield network.normalised(network.cropped(np.asarray(image)))


seen = [0]


def run(files):
    seen[0] = 0
    made, ready = [], []
    for path in files:
        for image in sampled(path):
            ready.append(image)
            if len(ready) == BATCH:
                made.append(network.features(ready))
                ready = []
    if ready:
        made.append(network.features(ready))
    return seen[0], np.concatenate(made)


serve(run)
