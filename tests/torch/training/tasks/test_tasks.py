"""Tasks from a configuration to a run folder: what they learn, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vifex
from vifex.training.config import Config, with_settings
from vifex.training.data.clips import ClipSource, open_clips
from vifex.training.data.splits import read_splits
from vifex.training.motion import MOTIONS, write_motion_set
from vifex.training.running import run
from vifex.training.tasks import Setting, make_task
from vifex.training.tasks.features import frames_of
from vifex.values import InputError, ModelError

SMALL = (
    "optimizer.name=adamw", "optimizer.lr=0.01", "optimizer.clip_norm=1", "run.log=[]", "run.precision=fp32",
    "run.threads=1",
)  # fmt: skip


def config(*settings: str) -> Config:
    return with_settings(Config(), [*SMALL, *settings])


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("motions")
    write_motion_set(folder, 32, side_px=16, frames=8)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, motions: Path) -> Path:
    """A store of the embedded network's features of 32 videos in four folders, with two views."""
    place = tmp_path_factory.mktemp("stores") / "lib.vifex"
    vifex.extract(motions, place, fps=8, view="frames")
    vifex.extract(motions, place, fps=2, view="few")
    return place


def squares(folder: Path, classes: int = 6, per_class: int = 12) -> Path:
    """Images of 32 pixels, one colour for each class, with noise."""
    rng = np.random.default_rng(0)
    for c in range(classes):
        (folder / f"c{c}").mkdir(parents=True)
        colour = rng.integers(60, 200, 3)
        for i in range(per_class):
            pixels = np.clip(colour + rng.normal(0, 12, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"c{c}" / f"{i}.png")
    return folder


def test_a_head_over_stored_features_writes_weights_for_the_seq_family(store: Path, tmp_path: Path) -> None:
    head = 'network.options={head="gru", hidden=8}'
    chosen = config(
        "run.task=features", f"data.train={store}", "data.view=frames", "data.val_share=0.25",
        "data.frames=6", "network.name=sequence", head, "run.epochs=2", "run.batch=8",
    )  # fmt: skip
    result = run(chosen, tmp_path / "run")
    assert set(result.figures) >= {"val_accuracy", "val_loss"}
    from vifex.models.families.shared.weights import load_state
    from vifex.models.heads import make_head

    state = load_state(tmp_path / "run" / "head.safetensors")
    made = make_head("gru", 512, standardise=True, hidden=8)
    made.load_state_dict({k.removeprefix("head."): v for k, v in state.items()})
    rows = vifex.open(store)["frames"].to_numpy()
    assert float(made.deviation.mean()) == pytest.approx(rows.std(axis=0).mean(), rel=0.1)
    with pytest.raises(ModelError, match="takes features of a store, not pixels"):
        vifex.load_model(str(tmp_path / "run"))


def test_folders_are_the_labels_of_a_store_without_labels(store: Path) -> None:
    splits = read_splits(config(f"data.train={store}", "data.view=frames", "data.val_share=0.25").data)
    assert splits["train"].classes == tuple(sorted(MOTIONS))
    assert len(splits["train"]) == 24
    assert len(splits["val"]) == 8


def test_frames_of_a_long_sequence_are_spread_over_it_and_drawn_in_training() -> None:
    rows = np.arange(40, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(frames_of(rows, 4, None)[:, 0], [5, 15, 25, 35])
    drawn = [frames_of(rows, 4, torch.Generator().manual_seed(s))[:, 0] // 10 for s in range(20)]
    assert all(part.tolist() == [0, 1, 2, 3] for part in drawn)
    np.testing.assert_array_equal(frames_of(rows[:3], 4, None), rows[:3])


def test_a_fusion_of_two_views_averages_each_medium(store: Path, tmp_path: Path) -> None:
    chosen = config(
        "run.task=fusion", f"data.train={store}", "data.view=frames+few", "data.val_share=0.25",
        "network.name=fusion", 'network.options={method="gated", hidden=8}', "run.epochs=1", "run.batch=8",
    )  # fmt: skip
    task: Any = make_task(Setting(chosen, tmp_path))
    batch = task.batch(0, 0)
    assert [batch[name].shape for name in ("inputs", "inputs1")] == [(8, 512), (8, 512)]
    opened = vifex.open(store)
    name = task.splits["train"].column("uri")[0]
    row = task.inputs("train", np.array([0]), None)
    for key, view in (("inputs", "frames"), ("inputs1", "few")):
        np.testing.assert_allclose(
            row[key][0], opened[view].item(name).features.mean(axis=0), rtol=1e-4, atol=1e-5
        )
    assert 0 <= run(chosen, tmp_path / "run").figures["val_accuracy"] <= 1


def test_a_fusion_needs_two_features(store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs two features or more"):
        make_task(Setting(config("run.task=fusion", f"data.train={store}", "data.view=frames"), tmp_path))


def test_a_video_run_is_a_model_of_clips(motions: Path, tmp_path: Path) -> None:
    chosen = config(
        "run.task=video", f"data.train={motions}", "data.size_px=16", "data.frames=8", "data.val_share=0.25",
        "network.name=clip", "network.options={width=4}", "run.epochs=1", "run.batch=8",
    )  # fmt: skip
    result = run(chosen, tmp_path / "run")
    assert result.figures["problems"] == 0
    model = vifex.load_model(str(tmp_path / "run"), device="cpu")
    video = next(motions.rglob("*.mp4"))
    features = model.features(str(video), layers=["penultimate"])["penultimate"]
    assert features.shape == (1, 16)
    task: Any = make_task(Setting(chosen, tmp_path))
    names = task.splits["val"].column("name")
    from vifex.models.run_folders import build

    network = build(str(tmp_path / "run"), str(tmp_path / "run" / "model.safetensors"))
    seen: list[Any] = []
    network.penultimate.register_forward_hook(lambda m, a, o: seen.append(o))
    with torch.no_grad():
        task.scores(network, task.inputs("val", np.array([0]), None))
    path = next(p for p in motions.rglob("*.mp4") if names[0].endswith(p.name))
    stored = model.features(str(path), layers=["penultimate"])["penultimate"]
    np.testing.assert_allclose(stored[0], seen[0][0].numpy(), atol=0.05)


def test_all_frames_of_a_clip_are_changed_alike(motions: Path, tmp_path: Path) -> None:
    """With a mirror and a shift by chance, each frame of a still clip is the same image."""
    chosen = config(
        "run.task=video", f"data.train={motions}", "data.size_px=16", "data.frames=8",
        "augment.flip=true", "augment.crop_px=3", "augment.erase=1.0",
    )  # fmt: skip
    task: Any = make_task(Setting(chosen, tmp_path))
    still = np.repeat(np.random.default_rng(0).integers(0, 255, (4, 1, 16, 16, 3), np.uint8), 8, axis=1)
    changed = task._changed(still, torch.Generator().manual_seed(1))
    assert changed.shape == (4, 8, 3, 16, 16)
    for t in range(1, 8):
        torch.testing.assert_close(changed[:, t], changed[:, 0])
    assert len({float(x) for x in changed[:, 0].mean(dim=(1, 2, 3))}) == 4


def test_a_clip_of_training_has_its_speed_and_jitter() -> None:
    window = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    plain = config().augment
    source = ClipSource((window[None],), 8, plain)
    assert source.middle(0, 1)[0, :, 0, 0, 0].tolist() == list(range(8, 16))
    fast = ClipSource((window[None],), 8, config("augment.speed=[2, 2]").augment)
    assert np.diff(fast.clip(0, torch.Generator())[:, 0, 0, 0].astype(int)).tolist() == [2] * 7
    moved = ClipSource((window[None],), 8, config("augment.temporal_jitter=3").augment)
    starts = {int(moved.clip(0, torch.Generator().manual_seed(s))[0, 0, 0, 0]) for s in range(60)}
    assert starts == set(range(5, 12))


def test_videos_that_need_too_much_memory_are_refused(motions: Path) -> None:
    data = config(f"data.train={motions}", "data.size_px=512", "data.frames=8", "data.cache_mb=20").data
    with pytest.raises(InputError, match=r"need more than 20 MB.*run.task"):
        open_clips(read_splits(data)["train"], data, config().augment)


def test_metric_learning_holds_out_classes_and_its_run_is_an_embedding(tmp_path: Path) -> None:
    folder = squares(tmp_path / "squares")
    chosen = config(
        "run.task=metric", f"data.train={folder}", "data.size_px=32", "data.group=label",
        "data.val_share=0.34", "network.name=conv2", "network.options={size_px=32, widths=[4, 4], hidden=16}",
        "loss.name=arcface", "loss.options={classes=4, features=8}", "run.batch=16", "run.epochs=3",
    )  # fmt: skip
    task: Any = make_task(Setting(chosen, tmp_path))
    train, val = (set(task.sets.examples[name].column("label")) for name in ("train", "val"))
    assert len(train) == 4
    assert len(val) == 2
    assert not train & val
    result = run(chosen, tmp_path / "run")
    assert result.figures["val_recall_at_1"] > 0.6
    model = vifex.load_model(str(tmp_path / "run"), device="cpu")
    assert model.features(str(folder / "c0" / "0.png"))["classifier"].shape == (1, 8)


def test_an_option_that_a_loss_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = squares(tmp_path / "squares", 3, 4)
    settings = (
        "run.task=metric",
        f"data.train={folder}",
        "data.val_share=0.4",
        "loss.name=triplet",
        "loss.options={margin=1}",
    )
    with pytest.raises(InputError, match="no key 'margin'"):
        make_task(Setting(config(*settings), tmp_path))


@pytest.mark.parametrize(("task", "network"), [("vae", "autoencoder"), ("gan", "dcgan")])
def test_a_run_that_makes_images_judges_them(task: str, network: str, tmp_path: Path) -> None:
    folder = squares(tmp_path / "squares", 4, 16)
    chosen = config(
        f"run.task={task}", f"data.train={folder}", "data.val_share=0.5", f"network.name={network}",
        "network.options={width=4}", "loss.options={code=4}", "run.batch=16", "run.epochs=2",
    )  # fmt: skip
    figures = run(chosen, tmp_path / "run").figures
    assert 0 <= figures["val_frechet_real"] < figures["val_frechet_noise"]
    assert figures["val_frechet"] > 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Samples" in page
    assert ("anomaly" in page) == (task == "vae")
    with Image.open(tmp_path / "run" / "samples.png") as sheet:
        assert sheet.width > 8 * 32
