"""What the commands share: groups of options, kinds of options, and help from docstrings.

The help of an option is its paragraph in the docstring of the command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from cyclopts import Group, Parameter

from vifex.values.errors import InputError

__all__ = [
    "CLIPS",
    "ENGINE",
    "LIMITS",
    "MODEL",
    "OUTPUT",
    "PART",
    "QUERY",
    "REGIONS",
    "SAMPLING",
    "SOUND",
    "SOURCE",
    "CardFile",
    "Compile",
    "Device",
    "Devices",
    "EngineName",
    "Flag",
    "Json",
    "Quiet",
    "TrustCode",
    "Weights",
    "helped",
    "split_names",
    "split_numbers",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Number = TypeVar("_Number", int, float)

# A command shows its groups in this order.
SOURCE: Final = Group.create_ordered("Source")
QUERY: Final = Group.create_ordered("Query")
OUTPUT: Final = Group.create_ordered("Output")
MODEL: Final = Group.create_ordered("Model")
SAMPLING: Final = Group.create_ordered("Sampling of videos and pages")
PART: Final = Group.create_ordered("Part of each medium")
CLIPS: Final = Group.create_ordered("Clips")
REGIONS: Final = Group.create_ordered("Regions")
SOUND: Final = Group.create_ordered("Sound")
ENGINE: Final = Group.create_ordered("Engine")
LIMITS: Final = Group.create_ordered("Limits")

Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
"""An option without a value."""

Json: TypeAlias = Annotated[
    bool,
    Parameter(negative=(), show_default=False, group=OUTPUT, help="Print the result as one JSON document."),
]
Quiet: TypeAlias = Annotated[
    bool,
    Parameter(
        name=["--quiet", "-q"],
        negative=(),
        show_default=False,
        group=OUTPUT,
        help="Print neither progress nor the list of problems.",
    ),
]
Weights: TypeAlias = Annotated[
    str | None,
    Parameter(
        group=MODEL,
        help="A file of weights for a network by name, or random:SEED (default: the published weights).",
    ),
]
CardFile: TypeAlias = Annotated[
    Path | None,
    Parameter(group=MODEL, help="The model card, if it is not beside the model file."),
]
TrustCode: TypeAlias = Annotated[
    bool,
    Parameter(
        negative=(),
        show_default=False,
        group=MODEL,
        help="Open a .pt or .pt2 file, which runs the code in it.",
    ),
]
EngineName: TypeAlias = Annotated[
    Literal["auto", "openvino", "torch"] | None,
    Parameter(
        group=ENGINE,
        help="What runs the network. auto chooses by model and machine (default: VIFEX_ENGINE, else auto).",
    ),
]
Device: TypeAlias = Annotated[
    str | None,
    Parameter(
        group=ENGINE,
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N or mps, for networks that torch runs. auto is the best device of the "
        "machine (default: VIFEX_TORCH_DEVICE, else auto).",
    ),
]
Devices: TypeAlias = Annotated[
    str | None,
    Parameter(
        name="--device",
        group=ENGINE,
        metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N or mps, for networks that torch runs, or a list like cuda:0,cuda:1 "
        "with a shard on each. auto is the best device of the machine (default: VIFEX_TORCH_DEVICE, else "
        "auto).",
    ),
]
Compile: TypeAlias = Annotated[
    bool | None,
    Parameter(
        negative="--no-compile",
        group=ENGINE,
        help="Run networks of torch through torch.compile (default: VIFEX_TORCH_COMPILE, else no).",
    ),
]


def helped(command: _Command) -> _Command:
    """Join the lines of each paragraph in a command's docstring, so that the help fits any terminal.

    Lines of the description that are indented, such as examples, stay as they are.
    """
    text, mark, options = inspect.cleandoc(command.__doc__ or "").partition("\n\nParameters\n----------\n")
    command.__doc__ = _joined(text, "") + mark + _joined(options, "    ")
    return command


def _joined(text: str, indent: str) -> str:
    """Join neighbouring lines that have exactly this indent."""
    lines: list[str] = []
    was_text = False
    for line in text.splitlines():
        is_text = line.startswith(indent) and line[len(indent) : len(indent) + 1].strip() != ""
        if is_text and was_text:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
        was_text = is_text
    return "\n".join(lines)


def split_numbers(text: str | None, kind: Callable[[str], _Number], option: str) -> list[_Number] | None:
    """Split numbers that commas separate; `None` where nothing was given.

    Raises:
        InputError: If one is no number.
    """
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"takes numbers with commas between them, got {text!r}.",
            of=option,
            todo="Write for example 0,25,50.",
        ) from None


def split_names(text: str | None) -> list[str]:
    """Split names that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else []
