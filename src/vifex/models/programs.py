"""PyTorch programs in a file: TorchScript (`.pt`) and `torch.export` (`.pt2`), each with a card beside it.

A program contains code, and opening it runs some of that code: in a `.pt2` the pickles of sample inputs and
weights, guards and compiled libraries, in a TorchScript program the `__setstate__` of its modules. So a
program is opened only if the user says that its code is trusted. Its card, its hash and, for a `.pt2`, the
names and shapes of its modules are read without running code.

The layers of a `.pt2` are its modules, under their names. Hooks do not reach into a TorchScript program, so
its only layer is `output`.
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
"""Suffixes of files that hold weights only."""

_DESCRIPTION_BYTES: Final = 64 << 20


def program_model(path: Path, card: ModelCard, digest: str) -> Model:
    """Return the model of a program's file.

    Args:
        path: The absolute path of the file.
        card: Its card.
        digest: sha256 of the file.
    """
    builder = Builder(f"{__name__}:build", str(path), "file")
    return Model(card, None, digest, engine="torch", builder=builder, ref=ModelRef(str(path)))


def is_program(model: Model) -> bool:
    """Return whether a model is a program from a file."""
    return model.builder is not None and model.builder.target == f"{__name__}:build"


def check_program(path: Path) -> None:
    """Check that a file is a program and not a checkpoint, without running its code.

    Raises:
        ModelError: If it is not a program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        inside = set()
    if path.suffix.lower() == ".pt" and "constants.pkl" not in inside:
        raise checkpoint_error(path)
    if not inside:
        raise ModelError("the file is not a program of torch.export.", of=str(path), todo="Save it again.")


def untrusted(path: str | Path) -> ModelError:
    """Return the error for a program whose code is not trusted."""
    return ModelError(
        "opening this program runs code in it, so it is opened only if you trust it.",
        of=str(path),
        todo="If you trust its source, give `trust_code=True`; otherwise export the network to ONNX.",
    )


def listed_layers(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return the modules of a `.pt2` that its description lists, without running its code.

    Args:
        path: The file.

    Returns:
        Name of each module that returns one tensor, and its shape without the batch; empty if the file does
        not describe them in the format of torch 2.8 and later, or is a TorchScript program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            info = next(i for i in archive.infolist() if i.filename.endswith("/models/model.json"))
            if info.file_size > _DESCRIPTION_BYTES:
                return []
            graph = json.loads(archive.read(info))["graph_module"]["graph"]
        return list(_described(graph).items())
    except (zipfile.BadZipFile, OSError, StopIteration, ValueError, LookupError):
        return []  # not an archive, or one without a readable description
    except (TypeError, AttributeError, RecursionError):
        return []  # the description has another format
    except (NotImplementedError, RuntimeError):
        return []  # zipfile cannot open the entry: it is encrypted or compressed in another way


def _described(graph: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the last output of each module, in the order of the modules' first nodes."""
    found: dict[str, tuple[int, ...]] = {}
    for node in graph["nodes"]:
        # `KEY,NAME,CLASS;KEY,NAME,CLASS`, the outermost module first, which has no name.
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
    """Return the error for a file that holds weights without a network."""
    return ModelError(
        "this file does not hold a network, only weights.",
        of=str(path),
        todo=f"Name the network and give it the weights: {keywords(model='FAMILY/NAME', weights=path.name)}; "
        "vifex models lists networks.",
    )


def build(name: str, weights: str) -> nn.Module:
    """Open a program as a module.

    Args:
        name: Path of the file.
        weights: Unused; the weights are in the file.

    Raises:
        ModelError: If torch cannot open it.
        MissingExtraError: If torch is not installed.
    """
    torch: Any = require("torch", extra="torch", needed_for="a program of torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's deprecations
            if name.lower().endswith(".pt2"):
                exported: Any = require("torch.export", extra="torch", needed_for="a program of torch")
                # Unflattened, its modules have their names again, and hooks reach them.
                return exported.unflatten(exported.load(name))
            return _scripted(torch.jit.load(name, map_location="cpu").eval())
    except (RuntimeError, ValueError, OSError, KeyError, AttributeError) as exc:
        why = (str(exc).strip().splitlines() or [type(exc).__name__])[0].rstrip(".")
        raise ModelError(
            f"torch cannot open the program: {why}.", of=name, todo="Save it again with this torch."
        ) from exc


def _scripted(program: Any) -> nn.Module:
    """Wrap a TorchScript program, which does not take hooks, in a module that does."""
    torch_nn: Any = require("torch.nn", extra="torch", needed_for="a program of torch")

    class Scripted(torch_nn.Module):  # type: ignore[misc]  # torch is Any where types are checked
        def __init__(self) -> None:
            super().__init__()
            # Not a submodule, because hooks would be registered on it.
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
