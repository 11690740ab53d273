"""`vifex layers` and `vifex card`: what a model offers, and how to describe one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line, print_table

__all__ = ["card", "layers"]


def layers(model: str = "default", /, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """List every layer that features can be read from, with its shape.

    Parameters
    ----------
    model
        Name or file of a model (default: the embedded one).
    json
        Print as JSON.
    """
    import vifex

    loaded = vifex.load_model(model)
    taps, described = loaded.layers, loaded.card
    if json:
        print_json(
            {
                "model": described.name,
                "licence": described.licence,
                "default": list(described.default_taps),
                "layers": [{"name": t.name, "kind": t.kind, "shape": list(t.shape)} for t in taps],
            }
        )
        return 0
    size = f"{described.width_px} x {described.height_px} px"
    print_line(f"{clean(described.name)}: {size}, licence: {clean(described.licence)}")
    print_table(
        ["layer", "kind", "shape", ""],
        [
            [t.name, t.kind, " x ".join(map(str, t.shape)), "default" * (t.name in described.default_taps)]
            for t in taps
        ],
    )
    return 0


def card(model: Path, /) -> int:
    """Print a draft of the card that a model file needs beside it (MODEL.vifex.toml).

    Parameters
    ----------
    model
        The .onnx, OpenVINO .xml or .tflite file.
    """
    from vifex.models import draft_card

    print_line(draft_card(model).rstrip())
    return 0
