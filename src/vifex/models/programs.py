"""Programs of torch in a file: TorchScript (`.pt`) and `torch.export` (`.pt2`), each with a card beside it.

A program is code by its nature: it runs when its features are made, so open those alone that you trust.
A `.pt2` shows its modules as taps, under the names they had; the inside of a TorchScript program is out
of a hook's reach, and its only tap is its `output`.
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.values import Asked, Builder, Model, ModelCard, ModelError
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CHECKPOINTS", "build", "check_program", "checkpoint_error", "program_model"]

CHECKPOINTS: Final = (".pth", ".th", ".ckpt", ".tar", ".safetensors")
"""Suffixes that files of weights have and programs have not."""


def program_model(path: Path, card: ModelCard, digest: str) -> Model:
    """Give the model of a program's file.

    Args:
        path: Absolute.
        card: Checked.
        digest: sha256 of the file.
    """
    builder = Builder(f"{__name__}:build", str(path), "file")
    return Model(card, None, digest, engine="torch", builder=builder, asked=Asked(str(path)))


def check_program(path: Path) -> None:
    """See that a file is a program and not a checkpoint; nothing of it is run.

    Raises:
        ModelError: If it is not.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        inside = set()
    if path.suffix.lower() == ".pt" and "constants.pkl" not in inside:
        raise checkpoint_error(path)
    if not inside:
        raise ModelError("the file is no program of torch.export.", of=str(path), todo="Save it again.")


def checkpoint_error(path: Path) -> ModelError:
    """Say that weights alone are no network."""
    return ModelError(
        "this file holds no network: at most its weights.",
        of=str(path),
        todo=f"Name the network and give them to it: --model FAMILY/NAME --weights {path.name}; "
        "vifex models lists networks.",
    )


def build(name: str, weights: str) -> nn.Module:
    """Open a program as a module.

    Args:
        name: Path of the file.
        weights: Unused: they are in the file.

    Raises:
        ModelError: If torch cannot open it.
        MissingExtraError: If torch is not installed.
    """
    torch: Any = require("torch", extra="torch", needed_for="a program of torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about itself
            if name.lower().endswith(".pt2"):
                exported: Any = require("torch.export", extra="torch", needed_for="a program of torch")
                # Unflattened: its modules have their own names again, and hooks reach them.
                return exported.unflatten(exported.load(name))
            return _scripted(torch.jit.load(name, map_location="cpu").eval())
    except (RuntimeError, ValueError, OSError, KeyError, AttributeError) as exc:
        why = (str(exc).strip().splitlines() or [type(exc).__name__])[0].rstrip(".")
        raise ModelError(
            f"torch cannot open the program: {why}.", of=name, todo="Save it again with this torch."
        ) from exc


def _scripted(program: Any) -> nn.Module:
    """Put a TorchScript program, which takes no hooks, behind a module that does."""
    torch_nn: Any = require("torch.nn", extra="torch", needed_for="a program of torch")

    class Scripted(torch_nn.Module):  # type: ignore[misc]  # torch is Any where types are checked
        def __init__(self) -> None:
            super().__init__()
            # Not as a submodule: it would be offered hooks.
            object.__setattr__(self, "program", program)

        def forward(self, x: Any) -> Any:
            return program(x)

        def parameters(self, recurse: bool = True) -> Any:
            return program.parameters(recurse)

        def _apply(self, fn: Any, recurse: bool = True) -> Any:
            program._apply(fn, recurse)
            return super()._apply(fn, recurse)

    made: nn.Module = Scripted()
    return made
