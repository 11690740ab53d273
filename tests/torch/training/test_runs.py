"""Runs from a configuration to a model: they learn, stop in one sentence, and continue exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vifex
from vifex.models import load_model
from vifex.training.loop.checkpoints import CHECKPOINT
from vifex.training.run_folder import RunFolder
from vifex.training.running import run, show_batch
from vifex.training.tasks.base import Setting
from vifex.training.tasks.image import ImageTask
from vifex.values import InputError, ModelError, TrainingError

Configs = Callable[..., Any]


def test_a_run_learns_and_its_folder_is_a_model(config_for: Configs, tmp_path: Path, images: Path) -> None:
    result = run(config_for("run.epochs=6", "augment.flip=false"), tmp_path / "run")
    assert result.figures["val_accuracy"] > 0.9
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written >= {
        "config.toml", "environment.json", "metrics.csv", "curves", "model.safetensors", "network.json",
        "model.vifex.toml", "report.html", "summary.json", CHECKPOINT,
    }  # fmt: skip
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Confusion" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 7
    model = load_model(tmp_path / "run")
    assert model.card.default_layers == ("penultimate",)
    loaded = vifex.load_model(str(tmp_path / "run"))
    features = loaded.features(images / "quarter0" / "000.png", layers=["penultimate", "classifier"])
    assert features["classifier"].shape[-1] == 4
    assert int(features["classifier"].argmax()) == 0


def test_a_finished_run_is_not_trained_again(config_for: Configs, tmp_path: Path) -> None:
    first = run(config_for("run.epochs=1"), tmp_path / "run")
    again = run(config_for("run.epochs=1"), tmp_path / "run")
    assert again.was_finished
    assert not first.was_finished
    assert again.figures == first.figures


def test_another_configuration_does_not_resume(config_for: Configs, tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", config_for("optimizer.lr=0.05"))
    with pytest.raises(TrainingError, match=r"a run with optimizer.lr = 0.05, and this one has 0.1"):
        run(config_for("optimizer.lr=0.1"), tmp_path / "run")


def test_a_folder_with_other_files_is_refused(config_for: Configs, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("x")
    with pytest.raises(TrainingError, match="holds files and no run"):
        run(config_for(), tmp_path / "run")


EVERYTHING = (
    "run.epochs=3", "run.ema=0.9", "augment.flip=true", "augment.crop_px=2", "augment.mixup=0.2",
    "optimizer.accumulate=2", "optimizer.clip_norm=1.0", "run.checkpoint_s=0",
)  # fmt: skip
KILLED = """
import os, signal, sys
from pathlib import Path
from vifex.training.config import load_config
from vifex.training.running import run
count = 0
def step(moment):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))
run(load_config(Path(sys.argv[1])), Path(sys.argv[2]), on_step=step)
"""


@pytest.mark.parametrize("optimizer", ["adamw"])
def test_a_killed_run_ends_in_the_same_weights(optimizer: str, config_for: Configs, tmp_path: Path) -> None:
    """Killed and interrupted at steps in the middle of epochs and of accumulations."""
    settings = [*EVERYTHING, f"optimizer.name={optimizer}", "optimizer.lr=0.01"]
    run(config_for(*settings), tmp_path / "whole")
    RunFolder(tmp_path / "killed", config_for(*settings))
    for after, sent in ((9, "SIGKILL"), (6, "SIGTERM")):
        words = [
            sys.executable,
            "-c",
            KILLED,
            str(tmp_path / "killed" / "config.toml"),
            str(tmp_path / "killed"),
        ]
        done = subprocess.run([*words, str(after), sent], capture_output=True, text=True, check=False)
        assert done.returncode == -getattr(signal, sent) or "KeyboardInterrupt" in done.stderr, done.stderr
    run(config_for(*settings), tmp_path / "killed")
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == (
        tmp_path / "killed" / "model.safetensors"
    ).read_bytes()
    figures = [json.loads((tmp_path / n / "summary.json").read_text()) for n in ("whole", "killed")]
    assert figures[0]["val_loss"] == figures[1]["val_loss"]


def test_a_loss_that_is_not_a_number_stops_the_run(config_for: Configs, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the loss of step .* is (nan|inf).*bad-batch.safetensors"):
        run(config_for("optimizer.lr=1e20", "schedule.warmup=0"), tmp_path / "run")
    assert (tmp_path / "run" / "bad-batch.safetensors").is_file()


def test_a_checkpoint_of_another_architecture(config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=1"), tmp_path / "one")
    (tmp_path / "one" / "summary.json").unlink()
    other = config_for("run.epochs=1", "network.name=resnet9", "network.options={width = 4}")
    (tmp_path / "one" / "config.toml").unlink()
    for path in (tmp_path / "one").iterdir():
        if path.name != CHECKPOINT and path.is_file():
            path.unlink()
    from vifex.training.config import to_toml

    (tmp_path / "one" / "config.toml").write_text(to_toml(other))
    with pytest.raises(ModelError, match="these are not the weights of a ResNet9"):
        run(other, tmp_path / "one")


def test_a_full_disk_leaves_the_last_checkpoint(
    config_for: Configs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from vifex.training.loop import files

    run(config_for("run.epochs=1"), tmp_path / "run")
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(TrainingError, match=r"no space left on device.*goes on from the last checkpoint"):
        files.write_whole(tmp_path / "run" / CHECKPOINT, b"x")
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    assert not list((tmp_path / "run").glob("*.tmp"))


def test_bad_files_are_counted_and_listed(config_for: Configs, tmp_path: Path, images: Path) -> None:
    (images / "quarter0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    result = run(config_for("run.epochs=1"), tmp_path / "run")
    assert result.problems == 1
    assert result.exit_status == 3
    assert "broken.png" in (tmp_path / "run" / "problems.csv").read_text()


def test_the_first_batch_is_shown(config_for: Configs, tmp_path: Path) -> None:
    from PIL import Image

    show_batch(config_for("augment.flip=true"), tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as image:
        assert image.width > 200


def test_streamed_images_are_those_that_are_kept(config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=1"), tmp_path / "kept")
    run(config_for("run.epochs=1", "data.cache_mb=0"), tmp_path / "streamed")
    kept, streamed = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("kept", "streamed"))
    assert kept == streamed


def test_early_stopping_keeps_the_best_weights(config_for: Configs, tmp_path: Path) -> None:
    config = config_for(
        "run.epochs=30", "run.patience=2", "run.keep=best", "run.best=-loss", "optimizer.lr=0.3"
    )
    result = run(config, tmp_path / "run")
    assert result.figures["ended"] == "no gain"
    assert result.figures["best_epoch"] == result.figures["epochs"] - 3
    losses = [
        float(line.split(",")[names.index("val_loss")])
        for names in [(tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")]
        for line in (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    ]
    assert result.figures["val_loss"] == pytest.approx(min(losses))


def test_one_class_is_refused(config_for: Configs, images: Path) -> None:
    for path in images.glob("quarter[123]/*"):
        path.unlink()
    with pytest.raises(InputError, match="the training examples have 1 classes"):
        run(config_for(), images.parent / "run")


def test_published_weights_of_cifar_networks_load() -> None:
    from vifex.models.trainable import NetworkDescription
    from vifex.training.networks.initial import initial_network

    place = Path(__file__).parents[3].parent / "shared" / "models" / "cifar10-resnet20.safetensors"
    if not place.is_file():
        pytest.skip("the published weights do not lie beside the checkout")
    network = initial_network(NetworkDescription("cifar-resnet20", 10), str(place), seed=0)
    assert sum(p.numel() for p in network.parameters()) == 269_722
    other = initial_network(NetworkDescription("cifar-resnet20", 7), str(place), seed=0)
    assert other.linear.weight.shape == (7, 64)
    assert torch.equal(other.conv1.weight, network.conv1.weight)
    with pytest.raises(ModelError, match="not the weights of a CifarResNet"):
        initial_network(NetworkDescription("cifar-resnet32", 10), str(place), seed=0)
    assert np.isfinite(network.linear.weight.detach().numpy()).all()


def test_no_epochs_judge_the_initial_weights(config_for: Configs, tmp_path: Path) -> None:
    first = run(config_for("run.epochs=2"), tmp_path / "one")
    judged = run(config_for("run.epochs=0", f"network.weights={tmp_path / 'one'}"), tmp_path / "two")
    assert judged.figures["val_loss"] == first.figures["val_loss"]
    assert judged.figures["epochs"] == 0


def test_validation_averages_images_and_their_mirror_images(config_for: Configs, tmp_path: Path) -> None:
    task = ImageTask(Setting(config_for("run.flip_tta=true"), tmp_path))
    network = task.networks()["model"].eval()
    inputs = task.inputs("val", np.arange(len(task.splits["val"])), None)["inputs"]
    with torch.inference_mode():
        found = task.probabilities("val", network, lambda tensor: tensor)
        expected = ((network(inputs) + network(inputs.flip(-1))) / 2).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_tensorboard_is_written(config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=1", 'run.log=["tensorboard"]'), tmp_path / "run")
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_a_logger_that_is_not_there(config_for: Configs, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no logger 'tensorbord'. Did you mean tensorboard"):
        run(config_for("run.log=tensorbord"), tmp_path / "one")
    with pytest.raises(vifex.MissingExtraError, match="the logger wandb needs wandb"):
        run(config_for("run.log=wandb"), tmp_path / "two")
