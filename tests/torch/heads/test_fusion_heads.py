"""Fusion heads against their numpy twins, the feature pyramid against torchvision's, and learning."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torchvision.ops import FeaturePyramidNetwork

from vifex.models.heads.fitting import fit_fusion
from vifex.models.heads.fusion import AttentionFusion, ConcatFusion, GatedFusion, WeightedFusion
from vifex.models.heads.pyramid import PyramidFusion
from vifex.pool.fusion import load_fusion
from vifex.values import InputError

CHANNELS, SIDES = [8, 12, 20], [16, 8, 4]


def inputs(sizes: list[int], n: int = 5) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(n, size, generator=draw) for size in sizes]


@pytest.mark.parametrize("sizes", [[6, 4], [6, 4, 5]], ids=["two", "three"])
@pytest.mark.parametrize("method", ["attention", "concat", "gated", "weighted"])
def test_a_head_is_its_numpy_twin(method: str, sizes: list[int]) -> None:
    torch.manual_seed(1)
    head = {
        "attention": lambda: AttentionFusion(sizes, 7),
        "concat": lambda: ConcatFusion(sizes),
        "gated": lambda: GatedFusion(sizes, 7),
        "weighted": lambda: WeightedFusion(sizes, "3/" + "/".join("1" for _ in sizes[1:])),
    }[method]()
    given = inputs(sizes)
    with torch.no_grad():
        fused = head(given)
    rule = load_fusion(method)
    learned = {k: v.numpy() for k, v in head.state_dict().items()} if rule.learns(len(sizes)) else {}
    assert sorted(learned) == sorted(rule.learns(len(sizes)))
    total = 2 + len(sizes)
    shares = [3 / total, *[1 / total] * (len(sizes) - 1)]
    twin = rule.apply([x.numpy() for x in given], shares, learned)
    assert fused.shape[1] == head.out_features == rule.size(sizes, learned)
    np.testing.assert_allclose(fused.numpy(), twin, atol=1e-6)


def test_two_modalities_are_gated_as_in_the_paper() -> None:
    """Arevalo et al., arXiv:1702.01992: h = z * tanh(W_v x_v) + (1 - z) * tanh(W_t x_t)."""
    torch.manual_seed(1)
    head = GatedFusion([6, 4], 7)
    v, t = inputs([6, 4])
    w_v, w_t, w_z = (head.get_parameter(k) for k in ("hidden.0.weight", "hidden.1.weight", "gate.0.weight"))
    with torch.no_grad():
        z = torch.sigmoid(torch.cat([v, t], 1) @ w_z.T)
        torch.testing.assert_close(head([v, t]), z * torch.tanh(v @ w_v.T) + (1 - z) * torch.tanh(t @ w_t.T))


@pytest.mark.parametrize("sides", [SIDES, [15, 7, 4]], ids=["halves", "odd"])
def test_the_pyramid_is_torchvisions(sides: list[int]) -> None:
    torch.manual_seed(2)
    oracle = FeaturePyramidNetwork(CHANNELS, 6).eval()
    head = PyramidFusion(CHANNELS, 6)
    head.load_state_dict(oracle.state_dict())  # the same keys
    maps = [torch.randn(2, c, side, side) for c, side in zip(CHANNELS, sides, strict=True)]
    seen = {}
    for i, level in enumerate(head.levels):
        level.register_forward_hook(lambda m, a, out, i=i: seen.__setitem__(i, out))
    with torch.no_grad():
        vector = head(maps)
        levels = list(oracle(OrderedDict((str(i), x) for i, x in enumerate(maps))).values())
    for i, level in enumerate(levels):
        torch.testing.assert_close(seen[i], level)
    torch.testing.assert_close(vector, levels[0].mean(dim=(2, 3)))
    mean = PyramidFusion(CHANNELS, 6, take="mean")
    mean.load_state_dict(oracle.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(
            mean(maps), torch.stack([level.mean(dim=(2, 3)) for level in levels]).mean(dim=0)
        )


@pytest.mark.parametrize("method", ["gated", "attention"])
def test_a_fusion_learns_what_neither_input_tells_alone(method: str) -> None:
    """One of the two inputs, marked as such, shows the label; the other shows anything."""
    random = np.random.default_rng(0)
    signs = random.choice([-1.0, 1.0], size=800)
    shows = random.integers(0, 2, size=800)
    given = []
    for i in range(2):
        shown = np.where(shows == i, signs, random.choice([-1.0, 1.0], size=800))
        noise = random.normal(scale=0.1, size=(2, 800))
        given.append(np.stack([shown + noise[0], (shows == i) + noise[1]], axis=1).astype(np.float32))
    labels = ["plus" if sign > 0 else "minus" for sign in signs]
    fitted = fit_fusion(method, given, [*labels[:-1], None], hidden=16)
    assert (fitted.labels, fitted.rows + fitted.held_out) == (2, 799)
    assert fitted.accuracy is not None
    assert fitted.accuracy > 0.95
    again = fit_fusion(method, given, [*labels[:-1], None], hidden=16)
    for key, value in fitted.arrays.items():
        np.testing.assert_array_equal(value, again.arrays[key])


def test_one_label_teaches_nothing() -> None:
    given = [np.zeros((4, 2), np.float32), np.zeros((4, 3), np.float32)]
    with pytest.raises(InputError, match="the rows have 1"):
        fit_fusion("gated", given, ["a", None, "a", "a"])
