"""Recovery by distillation: it comes nearer to the uncompressed network, and resumes to the same weights."""

from __future__ import annotations

import os
import signal
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("lightning_fabric", reason="the extra train is not installed")

from vifex.compression import recovery as module
from vifex.compression.compress import labels_fit
from vifex.compression.images import Images
from vifex.compression.outputs import Subject, open_subject
from vifex.compression.recovery import Recovery, recover
from vifex.compression.surgery.low_rank import factorise_network
from vifex.compression.surgery.statistics import reestimate
from vifex.models import load_model


@pytest.fixture(scope="module")
def images() -> Images:
    """Smooth noise with labels of four classes."""
    coarse = np.random.default_rng(0).integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
    pixels = coarse.repeat(4, axis=1).repeat(4, axis=2)
    return Images(pixels, np.arange(48) % 4, ("a", "b", "c", "d"))


@pytest.fixture
def subject(images: Images) -> Subject:
    """A network whose statistics are those of the images."""
    found = open_subject(load_model("torch:compressible:padded_resnet"))
    reestimate(found.module, [inputs(images)])
    return found


def inputs(images: Images) -> torch.Tensor:
    return (torch.from_numpy(images.pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


def student_of(subject: Subject, images: Images) -> nn.Module:
    student = factorise_network(subject.module, subject.example(), 0.4).module
    reestimate(student, [inputs(images)])
    return student


def distance(subject: Subject, student: nn.Module, images: Images) -> float:
    """Squared difference of the outputs, as a part of what the outputs vary."""
    with torch.no_grad():
        own, given = student(inputs(images)), subject.module(inputs(images))
    return float((own - given).square().sum() / (given - given.mean(dim=0)).square().sum())


@pytest.mark.parametrize("with_labels", [False, True])
def test_recovery_comes_nearer(subject: Subject, images: Images, tmp_path: Path, with_labels: bool) -> None:
    student = student_of(subject, images)
    teacher = {k: v.clone() for k, v in subject.module.state_dict().items()}
    before = distance(subject, student, images)
    how = Recovery(epochs=8, batch=16)
    made = recover(subject, student, images, images, recovery=how, with_labels=with_labels, folder=tmp_path)
    if not with_labels:  # labels of noise pull elsewhere
        reestimate(made, [inputs(images)])
        assert distance(subject, made, images) < 0.8 * before
    assert not made.training
    assert not any(p.requires_grad for p in made.parameters())
    assert not any(part._forward_hooks for part in made.modules())
    assert all(torch.equal(v, teacher[k]) for k, v in subject.module.state_dict().items())


def test_an_interrupted_recovery_ends_in_the_same_weights(
    subject: Subject, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Recovery(epochs=3, batch=16, seed=5)
    start = student_of(subject, images)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def run(student: nn.Module, folder: str) -> nn.Module:
        return recover(
            subject, student, images, images, recovery=how, with_labels=False, folder=tmp_path / folder
        )

    whole = run(deepcopy(start), "a")
    steps = 0

    def interrupt(moment: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(module, "_tell", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(deepcopy(start), "b")
    assert steps < 9
    resumed = run(deepcopy(start), "b")
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_labels_fit_if_the_network_is_better_than_chance(subject: Subject, images: Images) -> None:
    with torch.no_grad():
        right = subject.module(inputs(images)).argmax(dim=1).numpy()
    assert labels_fit(subject, Images(images.pixels, right, images.classes))
    assert not labels_fit(subject, Images(images.pixels, (right + 1) % 4, images.classes))
    assert not labels_fit(subject, Images(images.pixels, right, (*images.classes, "e")))
    assert not labels_fit(subject, Images(images.pixels, None, ()))
