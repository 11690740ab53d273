"""Perceptual hashes (pHash, 64 bits) of chosen frames of videos, in their own environment.

usage: imagehash_frames.py CHOSEN_JSON HASHES_NPY

CHOSEN_JSON maps the path of each video to the numbers of its frames, in order. The hashes are written as
bits `[N, 64]`, uint8, in the order of videos and frames.
"""

import json
import sys
from pathlib import Path

import av
import imagehash
import numpy as np

chosen = json.loads(Path(sys.argv[1]).read_text())
made = []
for path, numbers in chosen.items():
    wanted = set(numbers)
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        found = {}
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                found[number] = imagehash.phash(frame.to_image()).hash.ravel()
    made += [found[number] for number in numbers]
np.save(sys.argv[2], np.array(made, np.uint8))
