"""The usual loop over clips: PyAV decodes every frame, windows go through the network in eager PyTorch.

usage: torch_clips.py NETWORK FRAMES fp32|bf16   (in the environment `torch`; bf16 is torch.autocast)

Frames are resized and cut as torchvision's presets do; windows follow each other, a tail is dropped.
"""

import os
import sys
from importlib import import_module

import av
import numpy as np
import torch
import torchvision
from serve import serve

BATCH = 4
NETWORK, FRAMES, PRECISION = sys.argv[1], int(sys.argv[2]), sys.argv[3]
RESIZED, SIDE = ((171, 128), 112) if NETWORK == "r2plus1d_18" else ((340, 256), 224)
MEAN = torch.tensor([0.43216, 0.394666, 0.37645]).view(3, 1, 1, 1)
STD = torch.tensor([0.22803, 0.22145, 0.216989]).view(3, 1, 1, 1)


def make_network():
    torch.manual_seed(0)
    if NETWORK == "r2plus1d_18":
        net = torchvision.models.video.r2plus1d_18(weights=None)
        net.fc = torch.nn.Identity()
        return net.eval()
    from vifex.models import load_model  # its own implementation, the same module run eagerly

    builder = load_model(NETWORK, weights="random:0").builder
    module, _, attribute = builder.target.partition(":")
    return getattr(import_module(module), attribute)(builder.name, builder.weights).eval()


def frames_of(path):
    with av.open(path) as video:
        stream = video.streams.video[0]
        stream.thread_type = "AUTO"
        left, top = (RESIZED[0] - SIDE) // 2, (RESIZED[1] - SIDE) // 2
        for frame in video.decode(stream):
            image = frame.reformat(*RESIZED, "rgb24", interpolation="BILINEAR").to_ndarray()
            yield image[top : top + SIDE, left : left + SIDE]


def clips_of(files):
    """Give windows `[3, T, H, W]`, normalised."""
    for path in files:
        window = []
        for frame in frames_of(path):
            window.append(frame)
            if len(window) == FRAMES:
                clip = torch.from_numpy(np.stack(window)).permute(3, 0, 1, 2).float() / 255
                yield (clip - MEAN) / STD
                window = []


torch.set_num_threads(len(os.sched_getaffinity(0)))
network = make_network()


@torch.inference_mode()
def run(files):
    made, ready = [], []
    with torch.autocast("cpu", torch.bfloat16, enabled=PRECISION == "bf16"):
        for clip in clips_of(files):
            ready.append(clip)
            if len(ready) == BATCH:
                made.append(network(torch.stack(ready)).float())
                ready = []
        if ready:
            made.append(network(torch.stack(ready)).float())
    return torch.cat(made).flatten(1).numpy()


serve(run)
