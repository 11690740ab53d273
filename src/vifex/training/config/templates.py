"""Configurations to start from, for each kind of run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vifex.training.config.reading import with_settings
from vifex.training.config.sections import Config
from vifex.training.config.writing import to_toml
from vifex.values import InputError
from vifex.values.registry import near

__all__ = ["TEMPLATES", "template"]

_COMMON: Final[Mapping[str, tuple[str, ...]]] = {
    "data": ("train", "val", "test", "val_share", "group", "size_px"),
    "network": ("name", "options", "weights", "freeze", "probe_epochs"),
    "optimizer": ("name", "lr", "weight_decay", "clip_norm"),
    "schedule": ("name", "warmup"),
    "augment": ("crop_px", "flip", "erase", "mixup"),
    "loss": ("label_smoothing",),
    "imbalance": ("method",),
    "run": ("task", "epochs", "batch", "seed", "precision", "ema", "patience", "checkpoint_s", "log"),
}

TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "image": (
        'data.train=["photos/"]',
        "augment.crop_px=4",
        "augment.flip=true",
        "run.epochs=20",
    ),
    "video": (
        "run.task=video",
        'data.train=["clips/"]',
        "data.size_px=112",
        "data.frames=16",
        "data.frame_step=2",
        "network.name=frames",
        'network.options={head="lstm", hidden=256, backbone="torchvision/resnet18", weights="pretrained"}',
        "augment.flip=true",
        "optimizer.name=adamw",
        "optimizer.lr=0.0003",
        "optimizer.clip_norm=1",
        "run.batch=16",
    ),
    "features": (
        "run.task=features",
        'data.train=["library.vifex"]',
        "data.frames=16",
        "network.name=sequence",
        'network.options={head="lstm", hidden=64, dropout=0.5}',
        "optimizer.name=adamw",
        "optimizer.lr=0.002",
        "optimizer.weight_decay=0.05",
        "optimizer.clip_norm=1",
        "run.batch=32",
        "run.epochs=30",
    ),
    "metric": (
        "run.task=metric",
        'data.train=["photos/"]',
        "data.group=label",
        "loss.name=triplet-semihard",
        "loss.options={classes=16, features=128}",
        "augment.crop_px=4",
        "augment.flip=true",
        "optimizer.name=adamw",
        "optimizer.lr=0.001",
        "run.epochs=20",
    ),
    "fusion": (
        "run.task=fusion",
        'data.train=["library.vifex"]',
        "data.view=frames+sound",
        "network.name=fusion",
        'network.options={method="gated", hidden=256}',
        "optimizer.name=adamw",
        "optimizer.lr=0.001",
    ),
    "vae": (
        "run.task=vae",
        'data.train=["photos/"]',
        "network.name=autoencoder",
        "loss.options={code=128, beta=1.0}",
        "optimizer.name=adamw",
        "optimizer.lr=0.001",
    ),
    "gan": (
        "run.task=gan",
        'data.train=["photos/"]',
        "network.name=dcgan",
        "loss.options={code=128, critic=1}",
        "optimizer.name=adamw",
        "optimizer.lr=0.0002",
        "optimizer.beta1=0.5",
        "schedule.name=constant",
        "run.ema=0.999",
    ),
}
"""Kind of a run to the settings in which it differs from the defaults."""


def template(kind: str) -> str:
    """Return a commented configuration.

    Args:
        kind: A key of `TEMPLATES`.

    Raises:
        InputError: If there is no such kind.
    """
    if kind not in TEMPLATES:
        known = sorted(TEMPLATES)
        raise InputError(
            f"there is no configuration for {kind!r}.", todo=f"{near(kind, known)}Known: {', '.join(known)}."
        )
    settings = TEMPLATES[kind]
    keys = {section: list(names) for section, names in _COMMON.items()}
    for setting in settings:
        section, _, key = setting.partition("=")[0].partition(".")
        if key not in keys[section]:
            keys[section].append(key)
    head = f"# A run of `vifex train`: {kind}. The other keys are in docs/guides/training.md.\n\n"
    only = {section: tuple(names) for section, names in keys.items()}
    return head + to_toml(with_settings(Config(), settings), comments=True, only=only)
