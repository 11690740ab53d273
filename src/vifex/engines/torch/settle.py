"""The engine for a network that is code, on a CPU: OpenVINO if its layers are equal there, else torch.

The network is converted, and both engines run it on the same pixels in fp32. If every layer is equal, the
converted file stays in the user's cache and OpenVINO runs it from then on. If a layer differs, or the
conversion fails, torch runs the network. The decision is kept in the cache too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vifex.engines.base import Engine
from vifex.engines.cache import cache_folder
from vifex.engines.cache_maintenance import free_space, hold, remove_leftovers, taken_lock
from vifex.engines.choice import EngineChoice
from vifex.engines.inputs import input_dtype, noise
from vifex.engines.torch.convert import CannotConvert, write_ir
from vifex.engines.torch.engine import TorchEngine
from vifex.values import EngineError, Layer, Model, ModelCard, VifexError
from vifex.values.steps import step

__all__ = ["convert", "settle_on_cpu"]

_COSINE: Final = 0.9999
_DIFFERENCE: Final = 1e-3
"""The largest difference allowed, as a part of the layer's largest value."""
_INPUTS: Final = 3
"""Inputs of the check: noise, smooth noise, and a flat image. The batch differs from that of the export."""
_VERDICT: Final = ".json"


def settle_on_cpu(
    model: Model, layers: Sequence[Layer], torch_engine: TorchEngine, openvino: Engine
) -> EngineChoice:
    """Decide which engine runs a network on a CPU; reuse an earlier decision from the cache.

    Args:
        model: Made by a builder.
        layers: The layers to read.
        torch_engine: On the CPU.
        openvino: The OpenVINO engine.
    """
    folder = _folder()
    key = _key(model, layers)
    hold(folder, key)
    remove_leftovers(folder.parent)
    known = _remembered(folder, key, model)
    if known is None:
        known = _try(folder, key, model, layers, torch_engine, openvino)
    return known


def _try(
    folder: Path, key: str, model: Model, layers: Sequence[Layer], torch_engine: TorchEngine, openvino: Engine
) -> EngineChoice:
    with tempfile.TemporaryDirectory(dir=folder, prefix="new-") as name, taken_lock(Path(name)):
        made = Path(name) / f"{key}.xml"
        try:
            step(f"converting {model.card.name} to OpenVINO, once")
            convert(model, layers, made, torch_engine)
            step(f"comparing {model.card.name} in OpenVINO and in torch, once")
            measured = _compare(model, _as_ir(model, made), layers, torch_engine, openvino)
        except (CannotConvert, VifexError) as exc:
            verdict: dict[str, Any] = {"engine": "torch", "why": str(exc)}
        else:
            bad = {name: m for name, m in measured.items() if not _equal(m)}
            verdict = {"engine": "torch" if bad else "openvino", "layers": measured}
            if bad:
                verdict["why"] = _unequal(bad)
        if verdict["engine"] == "openvino":
            free_space(folder.parent, made.with_suffix(".bin").stat().st_size)
            verdict["sha256"] = _digest(made)
            for suffix in (".bin", ".xml"):
                made.with_suffix(suffix).replace(folder / (key + suffix))
        note = made.with_suffix(_VERDICT)
        note.write_text(json.dumps(verdict), encoding="utf-8")
        note.replace(folder / (key + _VERDICT))
    return _choice(folder, key, model, verdict)


def convert(model: Model, layers: Sequence[Layer], path: Path, torch_engine: TorchEngine) -> None:
    """Write a model as OpenVINO IR with exactly these layers.

    Raises:
        CannotConvert: With the reason.
        ModelError: If a layer is not one of the model's.
    """
    spots = torch_engine.spots(model, layers)
    with torch_engine.borrowed(model) as (module, found):
        write_ir(module, spots, model.card, path, fixed_batch=found.fixed_batch)


# -- the check --------------------------------------------------------------------------------------


def _compare(
    model: Model, converted: Model, layers: Sequence[Layer], torch_engine: Engine, openvino: Engine
) -> dict[str, dict[str, float]]:
    """Run both engines on the same pixels; give the worst cosine and difference of each layer."""
    if openvino.resolve_layers(converted, [layer.name for layer in layers]) != list(layers):
        raise CannotConvert("its layers have other shapes in OpenVINO")
    results = []
    for engine, which in ((torch_engine, model), (openvino, converted)):
        with engine.compile(which, layers, precision="fp32", batch=_INPUTS) as network:
            results.append(network.submit(_inputs(network.input_shape, model.card)).result())
    return {layer.name: _measured(results[0][layer.name], results[1][layer.name]) for layer in layers}


