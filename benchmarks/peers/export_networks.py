"""Networks with seeded random weights as ONNX files with their model cards; speed does not depend on weights.

usage: export_networks.py FOLDER NAME...   (in the environment `torch`)
"""

import sys
from pathlib import Path

import timm
import torch
import torchvision

IMAGES = """height_px = 224
width_px = 224
layout = "NCHW"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
resize = "shortest"
resize_px = 256
interpolation = "bilinear"
"""
CLIPS = """height_px = 112
width_px = 112
frames = 16
layout = "NCTHW"
mean = [0.43216, 0.394666, 0.37645]
std = [0.22803, 0.22145, 0.216989]
resize = "stretch_crop"
resize_hw_px = [128, 171]
interpolation = "bilinear"
"""


def make(name: str) -> tuple[torch.nn.Module, torch.Tensor, str]:
    """Give a network without its classifier, one input for it, and its card."""
    torch.manual_seed(0)
    if name == "r2plus1d_18":
        net = torchvision.models.video.r2plus1d_18(weights=None)
        net.fc = torch.nn.Identity()
        return net.eval(), torch.zeros(1, 3, 16, 112, 112), CLIPS
    return timm.create_model(name, num_classes=0).eval(), torch.zeros(1, 3, 224, 224), IMAGES


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        net, example, card = make(name)
        unfinished = folder / f"{name}.unfinished.onnx"
        torch.onnx.export(
            net,
            (example,),
            unfinished,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            dynamo=False,
        )
        (folder / f"{name}.vifex.toml").write_text(f'name = "{name}-bench"\ndefault_layers = ["y"]\n{card}')
        unfinished.rename(folder / f"{name}.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
