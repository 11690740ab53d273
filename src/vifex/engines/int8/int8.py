"""int8: a network whose linear layers are quantised after training, their ranges learned from samples.

NNCF does this in a separate process. The result is a graph file that the OpenVINO engine runs instead of the
model's own. The recipe has its hash, because other samples give other numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt

from vifex.engines.int8.quantising import Task
from vifex.values import EngineError, Layer, Model, ModelError
from vifex.values.registry import missing_extra

__all__ = ["SUFFIXES", "Quantised", "graph_sha256", "has_nncf", "quantise", "require_nncf", "with_graph"]

SUFFIXES: Final = (".xml", ".bin")
"""The two files of a graph: operations and weights."""

_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Quantised:
    """A graph that NNCF made."""

    graph: Path
    """The `.xml`; the `.bin` is beside it."""
    sha256: str
    """Hash of both files, see `graph_sha256`."""


def has_nncf() -> bool:
    """Return whether NNCF is installed, without importing it."""
    return importlib.util.find_spec("nncf") is not None


def require_nncf() -> None:
    """Check that NNCF is installed.

    Raises:
        MissingExtraError: If it is not installed.
    """
    if not has_nncf():
        raise missing_extra("nncf", extra="int8", needed_for="int8")


def graph_sha256(graph: Path) -> str:
    """Return the hash of a graph's `.xml` followed by its `.bin`.

    Raises:
        OSError: If one of them is missing.
    """
    digest = hashlib.sha256()
    for suffix in SUFFIXES:
        with graph.with_suffix(suffix).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def with_graph(model: Model, graph: Path, sha256: str) -> Model:
    """Return a model that runs a quantised graph instead of its own.

    Raises:
        EngineError: If the file has another hash.
    """
    try:
        found = graph_sha256(graph)
    except OSError as exc:
        raise EngineError(
            f"the quantised graph is missing ({exc.strerror}).",
            of=str(graph),
            todo="Restore it from a copy of the store, or make another view.",
        ) from exc
    if found != sha256:
        raise EngineError(
            "the quantised graph is damaged or replaced: it does not have the hash in the recipe.",
            of=str(graph),
            todo="Restore it from a copy of the store, or make another view.",
        )
    return replace(model, graph=graph, builder=None, engine="openvino", int8_sha256=sha256)


def quantise(
    model: Model, layers: Sequence[Layer], samples: npt.NDArray[np.uint8], folder: Path, *, name: str = "int8"
) -> Quantised:
    """Quantise a network after training.

    Args:
        model: A network that OpenVINO runs.
        layers: The layers to read; the graph is cut there.
        samples: uint8 `[N, H, W, 3]`, or `[N, T, H, W, 3]` for windows: what it will see.
        folder: Where the graph is written.
        name: Name of its files, without suffixes.

    Raises:
        MissingExtraError: If NNCF is not installed.
        ModelError: If the network is quantised already.
        EngineError: If NNCF cannot do it.
    """
    require_nncf()
    if not len(samples):
        raise ValueError("quantise needs at least one sample")
    kept = folder / f"{name}.npy"
    np.save(kept, samples)
    task = Task(model, tuple(layers), kept, folder / f"{name}.xml")
    try:
        _run(task)
    finally:
        kept.unlink(missing_ok=True)
    return Quantised(task.output, graph_sha256(task.output))


def _run(task: Task) -> None:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vifex.engines.int8.quantising"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        answer = b""
        try:
            # Its input stays open while it works. It ends when that closes, so it never outlives this
            # process.
            with contextlib.suppress(BrokenPipeError):
                cast(BinaryIO, process.stdin).write(pickle.dumps(task))
                cast(BinaryIO, process.stdin).flush()
            answer = cast(BinaryIO, process.stdout).read()
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    cast(BinaryIO, pipe).close()
        said.seek(0)
        lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    if not answer:
        why = lines[-1].strip()[:_SHOWN] if lines else "it ended without a word"
        raise EngineError(
            f"NNCF cannot quantise the network: {why.rstrip('.')}.",
            of=task.model.card.name,
            todo="Use fp32 or bf16 for it.",
        )
    error: ModelError | None = pickle.loads(answer)
    if error is not None:
        raise error