def _inputs(shape: tuple[int, ...], card: ModelCard) -> npt.NDArray[Any]:
    """Make noise, smooth noise and a flat image; for sound, a tone over faint noise."""
    rng = np.random.default_rng(0)
    if card.audio is not None:
        sound = noise(shape, input_dtype(card), rng)
        sound[1] = np.convolve(sound[1], np.full(32, 1 / 32), mode="same")
        sound[2] = 0.3 * np.sin(np.arange(shape[1]) * 0.1) + 1e-3 * sound[2]
        return sound
    if card.ready is not None:
        numbers = rng.standard_normal(shape).astype(np.float32)
        numbers[1], numbers[2] = np.cumsum(numbers[1], axis=-1) / shape[-1], 0.25
        return numbers
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rows, columns = (np.arange(n) * 8 // n for n in shape[-3:-1])
    pixels[1] = coarse[rows][:, columns]
    pixels[2] = 96
    return pixels


def _measured(expected: npt.NDArray[Any], given: npt.NDArray[Any]) -> dict[str, float]:
    """Return the worst cosine over the inputs and the largest difference as a part of the largest value."""
    x, y = (a.reshape(len(a), -1).astype(np.float64) for a in (expected, given))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return {"cosine": -1.0, "difference": 1e9}  # NaN and infinity cannot be compared
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    # Zeros equal zeros: a head whose weights start at zero gives nothing else.
    cosine = np.where(lengths > 0, (x * y).sum(axis=1) / np.where(lengths > 0, lengths, 1.0), 1.0)
    largest = max(float(np.abs(x).max()), 1e-12)
    return {"cosine": float(cosine.min()), "difference": float(np.abs(x - y).max()) / largest}


def _equal(measured: dict[str, float]) -> bool:
    return measured["cosine"] >= _COSINE and measured["difference"] <= _DIFFERENCE


def _unequal(bad: dict[str, dict[str, float]]) -> str:
    name, worst = min(bad.items(), key=lambda item: item[1]["cosine"])
    return (
        f"{len(bad)} of its layers differ in OpenVINO, most of all {name} "
        f"(cosine {worst['cosine']:.6f}, difference {worst['difference']:.1e} of its largest value)"
    )


# -- what is remembered -----------------------------------------------------------------------------


def _key(model: Model, layers: Sequence[Layer]) -> str:
    versions = [f"{name} {version(name)}" for name in ("torch", "openvino")]
    parts = [model.weights_sha256, model.card, model.builder, list(layers), versions, _code()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """Hash the code that converts: a file that other code made is not used."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _temporary() -> Path:
    import atexit

    remove_leftovers(Path(tempfile.gettempdir()), ["vifex-converted-????????"])
    folder = Path(tempfile.mkdtemp(prefix="vifex-converted-"))
    stack = contextlib.ExitStack()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    stack.enter_context(taken_lock(folder))
    atexit.register(stack.close)
    converted = folder / "converted"  # the layout of the cache: maintenance looks beside it
    converted.mkdir()
    return converted


def _folder() -> Path:
    """Return the folder of converted networks; a temporary one if the user's cannot be written."""
    try:
        folder = cache_folder() / "converted"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return _temporary()
    return folder if os.access(folder, os.W_OK) else _temporary()


def _remembered(folder: Path, key: str, model: Model) -> EngineChoice | None:
    try:
        verdict = json.loads((folder / (key + _VERDICT)).read_text(encoding="utf-8"))
        if verdict["engine"] == "openvino":
            # A truncated or damaged file is converted again, never run.
            if _digest(folder / f"{key}.xml") != verdict["sha256"]:
                return None
            for suffix in (".xml", ".bin"):
                with contextlib.suppress(OSError):
                    os.utime(folder / (key + suffix))  # used just now
        return _choice(folder, key, model, verdict)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _choice(folder: Path, key: str, model: Model, verdict: dict[str, Any]) -> EngineChoice:
    if verdict["engine"] == "torch":
        return EngineChoice(model, verdict["why"], verdict.get("layers", {}))
    return EngineChoice(_as_ir(model, folder / f"{key}.xml"), "", verdict["layers"])


def _as_ir(model: Model, path: Path) -> Model:
    return replace(model, graph=path, builder=None, engine="openvino")


def _digest(graph: Path) -> str:
    digest = hashlib.sha256(graph.read_bytes())
    with graph.with_suffix(".bin").open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def must_convert(choice: EngineChoice, model: Model, *, made_view: bool) -> EngineChoice:
    """Return the choice if it is OpenVINO, else raise.

    Args:
        choice: The engine that fits.
        model: The network.
        made_view: Whether OpenVINO made the view that is queried; else the user asks for it.

    Raises:
        EngineError: If the network is not equal there now.
    """
    if choice.model.engine != "openvino" and not made_view:
        raise EngineError(
            f"OpenVINO cannot run this network here: {choice.why}.",
            of=model.card.name,
            todo="Use the engine torch, or auto, which takes it.",
        )
    if choice.model.engine != "openvino":
        raise EngineError(
            f"OpenVINO made this view, and here it cannot run its network: {choice.why}.",
            of=model.card.name,
            todo="Search where the store was made, or make another view with this machine's engine.",
        )
    return choice
