"""Models that `vifex train` made: a folder with a description, weights and a card.

The description names a network of Vifex or of a library, and the weights are safetensors. No code of the
folder runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vifex.models.cards import read_card
from vifex.models.families.shared.weights import apply_state, load_state, seeded, state_sha256
from vifex.models.trainable import build_network, read_description
from vifex.models.trainable.description import DESCRIPTION
from vifex.values import Builder, Model, ModelError, ModelRef

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CARD",
    "WEIGHTS",
    "architecture",
    "build",
    "is_of_run_folder",
    "load_run_folder",
    "run_files",
    "run_folder",
]

WEIGHTS: Final = "model.safetensors"
CARD: Final = "model.vifex.toml"
_BUILD: Final = "vifex.models.run_folders:build"
_WITHOUT_PIXELS: Final = {
    "features": "Name the backbone with it: seq/HEAD:standardise=true(BACKBONE), weights head.safetensors.",
    "fusion": "Name the backbone with it: fuse/METHOD(BACKBONE#LAYER+LAYER), weights of its keys head.*.",
}
"""Tasks whose networks take features, and how their heads run over pixels."""


def run_folder(path: Path) -> Path | None:
    """Return the folder of a trained network that a path names, or `None`.

    Args:
        path: The folder, or the weights or the card in it.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / DESCRIPTION).is_file() or not (folder / WEIGHTS).is_file():
        return None
    return folder if path.is_dir() or path.name in (WEIGHTS, CARD) else None


def is_of_run_folder(builder: Builder) -> bool:
    """Return whether a builder makes the network of a run folder, which is then its `name`."""
    return builder.target == _BUILD


def run_files(folder: Path) -> list[Path]:
    """Return the files of a run folder from which its network is made, the weights first."""
    found = [folder / name for name in (WEIGHTS, DESCRIPTION, CARD)]
    return [path for path in found if path.is_file()]


def load_run_folder(folder: Path, *, card: Path | None = None) -> Model:
    """Load the model of a run folder.

    Args:
        folder: As `run_folder` gives it.
        card: A card that replaces the run's own.

    Raises:
        ModelError: If a file is missing or damaged, or the weights are not those of the card.
        MissingExtraError: If torch is not installed.
    """
    folder = folder.absolute()
    if (task := read_description(folder).task) in _WITHOUT_PIXELS:
        raise ModelError(
            f"the network takes features of a store, not pixels (task {task!r}).",
            of=str(folder),
            todo=_WITHOUT_PIXELS[task],
        )
    described = read_card(card or folder / CARD)
    weights = str(folder / WEIGHTS)
    network = build(str(folder), weights)
    digest = state_sha256(network, architecture(folder))
    if described.sha256 and described.sha256 != digest:
        raise ModelError(
            f"the weights are not those of the card: sha256 {digest}, the card says {described.sha256}.",
            of=weights,
            todo=f"Give the whole folder of one run, or correct sha256 in {CARD} if the change is intended.",
        )
    return Model(
        card=described,
        graph=None,
        weights_sha256=digest,
        engine="torch",
        builder=Builder(_BUILD, str(folder), weights, [network]),
        ref=ModelRef(name=str(folder), card=None if card is None else str(card.absolute())),
    )


def build(name: str, weights: str) -> nn.Module:
    """Make the network of a run folder with its weights, in evaluation mode.

    Args:
        name: The folder.
        weights: The file of its weights.

    Raises:
        ModelError: If the description and the weights do not belong together.
    """
    description = read_description(Path(name))
    network = seeded(0, lambda: build_network(description))
    apply_state(network, load_state(weights), of=weights)
    return network.eval()


def architecture(folder: Path) -> str:
    """Return the text that stands for a network's code in the hash of its weights."""
    return read_description(folder).network
