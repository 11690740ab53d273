"""`vifex models`, `vifex layers` and `vifex card`: which models there are, what one offers, its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from vifex.cli.output import clean, one_line, print_json, print_line, print_table
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.api.catalogue import Unopened
    from vifex.values import ModelCard

__all__ = ["card", "layers", "models"]

models = App(name="models", help="List the networks that are known by name; show or fetch one.")


@models.default
def list_models(*, search: str = "", json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """List the networks that are known by name; show or fetch one.

    Parameters
    ----------
    search
        Only those whose name holds this text.
    json
        Print as JSON.
    """
    from vifex.api.catalogue import list_networks

    known, missing = list_networks(search)
    if json:
        print_json({"models": [line.to_dict() for line in known], "missing": missing})
        return 0
    if known:
        print_table(
            ["model", "input", "licence", "weights"],
            [[line.name, line.input, line.licence, line.weights_from] for line in known],
        )
    else:
        print_line(f"No known name holds {clean(repr(search))}.")
    for sentence in missing:
        print_line(clean(as_options(sentence)), err=True)
    return 0


@models.command
def show(
    model: str,
    /,
    *,
    weights: str | None = None,
    trust_code: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Tell a network's size, layers, input, licence, and whether its weights are here; fetch nothing.

    Parameters
    ----------
    model
        Name or file of a model.
    weights
        A file of weights, or random:SEED (default: the published ones).
    trust_code
        Open a .pt or .pt2 file, which runs code that it holds.
    json
        Print as JSON.
    """
    from vifex.api.catalogue import describe

    facts = describe(model, weights=weights, trust_code=trust_code)
    if json:
        print_json(facts.to_dict())
        return 0
    for label, value in facts.lines():
        print_line(f"{label + ':':<9} {clean(as_options(value))}")
    return 0


@models.command
def pull(model: str, /) -> int:
    """Fetch a network's published weights, so that it works offline from then on.

    Parameters
    ----------
    model
        Name of a network.
    """
    import vifex
    from vifex.api.progress import shown_progress

    with shown_progress(True):
        loaded = vifex.load_model(model, on_notice=_notice)
    print_line(f"{clean(loaded.card.name)}: its weights are here ({one_line(loaded.card.provenance)}).")
    return 0


def layers(
    model: Annotated[str, Parameter(name=["--model", "-m"])] = "default",
    *,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List every layer that features can be read from, with its shape; weights are not fetched.

    Parameters
    ----------
    model
        Name or file of a model (default: the embedded one).
    weights
        For a network by name: a file of weights, or random:SEED (default: the published ones).
    card
        The model card, where it does not stand beside the model.
    trust_code
        Open a .pt or .pt2 file, which runs code that it holds. Without it the file's own list of modules is
        shown.
    json
        Print as JSON.
    """
    from vifex.api.catalogue import load_architecture, unopened
    from vifex.api.progress import shown_progress

    closed = None if trust_code else unopened(model, card=card)
    if closed is not None:
        return _print_unopened(closed, json=json)
    with shown_progress(True):
        loaded, licence, why_not = load_architecture(model, weights=weights, card=card, trust_code=trust_code)
        places, described = loaded.layers, loaded.card
        if why_not:
            _notice(f"{described.name}: {why_not}; these are the layers of its architecture.")
        default = [layer.name for layer in loaded.default_layers]
    if json:
        print_json(
            {
                "model": described.name,
                "licence": licence,
                "here": not why_not,
                "default": default,
                "layers": [{"name": t.name, "kind": t.kind, "shape": list(t.shape)} for t in places],
            }
        )
        return 0
    print_line(f"{clean(described.name)}: {_input(described)}, licence: {clean(licence)}")
    print_table(
        ["layer", "kind", "shape", ""],
        [[t.name, t.kind, " x ".join(map(str, t.shape)), "default" * (t.name in default)] for t in places],
    )
    return 0


def _print_unopened(closed: Unopened, *, json: bool) -> int:
    described, default = closed.card, list(closed.card.default_layers)
    if json:
        rows = [{"name": name, "kind": None, "shape": list(shape)} for name, shape in closed.layers]
        facts = {"model": described.name, "licence": described.licence, "default": default, "layers": rows}
        print_json(facts)
    else:
        print_line(f"{clean(described.name)}: {_input(described)}, licence: {clean(described.licence)}")
        print_table(
            ["layer", "shape", ""],
            [[name, " x ".join(map(str, s)), "default" * (name in default)] for name, s in closed.layers],
        )
    _notice("the program was not opened, as that runs code that it holds; --trust-code opens it.")
    return 0


def _input(card: ModelCard) -> str:
    if card.audio is not None:
        return f"windows of {card.audio.window_s:g} s of sound at {card.audio.sample_rate_hz} Hz"
    return f"{card.width_px} x {card.height_px} px"


def card(model: Path, /) -> int:
    """Print a draft of the card that a model file needs beside it (MODEL.vifex.toml).

    Parameters
    ----------
    model
        The .onnx, OpenVINO .xml, .tflite, .pt (TorchScript) or .pt2 (torch.export) file.
    """
    from vifex.models import draft_card

    print_line(draft_card(model).rstrip())
    return 0


def _notice(text: str) -> None:
    print_line(f"vifex: {clean(as_options(text))}", err=True)
