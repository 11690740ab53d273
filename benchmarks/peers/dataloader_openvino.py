"""The usual loop around a network that is no torch module: DataLoader, torchvision transforms, OpenVINO.

usage: dataloader_openvino.py CARD_JSON   (in the environment `torch`; two workers, full decode by Pillow)
"""

import sys

import numpy as np
import torch
from openvino_network import Network
from PIL import Image
from serve import serve
from torchvision import transforms

BATCH, WORKERS = 32, 2
network = Network(sys.argv[1])
WIDTH, HEIGHT = network.size


class Photographs(torch.utils.data.Dataset):
    transform = transforms.Compose(
        [
            transforms.Resize(network.shorter_px or (HEIGHT, WIDTH)),
            transforms.CenterCrop((HEIGHT, WIDTH)),
            transforms.ToTensor(),
            transforms.Normalize(network.mean, network.std),
        ]
    )

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(Image.open(self.files[index]).convert("RGB"))


def run(files):
    loader = torch.utils.data.DataLoader(Photographs(files), batch_size=BATCH, num_workers=WORKERS)
    return np.concatenate([network.features(batch.numpy()) for batch in loader])


serve(run)
