"""thingsvision as its documentation uses it: `get_extractor`, its dataset and loader, `extract_features`.

usage: thingsvision_images.py NETWORK   (in the environment `thingsvision`)

Its loader has no workers and its precision is fp32.
"""

import os
import sys
import tempfile
from pathlib import Path

import torch
from serve import serve
from thingsvision import get_extractor
from thingsvision.utils.data import DataLoader, ImageDataset
from torchvision import transforms

BATCH = 32
LAYERS = {"resnet50": "global_pool", "mobilenetv3_large_100": "flatten"}

torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
network = sys.argv[1]
extractor = get_extractor(model_name=network, source="timm", device="cpu", pretrained=False)
transform = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def run(files):
    with tempfile.TemporaryDirectory() as folder:
        dataset = ImageDataset(
            root=str(Path(files[0]).parent),
            out_path=folder,
            backend=extractor.get_backend(),
            file_names=[Path(f).name for f in files],
            transforms=transform,
        )
        batches = DataLoader(dataset=dataset, batch_size=BATCH, backend=extractor.get_backend())
        return extractor.extract_features(
            batches=batches, module_name=LAYERS[network], flatten_acts=False, output_type="ndarray"
        )


serve(run)
