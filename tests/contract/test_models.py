"""What every registered model keeps."""

from __future__ import annotations

import pytest

from vifex.models import format_card, load_model, model_names, read_card
from vifex.models.cards import card_path, parse_card
from vifex.models.files import weights_sha256
from vifex.models.registry import ALIASES, MODELS

NAMES = sorted({*MODELS, *ALIASES})


@pytest.mark.parametrize("name", NAMES)
def test_a_registered_model_loads_and_is_what_its_card_says(name: str) -> None:
    model = load_model(name)
    assert model.card.name == ALIASES.get(name, name)
    assert model.graph.is_absolute()
    assert model.graph.is_file()
    assert model.weights_sha256 == weights_sha256(model.graph) == model.card.sha256
    assert name in model_names()


@pytest.mark.parametrize("name", NAMES)
def test_its_card_is_complete(name: str) -> None:
    card = load_model(name).card
    assert card.licence not in ("", "unknown")
    assert len(card.provenance) > 40
    assert card.default_layers
    assert card == read_card(card_path(load_model(name).graph)) == parse_card(format_card(card), of=name)
    assert card.pixel_spec().height_px == card.height_px


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_an_alias_leads_to_a_model(alias: str) -> None:
    assert alias not in MODELS
    assert ALIASES[alias] in MODELS
