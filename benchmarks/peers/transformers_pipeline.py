"""transformers' `image-feature-extraction` pipeline over a list of files, 32 at a time, pooled.

usage: transformers_pipeline.py NETWORK fp32|bf16   (in the environment `torch`; bf16 is its `dtype`)

The network is the same of timm, through transformers' own wrapper.
"""

import os
import sys

import timm
import torch
import transformers
from serve import serve
from transformers import TimmWrapperConfig, TimmWrapperImageProcessor, TimmWrapperModel, pipeline

BATCH = 32
network, precision = sys.argv[1], sys.argv[2]

transformers.utils.logging.set_verbosity_error()
torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
pixels = {
    "input_size": (3, 224, 224),
    "crop_pct": 0.875,
    "interpolation": "bilinear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
model = TimmWrapperModel(TimmWrapperConfig(architecture=network)).eval()
model.timm_model.load_state_dict(timm.create_model(network, num_classes=0).state_dict())
if precision == "bf16":
    model = model.to(torch.bfloat16)
extract = pipeline(
    "image-feature-extraction",
    model=model,
    image_processor=TimmWrapperImageProcessor(pretrained_cfg=pixels, architecture=network),
    device="cpu",
    dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
)


def run(files):
    made = extract(files, batch_size=BATCH, pool=True, return_tensors=True)
    return torch.cat([m.reshape(1, -1) for m in made]).float().numpy()


serve(run)
