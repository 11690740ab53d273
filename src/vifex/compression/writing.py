"""The compressed network as files: OpenVINO IR with its card, and the report beside it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from torch import nn

from vifex.engines.torch.convert import CannotConvert, write_ir
from vifex.engines.torch.discover import discover
from vifex.models.cards import card_path, format_card
from vifex.models.files import load_file, weights_sha256
from vifex.values import InputError, Model, ModelCard, ModelError

__all__ = ["check_output", "move_into_place", "report_path", "write_card", "write_graph"]


def report_path(graph: Path) -> Path:
    """Return the place of the report: `small.xml` -> `small.compression.json`."""
    return graph.with_suffix(".compression.json")


def check_output(path: Path) -> None:
    """Check that the compressed network can be written.

    Raises:
        InputError: If the name is not that of a graph, the file exists, or its folder does not.
    """
    if path.suffix != ".xml":
        raise InputError(
            "the compressed network is an OpenVINO graph, whose name ends in .xml.",
            of=str(path),
            todo=f"Write for example {path.with_suffix('.xml').name}.",
        )
    if path.exists():
        raise InputError("the file exists.", of=str(path), todo="Choose another name, or remove it.")
    if not path.absolute().parent.is_dir():
        raise InputError("its folder does not exist.", of=str(path), todo="Make the folder first.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError("its folder is not writable.", of=str(path), todo="Choose another folder.")


def write_graph(module: nn.Module, card: ModelCard, graph: Path, *, default_layers: tuple[str, ...]) -> Model:
    """Write a network of torch as a graph file with its card.

    Args:
        module: On the CPU, in evaluation mode.
        card: Says its input; its name and its provenance are those of the file.
        graph: The `.xml`.
        default_layers: Layers that are extracted if the user names none.

    Returns:
        The model of the file. It has every layer of the network except attention weights.

    Raises:
        ModelError: If the network cannot be converted, or no card describes its input.
    """
    if card.processor is not None:
        raise ModelError(
            "its library prepares the pixels in a way that no model card describes.",
            of=card.name,
            todo="Use a network of timm or torchvision.",
        )
    found = discover(module, card)
    spots = [spot for spot in found.spots if spot.layer.kind != "attention"]
    try:
        write_ir(module, spots, card, graph, fixed_batch=found.fixed_batch)
    except CannotConvert as exc:
        raise ModelError(
            f"it cannot be converted to OpenVINO: {exc}.", of=card.name, todo="Choose another network."
        ) from exc
    write_card(replace(card, default_layers=default_layers), graph)
    return load_file(graph)


def write_card(card: ModelCard, graph: Path) -> None:
    """Write the card of a graph file, with the hash of its weights."""
    text = format_card(replace(card, sha256=weights_sha256(graph)))
    card_path(graph).write_text(text, encoding="utf-8")


def move_into_place(made: Path, graph: Path, report: dict[str, object]) -> None:
    """Move a finished graph to its place; the `.xml`, which makes it a model, comes last.

    Args:
        made: The graph in a temporary folder on the same disk.
        graph: Its place.
        report: Written beside it as JSON.
    """
    report_path(graph).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for path, place in (
        (made.with_suffix(".bin"), graph.with_suffix(".bin")),
        (card_path(made), card_path(graph)),
        (made, graph),
    ):
        path.replace(place)
