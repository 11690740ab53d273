"""Pruning: which channels may go, and that the multiplications are those that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import compressible as tiny
import pytest
import torch
from torch import Tensor, nn

from vifex.compression.surgery.counting import multiplications
from vifex.compression.surgery.groups import find_groups
from vifex.compression.surgery.pruning import prune
from vifex.values import ModelError

EXAMPLE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def run(module: nn.Module) -> Sequence[Tensor]:
    with torch.no_grad():
        return [module(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)))]


def roots(network: type[nn.Module]) -> set[str]:
    return {group.root for group in find_groups(tiny.made(network), EXAMPLE, run)}


def test_padded_shortcuts_leave_only_the_channels_inside_of_blocks() -> None:
    """Channel i of the padded input meets channel i + 4 of the sum: removing both would shift the rest."""
    assert roots(tiny.PaddedResNet) == {"layer1.conv1", "layer2.conv1"}


def test_gates_and_depthwise_convolutions_go_with_their_channels() -> None:
    # `gate2` is the root of the channels of `expand`; the output's own channels (`last`) stay.
    assert roots(tiny.Grouped) == {"gate2", "gate1", "project", "grouped"}


def test_heads_and_normalised_channels_stay() -> None:
    assert roots(tiny.Attention) == {"fc1"}


def test_a_search_for_groups_leaves_the_network_as_it_was() -> None:
    module = tiny.made(tiny.Grouped)
    before, outputs = {k: v.clone() for k, v in module.state_dict().items()}, run(module)[0]
    find_groups(module, EXAMPLE, run)
    after = module.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert torch.equal(outputs, run(module)[0])


@pytest.mark.parametrize("network", [tiny.PaddedResNet, tiny.Grouped])
def test_the_multiplications_are_those_asked_for(network: type[nn.Module]) -> None:
    fraction = 0.5
    module = tiny.made(network)
    pruned = prune(module, EXAMPLE, fraction, run)
    whole = tiny.hand_count(module)
    assert multiplications(module, EXAMPLE) == whole
    assert tiny.hand_count(pruned.module) == pruned.multiplications
    # One channel of these networks is up to 4 % of them.
    assert abs(pruned.multiplications / whole - fraction) <= 0.04
    assert pruned.module(EXAMPLE).shape == module(EXAMPLE).shape


def test_the_least_channels_go_first() -> None:
    module: Any = tiny.made(tiny.PaddedResNet)
    weak = [1, 4, 6]
    with torch.no_grad():
        module.layer1.conv1.weight[weak] *= 1e-3
        module.layer1.bn1.weight[weak] *= 1e-3
        module.layer1.conv2.weight[:, weak] *= 1e-3
    pruned: Any = prune(module, EXAMPLE, 0.8, run)
    kept = pruned.module.layer1.conv1.weight
    norms = kept.flatten(1).norm(dim=1)
    assert float(norms.min()) > 0.1


def test_gradients_decide_where_they_are_given() -> None:
    """Channels whose weights have no gradient cost the loss nothing, however large they are."""
    module: Any = tiny.made(tiny.PaddedResNet)
    gradients = {name: torch.ones_like(p) for name, p in module.named_parameters()}
    for name in ("layer2.conv1.weight", "layer2.bn1.weight", "layer2.bn1.bias"):
        gradients[name] = torch.zeros_like(gradients[name])
    gradients["layer2.conv2.weight"] = torch.zeros_like(gradients["layer2.conv2.weight"])
    gradients["layer2.conv2.weight"][:, 5:] = 1.0
    removed: Any = prune(module, EXAMPLE, 0.85, run, gradients=gradients).module
    original = module.layer2.conv1.weight
    kept = removed.layer2.conv1.weight
    gone = [i for i in range(16) if not any(torch.equal(original[i], k) for k in kept)]
    assert set(gone) & set(range(5))
    assert len(set(gone) & set(range(5))) >= len(gone) // 2


def test_a_multiple_of_channels_stays() -> None:
    pruned = prune(tiny.made(tiny.PaddedResNet), EXAMPLE, 0.6, run, multiple=4)
    assert all(after % 4 == 0 for _, after in pruned.removed.values())


def test_a_network_without_free_channels_is_refused() -> None:
    with pytest.raises(ModelError, match="none of its channels can be removed"):
        prune(tiny.made(tiny.Depthwise), EXAMPLE, 0.5, run, of="tiny")


def test_a_fraction_out_of_reach_says_what_can_be_reached() -> None:
    with pytest.raises(ModelError, match=r"down to 0\.\d\d of all, not to 0\.05"):
        prune(tiny.made(tiny.PaddedResNet), EXAMPLE, 0.05, run, of="tiny")
