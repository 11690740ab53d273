"""Statistics of batch normalisation after surgery."""

from __future__ import annotations

import compressible as tiny
import torch
from torch import nn

from vifex.compression.surgery.statistics import reestimate


def test_statistics_are_those_of_the_batches() -> None:
    module = tiny.made(tiny.PaddedResNet)
    batches = [torch.rand(8, 3, 32, 32) for _ in range(3)]
    assert reestimate(module, batches) == 5
    inputs = [module.conv1(batch) for batch in batches]  # type: ignore[operator]
    means = torch.stack([x.mean(dim=(0, 2, 3)) for x in inputs]).mean(dim=0)
    variances = torch.stack([x.var(dim=(0, 2, 3)) for x in inputs]).mean(dim=0)
    norm = module.bn1
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == 0.1
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)
    assert not any(part.training for part in module.modules())


def test_a_network_without_them_stays_as_it_is() -> None:
    module = tiny.made(tiny.Attention)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    assert reestimate(module, [torch.rand(2, 3, 32, 32)]) == 0
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
