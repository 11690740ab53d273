"""Make the embedded model: the interim network's weights become an OpenVINO IR with a model card.

usage: python scripts/make_embedded.py [WEIGHTS.safetensors] [OUTPUT_FOLDER]

Reads `../shared/embedded/weights.safetensors` (batch norms already folded) and writes
`vifex-interim-1.xml`, `.bin` and `.vifex.toml` to `src/vifex/models/embedded`. The same weights and
the same OpenVINO give the same bytes. Node names of the graph are the layer names.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT.parent / "shared" / "embedded" / "weights.safetensors"
TARGET = ROOT / "src" / "vifex" / "models" / "embedded"
NAME = "vifex-interim-1"

CARD = """\
# The model card of {name}; made by scripts/make_embedded.py.
name = "{name}"
height_px = 96
width_px = 96
layout = "NCHW"
scale = 255.0
# ImageNet's: (123.675, 116.28, 103.53) / 255 and (58.395, 57.12, 57.375) / 255.
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
channel_order = "RGB"
resize = "stretch"
interpolation = "bilinear"
default_layers = ["embedding"]
licence = "none stated; trained on images of ImageNet (research terms), teacher Apache-2.0"
provenance = \"\"\"
A small residual network trained from scratch by distillation: it points where the pooled features of
a quantised MobileNetV2 (Apache-2.0), reduced to 512 numbers, point. Its training images are 200
classes of ImageNet in small and crops of 1,000 photographs (ImageNet: research terms): everyday
objects and animals. It knows nothing of text, faces, medical images or motion. Tiny-ImageNet, k-NN:
0.435 (its teacher 0.518); CIFAR-10, k-NN: 0.725. Interim: a network of the project's own recipe is to
replace it.
\"\"\"
sha256 = "{sha256}"
"""


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file: 8 bytes of header length, a JSON header, then the tensors."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    dtypes = {"F16": np.float16, "F32": np.float32}
    return {
        name: np.frombuffer(
            raw[start + v["data_offsets"][0] : start + v["data_offsets"][1]], dtypes[v["dtype"]]
        )
        .reshape(v["shape"])
        .astype(np.float32)
        for name, v in header.items()
    }


def build(weights: dict[str, np.ndarray]) -> Any:
    """Build the network `[B, 3, H, W]`, normalised pixels, with the layer names as node names."""
    import openvino as ov
    from openvino import opset13 as op

    def named(node: Any, name: str) -> Any:
        node.set_friendly_name(name)
        node.output(0).set_names({name})
        return node

    def conv(x: Any, key: str, *, stride: int, pad: int, name: str | None = None) -> Any:
        w = op.constant(weights[f"{key}.weight"], name=f"{key}.weight")
        b = op.constant(weights[f"{key}.bias"].reshape(1, -1, 1, 1), name=f"{key}.bias")
        bare = op.convolution(x, w, [stride] * 2, [pad] * 2, [pad] * 2, [1, 1], name=f"{key}.nobias")
        return named(op.add(bare, b), name or key)

    def block(x: Any, key: str, *, stride: int) -> Any:
        y = named(op.relu(conv(x, f"{key}.conv1", stride=stride, pad=1)), f"{key}.relu1")
        y = conv(y, f"{key}.conv2", stride=1, pad=1)
        if f"{key}.down.weight" in weights:
            if stride == 2:
                # exclude_pad: a window that hangs over the edge (ceil) averages what it covers.
                x = op.avg_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], True, "ceil", name=f"{key}.shrink")
            x = conv(x, f"{key}.down", stride=1, pad=0)
        return op.relu(named(op.add(y, x), f"{key}.sum"))

    pixels = op.parameter(ov.PartialShape([-1, 3, -1, -1]), ov.Type.f32, name="pixels")
    pixels.output(0).set_names({"pixels"})
    x = named(op.relu(conv(pixels, "stem.0", stride=2, pad=1, name="stem.0.conv")), "stem.0")
    x = named(op.relu(conv(x, "stem.1", stride=2, pad=1, name="stem.1.conv")), "stem")
    for i in range(4):
        x = named(block(x, f"stages.{i}.0", stride=2 if i else 1), f"stages.{i}.0")
        x = named(block(x, f"stages.{i}.1", stride=1), f"stages.{i}")
    # Every node has a name of its own: those that OpenVINO makes up count on from graph to graph.
    space = op.constant(np.array([2, 3]), name="pooled.axes")
    x = named(op.reduce_mean(x, space, False), "pooled")
    head = op.constant(weights["head.weight"], name="head.weight")
    x = op.matmul(x, head, False, True, name="head.nobias")
    x = named(op.add(x, op.constant(weights["head.bias"].reshape(1, -1), name="head.bias")), "embedding")
    result = op.result(x, name="output")
    return ov.Model([result], [pixels], NAME)


def main(weights: Path = WEIGHTS, target: Path = TARGET) -> None:
    import openvino as ov

    xml, binary = target / f"{NAME}.xml", target / f"{NAME}.bin"
    ov.save_model(build(read_safetensors(weights)), xml, compress_to_fp16=True)
    # The version of the OpenVINO that wrote it decides no number: without it, more versions give these bytes.
    text = re.sub(r"[ \t]*<info name=\"OpenVINO Runtime\"[^>]*/>\n", "", xml.read_text(encoding="utf-8"))
    xml.write_text(text, encoding="utf-8", newline="\n")
    digest = hashlib.sha256()
    for part in (xml, binary):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    card = CARD.format(name=NAME, sha256=digest.hexdigest())
    (target / f"{NAME}.vifex.toml").write_text(card)
    print(f"{xml}: {binary.stat().st_size / 1e6:.1f} MB, sha256 {digest.hexdigest()}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
