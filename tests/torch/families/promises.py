"""What every network of the families keeps, as one check for tests and for the full sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vifex.models import format_card
from vifex.models.cards import parse_card
from vifex.models.families.registry import FAMILIES
from vifex.values import Model
from vifex.values.registry import load

__all__ = ["batch", "check", "family_and_name", "read"]


def family_and_name(name: str, folder: Path | None) -> tuple[Any, str]:
    """Give a family and its own name of a network; `folder` stands for that of `hf/tiny:KIND`."""
    prefix, _, rest = name.partition("/")
    family = load(FAMILIES, prefix, group="vifex.families", what="family")
    return family, str(folder) if rest.startswith("tiny:") else rest


def batch(model: Model, n: int = 1) -> Any:
    """Random numbers of the network's input shape, for n images or clips."""
    import torch

    card = model.card
    sizes = {"N": n, "C": 3, "T": card.frames, "H": card.height_px, "W": card.width_px}
    if card.audio is not None:
        sizes["S"] = card.audio.window_samples
    return torch.randn([sizes[axis] for axis in card.layout], generator=torch.Generator().manual_seed(1))


def read(network: Any, names: list[str], x: Any) -> tuple[dict[str, Any], Any]:
    """Run a network with hooks on some of its modules."""
    import torch

    found: dict[str, Any] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: found.__setitem__(name, output)
        )
        for name in names
    ]
    try:
        with torch.inference_mode():
            output = network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found, output


def check(family: Any, name: str) -> Model:
    """Load a network with random weights and check what the families promise of it."""
    import torch

    from vifex.models.families.shared.weights import state_sha256

    model = family.load(name, "random:0")
    card, builder = model.card, model.builder
    assert card.name.startswith(f"{family.prefix}/")
    assert model.graph is None
    assert model.engine == "torch"
    assert builder is not None
    assert parse_card(format_card(card), of=name) == card
    assert "seed 0" in card.provenance
    module, _, attribute = builder.target.partition(":")
    assert attribute == "build"
    network = getattr(__import__(module, fromlist=[attribute]), attribute)(builder.name, builder.weights)
    assert not network.training
    assert state_sha256(network, card.name) == model.weights_sha256 == card.sha256
    x = batch(model)
    places = [*card.default_layers, *card.aliases.values()]
    found, output = read(network, places, x)
    assert isinstance(output, torch.Tensor)
    assert sorted(found) == sorted(set(places))
    assert len(card.default_layers) == 1
    feature = found[card.default_layers[0]]
    assert feature.ndim == 2
    assert feature.shape[0] == 1
    assert torch.isfinite(feature).all()
    return model
