"""Programs of torch in files: TorchScript and torch.export, with a card beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vifex.engines import load_engine, settle
from vifex.models import load_model
from vifex.values import ModelError

CARD = 'name = "net-1"\nheight_px = 16\nwidth_px = 16\n'


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2)
        self.stage = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU())
        self.head = nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stage(self.stem(x)).mean((2, 3)))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


def save(path: Path, net: nn.Module, *, any_batch: bool = True) -> Path:
    if path.suffix == ".pt":
        with torch.no_grad():
            torch.jit.trace(net, torch.rand(1, 3, 16, 16)).save(str(path))
    else:
        dynamic = ({0: torch.export.Dim("n", min=1)},) if any_batch else None
        torch.export.save(
            torch.export.export(net, (torch.rand(2 if any_batch else 1, 3, 16, 16),), dynamic_shapes=dynamic),
            path,
        )
    path.with_suffix(".vifex.toml").write_text(CARD)
    return path


def run(model: Any, words: list[str], pixels: Any) -> dict[str, Any]:
    engine = load_engine("torch")
    taps = engine.resolve_taps(model, words)
    settled = settle(model, taps)
    with load_engine(settled.model.engine).compile(settled.model, taps, precision="fp32", batch=2) as network:
        return network.submit(pixels).result()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "any_batch", "words"),
    [
        ("net.pt2", True, ["stem", "stage", "head"]),
        ("net.pt2", False, ["stem", "stage", "head"]),
        ("net.pt", True, ["output"]),
    ],
)
def test_a_program_gives_what_its_network_gives(
    tmp_path: Path, net: nn.Module, name: str, any_batch: bool, words: list[str]
) -> None:
    model = load_model(save(tmp_path / name, net, any_batch=any_batch))
    assert (model.engine, model.address) == ("torch", str(tmp_path / name))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    given = run(model, words, pixels)
    x = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    with torch.no_grad():
        stem = net.stem(x)
        stage = net.stage(stem)
        head = net(x)
    expected = {"stem": stem, "stage": stage, "head": head, "output": head}
    assert list(given) == words
    for word in words:
        np.testing.assert_allclose(given[word], expected[word].numpy(), rtol=0, atol=1e-5)


def test_a_checkpoint_is_no_program(tmp_path: Path, net: nn.Module, shared_models: Path) -> None:
    torch.save(net.state_dict(), tmp_path / "w.pt")
    (tmp_path / "w.pt2").write_bytes(b"nothing")
    for path in (tmp_path / "w.pt", shared_models / "resnet20-12fca82f.th"):
        with pytest.raises(ModelError, match=r"holds no network: at most its weights\. .*--weights"):
            load_model(path)
    with pytest.raises(ModelError, match=r"no program of torch\.export"):
        load_model(tmp_path / "w.pt2")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_needs_a_card(tmp_path: Path, net: nn.Module) -> None:
    path = save(tmp_path / "net.pt2", net)
    path.with_suffix(".vifex.toml").unlink()
    with pytest.raises(ModelError, match=r"has no card net\.vifex\.toml.*vifex card"):
        load_model(path)
