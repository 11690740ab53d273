"""The loop that most people write: DataLoader with two workers, torchvision transforms, a timm network.

usage: torch_loop.py NETWORK fp32|bf16   (in the environment `torch`; bf16 is torch.autocast)
"""

import os
import sys

import torch
from PIL import Image
from serve import serve
from torchvision import transforms

BATCH, WORKERS = 32, 2
NETWORK, PRECISION = sys.argv[1], sys.argv[2]


def make_network(name):
    torch.manual_seed(0)
    if name.startswith("open_clip/"):
        import open_clip

        return open_clip.create_model(name.removeprefix("open_clip/"), pretrained=None).visual.eval()
    import timm

    return timm.create_model(name, num_classes=0).eval()


class Photographs(torch.utils.data.Dataset):
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(Image.open(self.files[index]).convert("RGB"))


torch.set_num_threads(len(os.sched_getaffinity(0)))
network = make_network(NETWORK)


@torch.inference_mode()
def run(files):
    loader = torch.utils.data.DataLoader(Photographs(files), batch_size=BATCH, num_workers=WORKERS)
    with torch.autocast("cpu", torch.bfloat16, enabled=PRECISION == "bf16"):
        return torch.cat([network(batch).float() for batch in loader]).numpy()


serve(run)
