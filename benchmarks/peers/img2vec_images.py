"""img2vec_pytorch as its own page uses it: `get_vec` of a list of images, 32 at a time; fp32 only.

usage: img2vec_images.py NETWORK   (in the environment `torch`)

It stretches images to 224 x 224. It would fetch weights when it is made; here the same network with
seeded random weights takes their place.
"""

import os
import sys

import img2vec_pytorch.img_to_vec
import numpy as np
import torch
import torchvision
from img2vec_pytorch import Img2Vec
from PIL import Image
from serve import serve

BATCH = 32
network = sys.argv[1]

torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
setattr(
    img2vec_pytorch.img_to_vec, network, lambda weights: getattr(torchvision.models, network)(weights=None)
)
vectors = Img2Vec(cuda=False, model=network)


def run(files):
    parts = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    return np.concatenate([vectors.get_vec([Image.open(f).convert("RGB") for f in part]) for part in parts])


serve(run)
