"""Losses of metric learning against their papers' formulas, and that each of them separates classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vifex.training.losses.metric import METRIC_LOSSES, make_metric_loss
from vifex.values import InputError


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    vectors = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(vectors, dim=1), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def test_contrastive_by_hand() -> None:
    """Hadsell 2006 without its square: mean distance of equal pairs, mean shortfall to 1 of the others."""
    x, y = batch()
    d = torch.cdist(x, x).numpy()
    same = y[:, None].numpy() == y[None].numpy()
    near = d[same & ~np.eye(8, dtype=bool)]
    short = np.maximum(1 - d[~same], 0)
    hand = near[near > 0].mean() + short[short > 0].mean()
    assert float(make_metric_loss("contrastive", classes=4, features=5)(x, y)) == pytest.approx(
        hand, rel=1e-5
    )


def test_triplet_hard_by_hand() -> None:
    """Hermans 2017: the farthest positive, the nearest negative; log(1 + exp(d_ap - d_an + margin))."""
    x, y = batch()
    d = torch.cdist(x, x).numpy()
    same = y[:, None].numpy() == y[None].numpy()
    far = np.where(same, d, -np.inf).max(axis=1)
    near = np.where(same, np.inf, d).min(axis=1)
    hand = np.log1p(np.exp(far - near + 0.2)).mean()
    assert float(make_metric_loss("triplet-hard", classes=4, features=5)(x, y)) == pytest.approx(
        hand, rel=1e-5
    )


def test_supcon_by_hand() -> None:
    """Khosla 2020, L_out, temperature 0.1."""
    x, y = batch()
    s = (x @ x.T).numpy().astype(np.float64) / 0.1
    losses = []
    for i in range(8):
        others = [a for a in range(8) if a != i]
        total = np.log(np.exp(s[i, others]).sum())
        losses.append(-np.mean([s[i, p] - total for p in others if y[p] == y[i]]))
    assert float(make_metric_loss("supcon", classes=4, features=5)(x, y)) == pytest.approx(
        np.mean(losses), rel=1e-5
    )


@pytest.mark.parametrize("name", sorted(METRIC_LOSSES))
def test_a_loss_separates_classes(name: str) -> None:
    """Two classes that lie across each other in 6 numbers are apart after some steps of a linear layer."""
    torch.manual_seed(0)
    centres = torch.randn(4, 6)
    y = torch.arange(4).repeat_interleave(6)
    x = centres[y] + 0.7 * torch.randn(24, 6)
    layer = torch.nn.Linear(6, 5)
    loss = make_metric_loss(name, classes=4, features=5)
    optimizer = torch.optim.Adam([*layer.parameters(), *loss.parameters()], lr=0.02)

    def spread() -> float:
        with torch.no_grad():
            d = torch.cdist(*(2 * [torch.nn.functional.normalize(layer(x), dim=1)]))
        same = (y[:, None] == y[None]) & ~torch.eye(24, dtype=torch.bool)
        return float(d[same].mean() / d[y[:, None] != y[None]].mean())

    before = spread()
    for _ in range(60):
        optimizer.zero_grad()
        loss(torch.nn.functional.normalize(layer(x), dim=1), y).backward()
        optimizer.step()
    assert spread() < 0.85 * before


def test_an_unknown_loss_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no metric loss 'triplets'.*Did you mean triplet"):
        make_metric_loss("triplets", classes=2, features=2)
