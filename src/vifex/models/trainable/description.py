"""The description of a trained network: `network.json` beside `model.safetensors` in a run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from vifex.values import ModelError

__all__ = ["DESCRIPTION", "FORMAT", "NetworkDescription", "read_description", "write_description"]

DESCRIPTION: Final = "network.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class NetworkDescription:
    """What a network is, so that it can be made again without its code's own files."""

    network: str
    """A name of the registry, or `timm/NAME` or `torchvision/NAME`."""
    outputs: int
    """Numbers that the network gives for one input: classes, or the size of an embedding."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the network, as JSON values."""
    task: str = "image"
    """Name of the task that trained it, e.g. `image`."""
    classes: tuple[str, ...] = ()
    """Names of the outputs, in their order; empty where the outputs are no classes."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a task keeps beside this, as JSON values."""


def write_description(folder: Path, description: NetworkDescription) -> None:
    """Write a description into a folder."""
    text = json.dumps({"format": FORMAT, **asdict(description)}, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> NetworkDescription:
    """Read the description in a folder.

    Raises:
        ModelError: If it is missing, is not valid, or was written by a newer version.
    """
    path = folder / DESCRIPTION
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") > FORMAT:
            raise ModelError(
                "a newer version of Vifex wrote this network.", of=str(path), todo="Upgrade Vifex."
            )
        data["classes"] = tuple(data.get("classes", ()))
        description = NetworkDescription(**data)
        if not isinstance(description.network, str) or not isinstance(description.outputs, int):
            raise TypeError("network must be text and outputs a number")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ModelError(
            f"the description of the network cannot be read: {exc}.",
            of=str(path),
            todo="Give the folder of a finished run.",
        ) from exc
    return description
