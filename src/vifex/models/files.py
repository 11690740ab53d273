"""Models from files: `.onnx`, OpenVINO IR (`.xml` with `.bin`), `.tflite`, and PyTorch programs.

A TorchScript program is a `.pt` file, a `torch.export` program a `.pt2` file. Each has a card beside it.
"""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path
from typing import Final

from vifex.models.cards import card_path, read_card
from vifex.models.onnx_files import external_files
from vifex.models.programs import (
    CHECKPOINTS,
    PROGRAMS,
    check_program,
    checkpoint_error,
    program_model,
    untrusted,
)
from vifex.models.run_folders import load_run_folder, run_folder
from vifex.values import Model, ModelError

__all__ = ["PROGRAMS", "SUFFIXES", "load_file", "weights_files", "weights_sha256"]

SUFFIXES: Final = (".onnx", ".xml", ".tflite", *PROGRAMS)


def load_file(path: Path, *, card: Path | None = None, trust_code: bool = False) -> Model:
    """Load a model from its file and its card.

    Args:
        path: The graph's file, the path of its card, or the folder of a training run.
        card: The card, if it is not `MODEL.vifex.toml` beside the graph.
        trust_code: Whether the code in a program may run.

    Raises:
        ModelError: If a file is missing, of another kind or not the one that the card names, or if it is a
            program and its code is not trusted.
    """
    if (folder := run_folder(path)) is not None:
        return load_run_folder(folder, card=card)
    graph = _graph_file(path)
    if graph.suffix.lower() in PROGRAMS:
        check_program(graph)
    place = card or card_path(graph)
    if not place.is_file():
        raise ModelError(
            f"the model has no card {place.name} that says how its pixels must be prepared.",
            of=str(graph),
            todo="Draft one, then check its size, mean and std: "
            f"vifex card {shlex.quote(str(graph))} > {shlex.quote(str(place))}",
        )
    checked = read_card(place)
    digest = weights_sha256(graph)
    if checked.sha256 and checked.sha256 != digest:
        raise ModelError(
            f"the weights are not those of the card: sha256 {digest}, the card says {checked.sha256}.",
            of=str(graph),
            todo=f"Get the right file, or correct sha256 in {place.name} if the change is intended.",
        )
    if graph.suffix.lower() in PROGRAMS:
        if not trust_code:
            raise untrusted(graph)
        return program_model(graph.absolute(), checked, digest)
    return Model(card=checked, graph=graph.absolute(), weights_sha256=digest)


def weights_files(graph: Path) -> list[Path]:
    """Return every file that determines a network's results, the graph's file first.

    Raises:
        ModelError: If one of them is missing.
    """
    parts = [graph]
    if graph.suffix.lower() == ".xml":
        parts.append(graph.with_suffix(".bin"))
    elif graph.suffix.lower() == ".onnx":
        parts.extend(external_files(graph))
    for part in parts:
        if not part.is_file():
            raise ModelError(
                f"its weights {part.name} are missing.", of=str(graph), todo="Put that file beside the graph."
            )
    return parts


def weights_sha256(graph: Path) -> str:
    """Return a hash of everything that determines a network's results.

    Returns:
        The sha256 of a single file; for several files, the sha256 of their binary sha256 values, in the order
        of `weights_files`.
    """
    digests = [_file_digest(part) for part in weights_files(graph)]
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as exc:
        raise ModelError(f"the file cannot be read: {exc.strerror}.", of=str(path)) from exc


def _graph_file(path: Path) -> Path:
    """Return the graph's file, or raise an error that says what to do."""
    text = str(path)
    if path.name.endswith(".vifex.toml"):
        stem = path.name.removesuffix(".vifex.toml")
        found = [p for s in SUFFIXES if (p := path.with_name(stem + s)).is_file()]
        if found:
            return found[0]
        raise ModelError("there is no model file beside this card.", of=text, todo=f"Put {stem}.onnx there.")
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        return path.with_suffix(".xml")
    if path.is_dir():
        raise ModelError(
            "this is a folder, and not one of a finished training run.",
            of=text,
            todo=f"Give a file ({', '.join(SUFFIXES)}) or the folder of a run of `vifex train`.",
        )
    if not path.is_file():
        raise ModelError("there is no such file.", of=text, todo="Check the path of the model.")
    if path.suffix.lower() in CHECKPOINTS:
        raise checkpoint_error(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(
            "files of this kind cannot be opened as a model.",
            of=text,
            todo=f"Export the network to ONNX, or give one of {', '.join(SUFFIXES)}.",
        )
    return path
