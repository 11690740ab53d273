"""Programs of torch in files: TorchScript and torch.export, with a card beside them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import vifex
from vifex.engines import load_engine, settle
from vifex.models import load_model
from vifex.models.programs import listed_layers
from vifex.values import InputError, ModelError

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
    layers = engine.resolve_layers(model, words)
    settled = settle(model, layers)
    with load_engine(settled.model.engine).compile(
        settled.model, layers, precision="fp32", batch=2
    ) as network:
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
    model = load_model(save(tmp_path / name, net, any_batch=any_batch), trust_code=True)
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
        with pytest.raises(ModelError, match=r"does not hold a network, only weights\. .*weights="):
            load_model(path)
    with pytest.raises(ModelError, match=r"not a program of torch\.export"):
        load_model(tmp_path / "w.pt2")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_needs_a_card(tmp_path: Path, net: nn.Module) -> None:
    path = save(tmp_path / "net.pt2", net)
    path.with_suffix(".vifex.toml").unlink()
    with pytest.raises(ModelError, match=r"has no card net\.vifex\.toml.*vifex card"):
        load_model(path)


class Mark:
    """What leaves a mark where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def poisoned(path: Path, net: nn.Module, mark: Path) -> Path:
    """A `.pt2` whose sample inputs leave a mark when they are unpickled."""
    clean = save(path.with_name("clean.pt2"), net)
    pickled = io.BytesIO()
    torch.save(((Mark(mark),), {}), pickled)
    with zipfile.ZipFile(clean) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            inputs = "/sample_inputs/" in info.filename
            name = info.filename.replace("clean/", f"{path.stem}/", 1)
            target.writestr(name, pickled.getvalue() if inputs else source.read(info))
    path.with_suffix(".vifex.toml").write_text(CARD)
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["net.pt", "net.pt2", "evil.pt2"])
def test_a_program_is_opened_only_where_its_code_is_trusted(
    tmp_path: Path, net: nn.Module, name: str, vifex_command: Any
) -> None:
    mark = tmp_path / "RAN"
    path = poisoned(tmp_path / name, net, mark) if name == "evil.pt2" else save(tmp_path / name, net)
    Image.new("RGB", (16, 16), "teal").save(tmp_path / "a.png")
    refused = [
        ["bench", path],
        ["extract", tmp_path / "a.png", "-o", tmp_path / "s.vifex", "-m", path],
    ]
    if name == "net.pt":
        refused.append(["layers", path])
    for words in refused:
        done = vifex_command(*words)
        assert done.returncode == 4
        assert "opening this program runs code in it" in done.stderr
        assert "--trust-code" in done.stderr
    for open_it in (
        vifex.load_model,
        lambda p: vifex.extract(tmp_path / "a.png", tmp_path / "s.vifex", model=str(p)),
    ):
        with pytest.raises(ModelError, match="trust_code=True"):
            open_it(path)
    shown = vifex_command("models", "show", path)
    assert shown.returncode == 0, shown.stderr
    assert "16 x 16 px" in shown.stdout
    assert "--trust-code" in shown.stdout
    if name != "net.pt":
        listed = vifex_command("layers", path, "--json")
        layers = {layer["name"]: layer["shape"] for layer in json.loads(listed.stdout)["layers"]}
        assert layers["stem"] == [4, 7, 7]
        assert layers["stage"] == layers["stage.1"] == [6, 5, 5]
        assert layers["head"] == [2]
        assert "the program was not opened" in listed.stderr
    assert not mark.exists()
    assert not (tmp_path / "s.vifex").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_a_query_names_a_program_again(tmp_path: Path, net: nn.Module, name: str) -> None:
    path = save(tmp_path / name, net)
    Image.new("RGB", (16, 16), "teal").save(tmp_path / "a.png")
    store = tmp_path / "s.vifex"
    assert vifex.extract(tmp_path / "a.png", store, model=str(path), trust_code=True).ok == 1
    with vifex.open(store) as opened, pytest.raises(InputError, match=f"`model='{path}', trust_code=True`"):
        opened.search(tmp_path / "a.png")
    with vifex.open(store, model=str(path)) as opened, pytest.raises(ModelError, match="trust_code=True"):
        opened.search(tmp_path / "a.png")
    with vifex.open(store, model=str(path), trust_code=True) as opened:
        assert opened.search(tmp_path / "a.png")[0].score == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "description", ["", "[" * 100_000, "{}", '{"graph_module": {"graph": {"nodes": [{}]}}}', "\xff"]
)
def test_a_description_that_is_none_is_told(tmp_path: Path, description: str) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt2", "w") as archive:
        archive.writestr("net/models/model.json", description)
    assert listed_layers(tmp_path / "net.pt2") == []
