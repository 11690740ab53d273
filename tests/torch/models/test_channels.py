"""Networks whose input is not three channels: each is refused in one sentence, whatever way it comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from vifex.engines import load_engine
from vifex.models import card_path, load_model
from vifex.values import ModelError

CARD = 'name = "net-1"\nheight_px = 16\nwidth_px = 16\n'


def _network(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def _code(path: Path, channels: int) -> tuple[str, dict[str, str]]:
    (path / "narrow_net.py").write_text(
        f"from torch import nn\n\ndef net():\n    return nn.Sequential(nn.Conv2d({channels}, 4, 3))\n"
    )
    card_path(path / "narrow_net.py").write_text(CARD)
    return "torch:narrow_net:net", {"weights": "random:0"}


def _script(path: Path, channels: int) -> tuple[str, dict[str, str]]:
    file = path / "net.pt"
    torch.jit.trace(_network(channels), torch.zeros(1, channels, 16, 16)).save(str(file))
    card_path(file).write_text(CARD)
    return str(file), {}


def _exported(path: Path, channels: int) -> tuple[str, dict[str, str]]:
    file = path / "net.pt2"
    torch.export.save(torch.export.export(_network(channels), (torch.zeros(1, channels, 16, 16),)), file)
    card_path(file).write_text(CARD)
    return str(file), {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [_code, _script, _exported])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_a_network_of_torch(
    make: Callable[[Path, int], tuple[str, dict[str, str]]],
    channels: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "narrow_net", raising=False)
    name, options = make(tmp_path, channels)
    with pytest.raises(ModelError, match=rf"takes {channels} channels?, and every image and frame has 3"):
        load_engine("torch").layers(load_model(name, trust_code=True, **options))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_file(layout: str, tmp_path: Path) -> None:
    import openvino as ov

    shape = [1, 1, 16, 16] if layout == "NCHW" else [1, 16, 16, 1]
    pixels = ov.opset13.parameter(shape, dtype=ov.Type.f32, name="pixels")
    graph = tmp_path / "net.xml"
    ov.save_model(ov.Model([ov.opset13.relu(pixels)], [pixels], "net"), graph)
    card_path(graph).write_text(f'{CARD}layout = "{layout}"\n')
    with pytest.raises(ModelError, match="takes 1 channel, and every image and frame has 3"):
        load_engine("openvino").layers(load_model(graph))


def test_a_network_of_timm() -> None:
    timm = pytest.importorskip("timm")
    from vifex.models.families.libraries.timm import timm_pixels

    config = timm.data.resolve_model_data_config(timm.create_model("test_resnet"))
    timm_pixels(config, of="timm/test_resnet")
    with pytest.raises(ModelError, match="takes 1 channel, and every image and frame has 3"):
        timm_pixels({**config, "input_size": (1, *config["input_size"][1:])}, of="timm/test_resnet")


def test_a_network_of_transformers(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    settings = {"model_type": "vit", "architectures": ["ViTModel"], "num_channels": 1, "image_size": 16}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="takes 1 channel, and every image and frame has 3"):
        load_model(f"hf/{tmp_path}", weights="random:0")
