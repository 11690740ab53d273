"""Three inner layers each of I3D, R(2+1)D-18, an LSTM head and a ViT's block, from a real clip in a store.

Values equal plain forward hooks on the library's own module with the same weights and the same decoded
pixels; times are the frames' own.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vifex
from vifex.media.read import read
from vifex.models import load_model
from vifex.values import Limits, Medium, Model, Sample, ViewRequest
from vifex.values.media import path_to_uri

CASES = {
    "i3d": ("i3d/rgb-kinetics400-24f", "24x2", ("Conv3d_2c_3x3", "Mixed_3c", "Mixed_4f")),
    "r2plus1d": ("torchvision/r2plus1d_18", "16x2", ("stem", "layer2.0", "layer4.1")),
    "lstm": ("seq/lstm:64,frames=8(torchvision/resnet18)", "8x4", ("frames", "head.states", "head")),
    "vit": ("timm/vit_tiny_patch16_224", None, ("blocks.3.attn", "blocks.3.mlp.fc1", "blocks.3")),
}


def samples_of(clip: Path, request: ViewRequest) -> list[Sample]:
    status = clip.stat()
    medium = Medium(path_to_uri(clip), clip.name, "video", status.st_size, status.st_mtime_ns)
    return list(read(medium, [request], Limits()))


def hooked(model: Model, layers: Sequence[str], pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Run the module on one sample with plain forward hooks; normalisation and layout as the card says."""
    assert model.builder is not None
    target, _, attribute = model.builder.target.partition(":")
    module = getattr(import_module(target), attribute)(model.builder.name, model.builder.weights)
    card = model.card
    x = (torch.from_numpy(pixels).float() / card.scale - torch.tensor(card.mean)) / torch.tensor(card.std)
    axes = {"NCHW": (2, 0, 1), "NCTHW": (3, 0, 1, 2), "NTCHW": (0, 3, 1, 2)}[card.layout]
    seen: dict[str, Any] = {}
    modules = dict(module.named_modules())

    def keep(name: str) -> Any:
        return lambda _module, _inputs, output: seen.update({name: output})

    hooks = [modules[name].register_forward_hook(keep(name)) for name in layers]
    with torch.inference_mode():
        module(x.permute(*axes)[None])
    for hook in hooks:
        hook.remove()
    first = {name: out if isinstance(out, torch.Tensor) else out[0] for name, out in seen.items()}
    return {name: tensor[0].numpy() for name, tensor in first.items()}


@pytest.mark.shared
@pytest.mark.parametrize("case", sorted(CASES))
def test_inner_layers_come_with_times_shapes_and_values(
    case: str, shared_media: Path, tmp_path: Path
) -> None:
    name, clip, layers = CASES[case]
    video = shared_media / "good" / "clip-vp9.webm"
    store = tmp_path / "s.vifex"
    options: dict[str, Any] = {"clip": clip} if clip else {"fps": 1.0}
    vifex.extract(
        video,
        store,
        model=name,
        weights="random:0",
        layers=layers,
        pool="none",
        precision="fp32",
        decode="exact",
        **options,
    )
    model = load_model(name, weights="random:0")
    with vifex.open(store) as opened:
        request = ViewRequest(opened.recipe.sampling, opened.recipe.pixels)
        rows = opened.to_arrow().sort_by("ordinal").to_pylist()
        stored = {spec.layer.name: opened.to_numpy(spec.column) for spec in opened.recipe.layers}
    samples = samples_of(video, request)
    assert len(rows) == len(samples) > 0
    for row, sample in zip(rows, samples, strict=True):
        assert (row["pts"], row["t_start_s"], row["t_end_s"]) == (
            sample.pts,
            sample.t_start_s,
            sample.t_end_s,
        )
    wanted = hooked(model, layers, samples[0].pixels)
    for layer in layers:
        got = stored[layer][0]
        assert got.shape == wanted[layer].shape
        scale = max(1.0, float(np.abs(wanted[layer]).max()))
        np.testing.assert_allclose(got / scale, wanted[layer] / scale, atol=1e-4)
