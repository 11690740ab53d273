"""Runs of the tasks that are interrupted end with the weights of a run that is not, bit for bit."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vifex.training.config import Config, with_settings
from vifex.training.loop.trainer import Trainer
from vifex.training.motion import write_motion_set
from vifex.training.tasks import Setting, make_task

COMMON = (
    "data.val_share=0.25", "data.size_px=32", "optimizer.name=adamw", "optimizer.lr=0.01", "run.epochs=2",
    "run.batch=8", "run.precision=fp32", "run.threads=1", "run.checkpoint_s=1000",
)  # fmt: skip
TASKS = {
    # A loss with weights of its own, balanced batches.
    "metric": (
        "run.task=metric", "loss.name=arcface", "loss.options={classes=4, features=8}", "network.name=conv2",
        "network.options={size_px=32, widths=[4, 4], hidden=8}",
    ),
    # Two optimizers, the vectors of the power iteration, averaged weights.
    "gan": (
        "run.task=gan", "network.name=dcgan", "network.options={width=4}", "loss.options={code=4, critic=2}",
        "run.ema=0.9",
    ),
    # A code by chance in each step.
    "vae": ("run.task=vae", "network.name=autoencoder", "network.options={width=4}", "loss.options={code=4}"),
    # Windows, starts and speeds by chance, dropout.
    "video": (
        "run.task=video", "data.size_px=16", "data.frames=6", "augment.temporal_jitter=1",
        "augment.speed=[0.5, 1.5]", "augment.flip=true", "network.name=frames",
        'network.options={head="gru", hidden=4, dropout=0.5}',
    ),
}  # fmt: skip


def weights(config: Config, folder: Path, *, stop_at: int | None = None) -> dict[str, Any] | None:
    """Train to the end, or to an interrupt at a step of the whole run."""
    folder.mkdir(exist_ok=True)
    seen = 0

    def interrupt(moment: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = Trainer(make_task(Setting(config, folder)), config, folder, on_step=interrupt)
    if stop_at is None:
        return dict(trainer.fit().network.state_dict())
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    return None


@pytest.mark.parametrize(("task", "stop_at"), [("gan", 3), ("metric", 2), ("vae", 5), ("video", 4)])
def test_an_interrupted_run_ends_with_the_same_weights(
    task: str, stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The judge compiles a network, and has no part in the weights.
    monkeypatch.setattr(
        "vifex.training.tasks.synthesis.SynthesisTask.distances", lambda self, network: {"frechet": 1.0}
    )
    folder = tmp_path / "examples"
    if task == "video":
        write_motion_set(folder, 32, side_px=16, frames=16)
    else:
        rng = np.random.default_rng(0)
        for i in range(48):
            place = folder / f"c{i % 6}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(place / f"{i}.png")
    config = with_settings(Config(), [*COMMON, f"data.train={folder}", *TASKS[task]])
    whole = weights(config, tmp_path / "whole")
    weights(config, tmp_path / "parts", stop_at=stop_at)
    resumed = weights(config, tmp_path / "parts")
    assert whole is not None
    assert resumed is not None
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
