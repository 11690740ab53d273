"""Options that the questions share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import Group, Parameter

from vifex.cli.options import LIMITS, MODEL, OUTPUT, SOURCE, Flag
from vifex.cli.targets import named_file

__all__ = [
    "METHOD",
    "Column",
    "Fps",
    "Html",
    "ModelName",
    "OnCluster",
    "Output",
    "Overwrite",
    "ViewName",
    "Where",
    "chosen",
]

METHOD: Final = Group.create_ordered("Method")

ViewName: TypeAlias = Annotated[
    str | None,
    Parameter(
        name=["--view", "-v"],
        group=SOURCE,
        help="A view of the store (default: the only one, or main).",
    ),
]
Column: TypeAlias = Annotated[
    str | None,
    Parameter(group=SOURCE, help="Column of the layer. It may be left out if the view has one layer."),
]
Where: TypeAlias = Annotated[
    str | None,
    Parameter(group=SOURCE, help="An SQL filter over the columns, e.g. \"label = 'cat'\"."),
]
Fps: TypeAlias = Annotated[
    float | None,
    Parameter(group=SOURCE, help="Frames per second, where videos are given in place of a store."),
]
ModelName: TypeAlias = Annotated[
    str | None,
    Parameter(
        name=["--model", "-m"],
        group=MODEL,
        help="The model that media are extracted with, where they are given in place of a store.",
    ),
]
Output: TypeAlias = Annotated[
    Path | None, Parameter(name=["--output", "-o"], converter=named_file, group=OUTPUT)
]
Html: TypeAlias = Annotated[Path | None, Parameter(converter=named_file, group=OUTPUT)]
Overwrite: TypeAlias = Annotated[Flag, Parameter(group=OUTPUT, help="Replace files that exist.")]
OnCluster: TypeAlias = Annotated[
    str | None,
    Parameter(
        group=LIMITS,
        help="ray, or ray://HEAD:PORT: the machines of a Ray cluster (extra ray) share the work; the answer"
        " is the same.",
    ),
]


def chosen(fps: float | None) -> dict[str, Any]:
    """Return the choices for the extraction of media."""
    return {} if fps is None else {"fps": fps}
