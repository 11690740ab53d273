"""Programs of torch in a file: TorchScript (`.pt`) and `torch.export` (`.pt2`), each with a card beside it.

A program is code by its nature. Opening one already runs what it holds: a `.pt2` the pickles of its sample
inputs and weights, its guards and its compiled libraries, a TorchScript program its modules' `__setstate__`.
So neither is opened unless the user says that its code is trusted; its card, its hash and, of a `.pt2`, the
names and shapes of its modules are read without that.

A `.pt2` shows its modules as layers, under the names they had; the inside of a TorchScript program is out
of a hook's reach, and its only layer is its `output`.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.values import Builder, Model, ModelCard, ModelError, ModelRef
from vifex.values.errors import keywords
from vifex.values.registry import require

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CHECKPOINTS",
    "PROGRAMS",
    "build",
    "check_program",
    "checkpoint_error",
    "is_program",
    "listed_layers",
    "program_model",
    "untrusted",
]

PROGRAMS: Final = (".pt", ".pt2")
"""Suffixes of programs."""

CHECKPOINTS: Final = (".pth", ".th", ".ckpt", ".tar", ".safetensors")
"""Suffixes that files of weights have and programs have not."""

_DESCRIPTION_BYTES: Final = 64 << 20


def program_model(path: Path, card: ModelCard, digest: str) -> Model:
    """Return the model of a program's file.

    Args:
        path: Absolute.
        card: Checked.
        digest: sha256 of the file.
    """
    builder = Builder(f"{__name__}:build", str(path), "file")
    return Model(card, None, digest, engine="torch", builder=builder, ref=ModelRef(str(path)))


def is_program(model: Model) -> bool:
    """Return whether a model is a program in a file."""
    return model.builder is not None and model.builder.target == f"{__name__}:build"


def check_program(path: Path) -> None:
    """Check that a file is a program and not a checkpoint; nothing of it is run.

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


def untrusted(path: str | Path) -> ModelError:
    """Say that a program is not opened unasked."""
    return ModelError(
        "opening this program runs code that it holds, so it is not opened unasked.",
        of=str(path),
        todo="If you trust where it comes from, say so with `trust_code=True`; "
        "else export the network to ONNX.",
    )


def listed_layers(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return the modules of a `.pt2` as its own description lists them; nothing of it is run.

    Args:
        path: The file.

    Returns:
        Name of each module that gives one tensor, and its shape without the batch; empty where the file does
        not describe them in the form of torch 2.8 and later, or is a TorchScript program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = next(i for i in archive.infolist() if i.filename.endswith("/models/model.json"))
            if info.file_size > _DESCRIPTION_BYTES:
                return []
            graph = json.loads(archive.read(info))["graph_module"]["graph"]
        return list(_described(graph).items())
    except (zipfile.BadZipFile, OSError, StopIteration, ValueError, LookupError, TypeError, RecursionError):
        return []
    except (AttributeError, NotImplementedError, RuntimeError):
        # The description has another form, or zipfile cannot open the entry: encrypted, or packed otherwise.
        return []


def _described(graph: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The last output of each module, in the order of their first nodes."""
    found: dict[str, tuple[int, ...]] = {}
    for node in graph["nodes"]:
        # `KEY,NAME,CLASS;KEY,NAME,CLASS`, the outermost module first; that one has no name.
        stack = [
            part.split(",")[1] for part in node["metadata"].get("nn_module_stack", "").split(";") if part
        ]
        outputs = [o["as_tensor"]["name"] for o in node["outputs"] if "as_tensor" in o]
        if len(outputs) == 1:
            sizes = [size.get("as_int", 0) for size in graph["tensor_values"][outputs[0]]["sizes"]]
            for name in filter(None, stack):
                found[name] = tuple(int(size) for size in sizes[1:])
    return found


def checkpoint_error(path: Path) -> ModelError:
    """Say that weights alone are no network."""
    return ModelError(
        "this file holds no network: at most its weights.",
        of=str(path),
        todo=f"Name the network and give them to it: {keywords(model='FAMILY/NAME', weights=path.name)}; "
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
