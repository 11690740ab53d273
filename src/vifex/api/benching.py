"""`vifex bench`: what each precision of a model gains and costs on the user's own media."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from vifex.api.notices import tell_licence
from vifex.engines import EngineOptions
from vifex.extraction.bench.bench import PRECISIONS, run_bench
from vifex.extraction.bench.measured import Bench
from vifex.models import load_model

__all__ = ["bench"]


def bench(
    model: str | os.PathLike[str] = "default",
    media: Sequence[str | os.PathLike[str]] = (),
    *,
    precisions: Sequence[str] = PRECISIONS,
    layers: Sequence[str] = (),
    seconds: float = 5.0,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
    engine: Literal["auto", "openvino", "torch"] | None = None,
    device: str | None = None,
    compile: bool | None = None,
    workers: int | None = None,
    on_step: Callable[[str], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Bench:
    """Measure the speed of a model in several precisions, and how near each comes to fp32.

    Args:
        model: A model's name or file, by default the embedded one.
        media: Files, folders, globs or manifests. Without any, made-up images give the speed of the
            network alone, and nothing is said of fidelity.
        precisions: What is compared.
        layers: Names, aliases or patterns of layers; by default the model's own choice.
        seconds: For each measurement, all its rounds together.
        weights: For networks of families, `random:SEED` or a file; by default the published ones.
        card: The model card, where it does not stand beside the model.
        trust_code: Whether code may run that a `.pt` or `.pt2` file holds.
        engine: `openvino`, `torch` or `auto`; by default what `VIFEX_ENGINE` says.
        device: `cpu`, `cuda`, `cuda:N`, `mps` or `auto`, for networks that torch runs; by default what
            `VIFEX_TORCH_DEVICE` says.
        compile: Whether torch runs networks through `torch.compile`; by default what `VIFEX_TORCH_COMPILE`
            says.
        workers: Decoder processes; by default one for each core.
        on_step: Told what is being done.
        on_notice: Called with what a user must know of the model; by default it is a `UserWarning`.

    Raises:
        VifexError: If the model, a layer or the media cannot be used.
    """
    found = load_model(
        model, weights=weights, card=None if card is None else Path(card), trust_code=trust_code
    )
    tell_licence(found.card, on_notice)
    return run_bench(
        found,
        media,
        precisions=precisions,
        layers=layers,
        seconds=seconds,
        options=EngineOptions(engine, device, compile),
        workers=workers,
        on_step=on_step,
    )
