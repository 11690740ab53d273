"""Which networks there are, and what is known of one: for `vifex models`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vifex.api.models.loaded import LoadedModel
from vifex.engines import EngineOptions, load_engine
from vifex.engines.choosing import check_file
from vifex.models import load_model
from vifex.models.families.shared.base import Entry
from vifex.models.families.shared.licences import forbids_commerce
from vifex.models.files import PROGRAMS, weights_files
from vifex.models.named import entries, find_entry, split_name
from vifex.models.programs import is_program, listed_layers, untrusted
from vifex.models.registry import MODELS
from vifex.values import Model, ModelCard, ModelError

__all__ = [
    "Facts",
    "Line",
    "Unopened",
    "describe",
    "list_networks",
    "load_architecture",
    "unopened",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A network in a listing."""

    name: str
    input: str
    licence: str
    non_commercial: bool
    weights_from: str
    paper: str = ""
    parameters: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one network."""

    name: str
    input: str
    licence: str
    non_commercial: bool
    weights_from: str
    here: bool
    """Whether the asked weights are on this machine."""
    why_not: str
    """Why they cannot be used, where they are not."""
    parameters: int | None
    """Numbers that were learned; `None` for a file of another engine."""
    size_bytes: int | None
    """Of the weights: as numbers in memory, or of its files."""
    layers: int | None
    """How many there are; `None` for a program that is not opened."""
    default: tuple[str, ...]
    fusion: str | None = None
    """How its vector comes to be, where it is read at several scales."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "default": list(self.default)}

    def lines(self) -> list[tuple[str, str]]:
        """Label and text of each fact, for people."""
        size = f"{(self.size_bytes or 0) / 1e6:.1f} MB"
        if self.parameters is not None:
            size = f"{self.parameters:,} parameters, {size}"
        limit = " - forbids commercial use" if self.non_commercial else ""
        return [
            ("model", self.name),
            ("size", size),
            ("input", self.input),
            ("layers", self._layers()),
            ("licence", self.licence + limit),
            *([("fusion", self.fusion)] if self.fusion else []),
            ("weights", self.weights_from or "unknown"),
            ("here", "yes" if self.here else f"no: {self.why_not}"),
        ]

    def _layers(self) -> str:
        if self.layers is None:
            return "not read: opening the program runs code that it holds (`trust_code=True`)"
        return f"{self.layers}, by default {', '.join(self.default) or 'none: name them'}"


@dataclass(frozen=True, slots=True)
class Unopened:
    """What a program's file and its card say where its code is not trusted."""

    card: ModelCard
    layers: list[tuple[str, tuple[int, ...]]]
    """Name and shape for one input of each module that is described."""


def unopened(name: str, *, card: Path | None = None) -> Unopened | None:
    """Read what a program's file says of its layers, without opening it; `None` for every other model.

    Raises:
        ModelError: If it says nothing of them: then opening it alone would tell.
    """
    if Path(name).suffix.lower() not in PROGRAMS or not Path(name).is_file():
        return None
    model = load_model(name, card=card, trust_code=True)  # its card and its hash; an engine would open it
    layers = listed_layers(Path(model.address))
    if not layers:
        raise untrusted(name)
    return Unopened(model.card, layers)


def list_networks(search: str = "") -> tuple[list[Line], list[str]]:
    """List every network that is known by name.

    Args:
        search: Only those whose name holds this text, in any case.

    Returns:
        The networks, and a sentence for each family whose library is not installed.
    """
    known, missing = [], []
    for name in MODELS:
        if search.lower() in name.lower():
            card = load_model(name).card
            limited = forbids_commerce(card.licence)
            known.append(Line(name, _input(card), card.licence, limited, "inside the package"))
    for found in entries(search):
        if isinstance(found, str):
            missing.append(found)
        else:
            known.append(_line(found))
    return known, missing


