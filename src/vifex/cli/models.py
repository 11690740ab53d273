"""`vifex models`, `vifex layers` and `vifex card`: which models there are, what one offers, its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from vifex.cli.options import MODEL, CardFile, Device, Json, TrustCode, Weights, helped
from vifex.cli.output import clean, one_line, print_json, print_line, print_table
from vifex.cli.reporting import print_notice
from vifex.cli.targets import as_typed
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.api.catalogue import Unopened
    from vifex.values import ModelCard

__all__ = ["card", "layers", "models"]

models = App(name="models")
layers = App(
    name="layers", usage="Usage: vifex layers [MODEL] [OPTIONS], or vifex layers compare STORE [OPTIONS]"
)
layers.command("vifex.cli.answers.comparing:compare", name="compare")


@models.default
@helped
def list_models(*, search: Annotated[str, Parameter(show_default=False)] = "", json: Json = False) -> int:
    """List the networks that are known by name; show or download one.

    Parameters
    ----------
    search
        Only networks whose name contains this text.
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
@helped
def show(
    model: Annotated[Path | str, Parameter(converter=as_typed)],
    /,
    *,
    weights: Weights = None,
    trust_code: TrustCode = False,
    json: Json = False,
) -> int:
    """Show a network's size, layers, input and licence, and whether its weights are on this machine.

    Nothing is downloaded.

    Parameters
    ----------
    model
        Name or file of a model.
    """
    from vifex.api.catalogue import describe

    facts = describe(str(model), weights=weights, trust_code=trust_code)
    if json:
        print_json(facts.to_dict())
        return 0
    for label, value in facts.lines():
        print_line(f"{label + ':':<9} {clean(as_options(value))}")
    return 0


@models.command
@helped
def pull(model: str, /) -> int:
    """Download a network's published weights. It then works offline.

    Parameters
    ----------
    model
        Name of a network.
    """
    import vifex
    from vifex.api.progress import shown_progress

    with shown_progress(True):
        loaded = vifex.load_model(model, on_notice=print_notice)
    print_line(
        f"{clean(loaded.card.name)}: its weights are on this machine ({one_line(loaded.card.provenance)})."
    )
    return 0


@layers.default
@helped
def list_layers(
    model: Annotated[
        Path | str,
        Parameter(
            name=["--model", "-m"], metavar="MODEL", converter=as_typed, show_default=False, group=MODEL
        ),
    ] = "default",
    *,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    device: Device = None,
    json: Json = False,
) -> int:
    """List every layer that features can be read from, with its shape; or rank the layers of a store.

    Weights are not downloaded. Without --trust-code, the modules of a .pt or .pt2 file are listed
    without opening it.

    For example:
        vifex layers
        vifex layers torchvision/resnet50
        vifex layers net.onnx

    Parameters
    ----------
    model
        Name or file of a model (default: the embedded one).
    """
    from vifex.api.catalogue import load_architecture, unopened
    from vifex.api.progress import shown_progress

    model = str(model)
    closed = None if trust_code else unopened(model, card=card)
    if closed is not None:
        return _print_unopened(closed, json=json)
    with shown_progress(True):
        loaded, licence, why_not = load_architecture(
            model, weights=weights, card=card, trust_code=trust_code, device=device
        )
        places, described = loaded.layers, loaded.card
        if why_not:
            print_notice(f"{described.name}: {why_not}; these are the layers of its architecture.")
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
    print_notice("the program was not opened, as that runs the code in it; --trust-code opens it.")
    return 0


def _input(card: ModelCard) -> str:
    if card.audio is not None:
        return f"windows of {card.audio.window_s:g} s of sound at {card.audio.sample_rate_hz} Hz"
    return f"{card.width_px} x {card.height_px} px"


@helped
def card(model: Path, /) -> int:
    """Print a draft of the card of a model file (MODEL.vifex.toml).

    For example:
        vifex card net.onnx > net.vifex.toml

    Parameters
    ----------
    model
        The .onnx, OpenVINO .xml, .tflite, .pt (TorchScript) or .pt2 (torch.export) file.
    """
    from vifex.models import draft_card

    print_line(draft_card(model).rstrip())
    return 0
