"""Low rank: full rank is exact, lower ranks lose what they say, and costs are those asked for."""

from __future__ import annotations

from typing import Any

import compressible as tiny
import pytest
import torch
from torch import nn

from vifex.compression.surgery.counting import multiplications
from vifex.compression.surgery.factors import factorise, schemes_of, split
from vifex.compression.surgery.low_rank import factorise_network, input_sizes
from vifex.models.families.shared.places import read_input
from vifex.values import ModelError

EXAMPLE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))

LAYERS = {
    "square": nn.Conv2d(8, 12, 3, 1, 1),
    "strided": nn.Conv2d(8, 12, (3, 5), (2, 3), (1, 2), bias=False),
    "dilated": nn.Conv2d(4, 6, 3, 1, 2, dilation=2, padding_mode="reflect"),
    "same": nn.Conv2d(4, 6, 3, padding="same"),
    "wide": nn.Conv2d(3, 64, 7, 2, 3),
    "point": nn.Conv2d(16, 8, 1),
    "linear": nn.Linear(20, 30),
    "narrow": nn.Linear(30, 5, bias=False),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
@pytest.mark.parametrize("is_scaled", [False, True])
def test_full_rank_is_the_same_function(name: str, is_scaled: bool) -> None:
    layer = LAYERS[name]
    inputs = layer.in_channels if isinstance(layer, nn.Conv2d) else layer.in_features
    generator = torch.Generator().manual_seed(3)
    x = torch.randn((2, inputs, 15, 17) if isinstance(layer, nn.Conv2d) else (2, inputs), generator=generator)
    sizes = torch.rand(inputs, generator=generator) * 5 if is_scaled else None
    for scheme in schemes_of(layer):
        factors = factorise(layer, scheme, sizes)
        replaced = split(layer, factors, len(factors.lost) - 1)
        expected = layer(x)
        assert replaced(x).shape == expected.shape
        # Rounding of fp32: two layers in sequence instead of one.
        torch.testing.assert_close(replaced(x), expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("scheme", ["channels", "space"])
def test_the_error_is_the_energy_of_the_singular_values_left_out(scheme: str) -> None:
    layer = nn.Conv2d(6, 10, 3, bias=False)
    weight = layer.weight.detach().double()
    by_space = weight.permute(1, 2, 3, 0).reshape(18, 30)
    matrix = by_space if scheme == "space" else weight.reshape(10, 54)
    values = torch.linalg.svdvals(matrix).square()
    factors = factorise(layer, scheme, None)  # type: ignore[arg-type]
    for rank in (1, 4, len(values)):
        expected = float(values[rank:].sum() / values.sum())
        assert factors.lost[rank] == pytest.approx(expected, abs=1e-9)


def test_inputs_that_are_small_count_little() -> None:
    """With one rank, the direction of the large input is kept, whatever the weights of the small ones."""
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))
    x = torch.tensor([[10.0, 0.1]])
    plain = split(layer, factorise(layer, "channels"), 1)(x)
    scaled = split(layer, factorise(layer, "channels", torch.tensor([10.0, 0.1])), 1)(x)
    torch.testing.assert_close(plain, torch.tensor([[0.0, 0.3]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled, torch.tensor([[10.0, 0.0]]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("network", [tiny.PaddedResNet, tiny.Attention])
def test_the_multiplications_are_those_asked_for(network: type[nn.Module]) -> None:
    fraction = 0.5
    module = tiny.made(network)
    made = factorise_network(module, EXAMPLE, fraction)
    # Products without weights: 16 tokens with each other in 24 channels, twice.
    attention = 2 * 16 * 16 * 24 if network is tiny.Attention else 0
    whole = tiny.hand_count(module) + attention
    assert multiplications(module, EXAMPLE) == whole
    assert made.multiplications == tiny.hand_count(made.module) + attention
    assert abs(made.multiplications / whole - fraction) <= 0.02
    assert made.module(EXAMPLE).shape == module(EXAMPLE).shape
    assert made.ranks


def test_more_multiplications_lose_less() -> None:
    module: Any = tiny.made(tiny.PaddedResNet)

    def lost(fraction: float) -> float:
        ranks = factorise_network(module, EXAMPLE, fraction).ranks
        return sum(
            factorise(module.get_submodule(name), scheme).lost[rank]
            for name, (scheme, rank, _) in ranks.items()
        )

    errors = [lost(fraction) for fraction in (0.5, 0.9)]
    assert errors[0] > errors[1]


class Hooked(nn.Module):
    """A hook on the second layer shows its input, as networks of timm and torchvision have it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 24), nn.Linear(24, 24)
        read_input(self, "second")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x.mean(dim=(2, 3))))


def test_a_point_that_a_hook_feeds_sees_the_layers_in_place_of_its_own() -> None:
    made: Any = factorise_network(tiny.made(Hooked), EXAMPLE, 0.3).module
    assert isinstance(made.second, nn.Sequential)
    seen: dict[str, torch.Tensor] = {}
    made.penultimate.register_forward_hook(lambda part, given, out: seen.update(shown=out))
    made.first.register_forward_hook(lambda part, given, out: seen.update(first=out))
    made(EXAMPLE)
    assert torch.equal(seen["shown"], seen["first"])


def test_sizes_of_inputs_are_root_mean_squares() -> None:
    module = tiny.made(tiny.PaddedResNet)
    batches = [torch.rand(3, 3, 32, 32) for _ in range(2)]
    sizes = input_sizes(module, batches)
    expected = torch.cat(batches).square().mean(dim=(0, 2, 3)).sqrt()
    torch.testing.assert_close(sizes["conv1"].float(), expected)
    assert sizes["linear"].shape == (16,)


def test_a_network_without_such_layers_is_refused() -> None:
    with pytest.raises(ModelError, match="none of its layers can be factorised"):
        factorise_network(tiny.made(tiny.Depthwise), EXAMPLE, 0.5, of="tiny")


def test_a_fraction_out_of_reach_says_what_can_be_reached() -> None:
    with pytest.raises(ModelError, match=r"down to 0\.\d\d of all, not to 0\.01"):
        factorise_network(tiny.made(tiny.PaddedResNet), EXAMPLE, 0.01, of="tiny")