def describe(name: str, *, weights: str | None = None, trust_code: bool = False) -> Facts:
    """Tell what is known of one network. Nothing is fetched, and no program is opened unless it is trusted.

    Raises:
        ModelError: If there is none of that name.
        MissingExtraError: If its library is not installed.
    """
    why_not = ""
    entry = None
    with _offline():
        try:
            # Loading a program reads its card and its hash; the engine opens it.
            model = load_model(name, weights=weights, trust_code=True)
        except ModelError as exc:
            if weights is not None or split_name(name) is None:
                raise
            # Everything but the numbers is told of a network with weights of chance.
            model = load_model(name, weights="random:0")
            why_not = "not fetched yet: vifex models pull" if "HF_HUB_OFFLINE" in exc.what else exc.what
        if split_name(name) is not None:
            entry = find_entry(model.card.name)
    opened = trust_code or not is_program(model)
    default, count = _layers(model) if opened else (model.card.default_layers, None)
    parameters, size_bytes = _size(model) if opened else (None, Path(model.address).stat().st_size)
    card = model.card
    if why_not and entry is not None:  # not those of the weights of chance
        card = replace(card, licence=entry.licence, provenance=entry.weights_from)
    return Facts(
        name=card.name,
        input=_input(card),
        licence=card.licence,
        non_commercial=forbids_commerce(card.licence) or (entry is not None and entry.non_commercial),
        weights_from=" ".join(card.provenance.split()),
        here=not why_not,
        why_not=why_not,
        parameters=parameters,
        size_bytes=size_bytes,
        layers=count,
        default=default,
        fusion=card.fusion,
    )


def load_architecture(
    name: str,
    *,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: bool = False,
    device: str | None = None,
) -> tuple[LoadedModel, str, str]:
    """Load a network of which only the architecture matters. No weights are fetched.

    Args:
        name: As `vifex.load_model` takes it.
        weights: `random:SEED` or a file; by default the published ones where they are here, else weights of
            chance.
        card: The model card, where it does not stand beside the model.
        trust_code: Whether a program's file may be opened.
        device: As `vifex.load_model` takes it.

    Returns:
        The model, the licence of the asked weights, and a clause on why they are not used, empty where
        they are.

    Raises:
        ModelError: If there is none of that name, or its settings are not to be had.
        MissingExtraError: If its library is not installed.
        EngineError: If there is no such device, or the model is a file that runs on the CPU.
    """
    options = EngineOptions(device=device)
    if weights is not None or split_name(name) is None:
        model = load_model(name, weights=weights, card=card, trust_code=trust_code)
        if model.builder is None:
            check_file(model, options)
        return LoadedModel(model, options=options), model.card.licence, ""
    try:
        with _offline():
            model = load_model(name, card=card)
        return LoadedModel(model, options=options), model.card.licence, ""
    except ModelError:
        model = load_model(name, weights="random:0", card=card)  # small settings may be fetched
    entry = find_entry(model.card.name)
    licence = entry.licence if entry is not None else "unknown"
    return LoadedModel(model, options=options), licence, "its weights are not here"


def _line(entry: Entry) -> Line:
    return Line(
        name=entry.name,
        input=entry.input,
        licence=entry.licence,
        non_commercial=entry.non_commercial,
        weights_from=entry.weights_from,
        paper=entry.paper,
        parameters=entry.parameters,
    )


def _input(card: ModelCard) -> str:
    if card.audio is not None:
        return f"{card.audio.window_s:g} s of sound at {card.audio.sample_rate_hz} Hz"
    size = f"{card.width_px} x {card.height_px}"
    return f"{size} px" if card.frames is None else f"{card.frames} frames of {size} px"


def _layers(model: Model) -> tuple[tuple[str, ...], int]:
    engine = load_engine(model.engine)
    try:
        default = tuple(layer.name for layer in engine.resolve_layers(model, []))
    except ModelError:
        default = ()
    return default, len(engine.layers(model))


def _size(model: Model) -> tuple[int | None, int | None]:
    if model.builder is None:
        return None, sum(path.stat().st_size for path in weights_files(model.file))
    from vifex.engines.torch import count_parameters

    return count_parameters(model)


@contextmanager
def _offline() -> Iterator[None]:
    """Report the hubs' libraries to stay away from the network."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
