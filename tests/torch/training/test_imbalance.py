"""Remedies for imbalance, by their formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from vifex.training import running
from vifex.training.config import METHODS, Config, Imbalance, with_settings
from vifex.training.imbalance import Classification, class_weights, long_tailed, sampling_weights
from vifex.training.running import compare_remedies

COUNTS = np.array([90, 9, 1])


def remedy(method: str, **others: float) -> Imbalance:
    settings = [f"imbalance.method={method}", *(f"imbalance.{k}={v}" for k, v in others.items())]
    return with_settings(Config(), settings).imbalance


def test_class_weights_by_hand() -> None:
    weights = class_weights(COUNTS, remedy("class-weights"))
    assert weights is not None
    np.testing.assert_allclose(weights / weights[0], [1, 10, 90])
    assert weights.mean() == pytest.approx(1)
    assert class_weights(COUNTS, remedy("none")) is None


def test_effective_number_by_hand() -> None:
    """Cui 2019: (1 - beta) / (1 - beta ** n); with beta 0 all classes weigh the same."""
    weights = class_weights(COUNTS, remedy("effective-number", beta=0.9))
    assert weights is not None
    wanted = 0.1 / (1 - 0.9 ** COUNTS.astype(float))
    np.testing.assert_allclose(weights, wanted / wanted.mean())
    np.testing.assert_allclose(class_weights(COUNTS, remedy("effective-number", beta=0.0)), 1.0)


def test_focal_loss_by_hand() -> None:
    scores, targets = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 2])
    shares = scores.softmax(1)[torch.arange(2), targets]
    wanted = (-((1 - shares) ** 2) * shares.log()).mean()
    loss = Classification(COUNTS, remedy("focal", gamma=2.0))
    torch.testing.assert_close(loss(scores, targets), wanted)
    as_shares = functional.one_hot(targets, 3).float()
    torch.testing.assert_close(loss(scores, as_shares), wanted)
    plain = Classification(COUNTS, remedy("none"))
    torch.testing.assert_close(plain(scores, targets), functional.cross_entropy(scores, targets))


def test_logit_adjustment_adds_the_logarithm_of_the_shares() -> None:
    scores, targets = torch.zeros(1, 3), torch.tensor([2])
    loss = Classification(COUNTS, remedy("logit-adjustment"))
    torch.testing.assert_close(loss(scores, targets), torch.tensor(-np.log(0.01)).float())


def test_sampling_weights_make_classes_as_frequent_as_they_say() -> None:
    labels = np.repeat([0, 1, 2], COUNTS)
    balanced = sampling_weights(labels, remedy("balanced-sampling"))
    rooted = sampling_weights(labels, remedy("sqrt-sampling"))
    assert balanced is not None
    assert rooted is not None
    np.testing.assert_allclose(np.bincount(labels, balanced), [1, 1, 1])
    np.testing.assert_allclose(np.bincount(labels, rooted), np.sqrt(COUNTS))


def test_a_long_tail_falls_exponentially() -> None:
    rows = long_tailed(np.repeat(np.arange(3), 100), 100.0, seed=0)
    assert np.bincount(np.repeat(np.arange(3), 100)[rows]).tolist() == [100, 10, 1]


def test_remedies_are_compared(
    config_for: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "METHODS", ("none", "sqrt-sampling"))
    config = config_for("run.epochs=1", "imbalance.ratio=10", "run.batch=40")
    found = compare_remedies(config, tmp_path / "compared")
    assert tuple(found) == ("none", "sqrt-sampling")
    lines = (tmp_path / "compared" / "imbalance.csv").read_text().splitlines()
    assert lines[0].startswith("method,val_loss,val_accuracy,val_balanced_accuracy")
    assert len(lines) == 3


@pytest.mark.parametrize("method", METHODS)
def test_each_remedy_gives_a_finite_loss_with_a_gradient(method: str) -> None:
    loss = Classification(COUNTS, remedy(method), smoothing=0.1)
    scores = torch.zeros(4, 3, requires_grad=True)
    loss(scores, torch.tensor([0, 1, 2, 0])).backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert scores.grad.abs().sum() > 0
