"""`vifex evaluate` of networks of torch against a plain loop over the same pixels."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import vifex
from vifex.models.trainable import NetworkDescription, build_network
from vifex.training.config import Config
from vifex.training.run_folder import RunFolder
from vifex.values import ModelCard

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def write_run(
    folder: Path, name: str, classes: tuple[str, ...], side_px: int, **options: Any
) -> torch.nn.Module:
    """Write a run folder whose network has random weights, and return the network."""
    torch.manual_seed(0)
    description = NetworkDescription(name, len(classes), options, classes=classes)
    network = build_network(description).eval()
    card = ModelCard(name, side_px, side_px, mean=MEAN, std=STD, default_layers=("penultimate",))
    RunFolder(folder, Config()).write_model(network, description, card)
    return network


def plain_scores(network: torch.nn.Module, images: list[Image.Image]) -> np.ndarray:
    arrays = np.stack([np.asarray(one.convert("RGB")) for one in images])
    pixels = torch.from_numpy(arrays).permute(0, 3, 1, 2)
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    with torch.inference_mode():
        return network((pixels.float() / 255 - mean) / std).softmax(1).double().numpy()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("conv2", {"size_px": 16, "widths": [8, 8], "hidden": 16}),
        ("resnet9", {"width": 8}),  # it scales what its last layer gives
        ("timm/resnet10t", {}),
        ("torchvision/mobilenet_v3_small", {}),
    ],
)
def test_a_run_folder_knows_its_layer_and_its_classes(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    classes = ("ant", "bee", "cow")
    network = write_run(tmp_path / "run", name, classes, 16, **options)
    rng = np.random.default_rng(0)
    for label in reversed(classes):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{i}.png")
    found = vifex.evaluate(tmp_path / "run", tmp_path / "data", workers=1)
    images = [Image.open(tmp_path / "data" / name) for name in found.predictions.names]
    assert found.predictions.classes == classes
    assert len(images) == 12
    assert found.predictions.probabilities == pytest.approx(plain_scores(network, images), abs=1e-5)


@pytest.mark.shared
def test_published_weights_have_the_error_of_the_plain_loop(
    shared_models: Path, shared_data: Path, tmp_path: Path
) -> None:
    """400 of the 10,000 test images; `benchmarks/evaluate_cifar.py` takes all."""
    table = pq.read_table(shared_data / "cifar10-test.parquet").slice(0, 400)
    classes = tuple(map(str, json.loads(table.schema.metadata[b"classes"])))
    pq.write_table(table, tmp_path / "test.parquet")
    write_run(tmp_path / "run", "cifar-resnet20", classes, 32)
    shutil.copy(shared_models / "cifar10-resnet20.safetensors", tmp_path / "run" / "model.safetensors")
    card = tmp_path / "run" / "model.vifex.toml"
    lines = card.read_text().splitlines(keepends=True)
    card.write_text("".join(line for line in lines if not line.startswith("sha256")))
    found = vifex.evaluate(tmp_path / "run", tmp_path / "test.parquet", workers=2)
    images = [Image.open(io.BytesIO(one)) for one in table["image"].to_pylist()]
    plain = build_network(NetworkDescription("cifar-resnet20", 10)).eval()
    plain.load_state_dict(load_file(shared_models / "cifar10-resnet20.safetensors"))
    scores = plain_scores(plain, images)
    error = float((scores.argmax(1) != np.array(table["label"].to_pylist())).mean())
    assert 1 - found.classification.accuracy == pytest.approx(error, abs=0.001)
    assert found.predictions.names == tuple(table["name"].to_pylist())
    assert np.abs(found.predictions.probabilities - scores).max() < 1e-3
