"""The OpenCV loop: `VideoCapture.read` of every frame, one a second through the network.

usage: video_opencv.py CARD_JSON FPS   (in the environment `opencv`; OpenCV decodes with threads of its own)
"""

import sys

import cv2
import numpy as np
from openvino_network import Network
from serve import serve

BATCH = 32
network, fps = Network(sys.argv[1]), float(sys.argv[2])


def sampled(path):
    """Give the pixels on screen at 0, 1/fps, 2/fps ... and count all frames in `seen`."""
    video = cv2.VideoCapture(path)
    step = video.get(cv2.CAP_PROP_FPS) / fps
    number, due = 0, 0.0
    while True:
        ok, frame = video.read()
        if not ok:
            break
        if number >= due:
            due += step
            height, width = frame.shape[:2]
            image = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), network.resized(width, height))
            yield network.normalised(network.cropped(image))
        number += 1
        seen[0] += 1
    video.release()


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
