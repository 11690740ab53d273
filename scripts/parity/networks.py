"""Which networks stand on the scoreboard, and how each is made: by its library, with random weights."""

from __future__ import annotations

import sys
from pathlib import Path

from vifex.models import load_model
from vifex.values import Model

__all__ = ["SMALLEST", "family_of", "names", "network"]

ROOT = Path(__file__).resolve().parents[2]
# The sweep and the small networks of transformers are the tests' own: one list for both.
sys.path.insert(0, str(ROOT / "tests" / "torch" / "families"))

SMALLEST = (
    "timm/test_resnet.r160_in1k",
    "torchvision/squeezenet1_1",
    "hf/tiny:vit",
    "open_clip/vifex-tiny",
    "c3d/sports1m",
    "i3d/rgb-kinetics400-16f",
    "seq/lstm:32,frames=4(timm/test_resnet.r160_in1k)",
)
"""The smallest network of each family: tests make their part of the scoreboard anew."""

_BESIDE_THE_SWEEP = (
    "c3d/sports1m",
    "i3d/rgb-kinetics400-16f",
    "i3d/rgb-kinetics400",
    "seq/lstm:32,frames=4(timm/test_resnet.r160_in1k)",
    "seq/gru:64,bi,frames=8(timm/resnet18.a1_in1k)",
    "seq/tcn:64,frames=8(timm/resnet18.a1_in1k)",
    "seq/attention:64,frames=8(torchvision/resnet18)",
    "seq/nonlocal:64,frames=4(torchvision/resnet18#layer4)",
)

_TINY_CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"layers": 2, "width": 32, "image_size": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"layers": 2, "width": 32, "context_length": 16, "vocab_size": 49408, "heads": 2},
}


def names() -> list[str]:
    """Every network of the scoreboard, family by family."""
    from sweep import SWEEP

    listed = dict.fromkeys([*(case.name for case in SWEEP), *SMALLEST, *_BESIDE_THE_SWEEP])
    order = list(dict.fromkeys(family_of(name) for name in listed))
    return sorted(listed, key=lambda name: order.index(family_of(name)))


def family_of(name: str) -> str:
    """The prefix of a name."""
    return name.partition("/")[0]


def network(name: str, folder: Path) -> Model:
    """Load a network with random weights of seed 0; small ones of transformers are written to `folder`."""
    rest = name.partition("/")[2]
    if rest.startswith("tiny:"):
        from tiny import make

        place = folder / rest.partition(":")[2]
        if not place.exists():
            make(place.name, place)
        return load_model(f"hf/{place}", weights="random:0")
    if name == "open_clip/vifex-tiny":
        _know_tiny_clip(folder)
    return load_model(name, weights="random:0")


def _know_tiny_clip(folder: Path) -> None:
    import json

    import open_clip

    place = folder / "vifex-tiny.json"
    place.write_text(json.dumps(_TINY_CLIP))
    open_clip.add_model_config(place)
