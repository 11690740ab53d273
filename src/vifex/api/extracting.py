"""`vifex.extract`: sources to a store in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from vifex.api.notices import tell_licence
from vifex.extraction.options import make_sampling
from vifex.extraction.pipeline import Progress
from vifex.extraction.plan import plan_view
from vifex.extraction.report import Report
from vifex.extraction.run import run_views
from vifex.models import load_model
from vifex.values import InputError, Limits, Model, Outcome

__all__ = ["extract"]


def extract(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    store: str | os.PathLike[str],
    *,
    model: str | Sequence[str] = "default",
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    layers: Sequence[str] = (),
    view: str | None = None,
    fps: float | None = None,
    every: int | None = None,
    uniform: int | None = None,
    clip: str | None = None,
    hop: int | None = None,
    tail: Literal["drop", "pad", "repeat"] = "drop",
    start_s: float | None = None,
    end_s: float | None = None,
    assume_fps: float | None = None,
    pool: str | None = None,
    normalize: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    decode: Literal["fast", "exact"] = "fast",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    workers: int | None = None,
    limits: Limits | None = None,
    retry_failed: bool = False,
    stdin: BinaryIO | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Report:
    """Turn pictures and videos into features and keep them in a store. The same call again resumes.

    Args:
        sources: Files, folders, globs, CSV or JSONL manifests, or `-` for a list on `stdin`.
        store: The store's folder, e.g. `lib.vifex`; made if absent.
        model: A model's name or file; several fill a view each, named by the model.
        weights: For networks of families: `random:SEED` or a file; by default the published ones.
        card: The model card of a file or of one's own network, where it does not stand beside it.
        layers: Names, aliases or patterns of taps; by default the model's own choice.
        view: Name of the view, by default `main`.
        fps: Samples per second of video; 1 if no way of sampling is given.
        every: Instead, each N-th frame.
        uniform: Instead, N frames spread evenly.
        clip: Instead, windows `LENGTHxSTRIDE`.
        hop: Frames from one window's first frame to the next window's first.
        tail: What becomes of a last window that the video does not fill.
        start_s: Where sampling starts, in seconds.
        end_s: Where it ends, in seconds.
        assume_fps: Frame rate for streams that carry no times at all.
        pool: How maps and tokens become vectors; by default what suits each kind.
        normalize: Scale each vector to length 1.
        dtype: What the store keeps.
        decode: `fast`, or `exact` for the pixels of the model's own library.
        precision: Of the arithmetic; `auto` is bf16 where the hardware has it.
        workers: Decoder processes; by default one for each core.
        limits: What one file may cost.
        retry_failed: Try media again that failed in an earlier run.
        stdin: Where `-` reads from.
        on_progress: Called a few times a second.
        on_outcome: Called for each medium that did not end `ok`.
        on_notice: Called with what a user must know of a model, e.g. that its licence forbids commercial
            use; by default it is a `UserWarning`.

    Returns:
        Counts and problems. One bad medium is an outcome, never an exception.

    Raises:
        VifexError: If the run cannot be done at all.
    """
    models = [model] if isinstance(model, str) else list(model)
    if not models:
        raise InputError("no model was given.", todo="Leave `model` out for the embedded one.")
    if view is not None and len(models) > 1:
        raise InputError("one view cannot hold several models.", todo="Leave the view's name out.")
    loaded = _load(models, weights, card)
    for found in loaded:
        tell_licence(found.card, on_notice)
    sampling = make_sampling(
        fps=fps,
        every=every,
        uniform=uniform,
        clip=clip,
        hop=hop,
        tail=tail,
        start_s=start_s,
        end_s=end_s,
        assume_fps=assume_fps,
    )
    plans = [
        plan_view(
            view or "main",
            name,
            layers=layers,
            sampling=sampling,
            pool=pool,
            normalize=normalize,
            dtype=dtype,
            decode=decode,
            precision=precision,
            name_by_model=len(models) > 1,
        )
        for name in loaded
    ]
    return run_views(
        [sources] if isinstance(sources, (str, os.PathLike)) else sources,
        store,
        plans,
        workers=workers,
        limits=limits,
        retry_failed=retry_failed,
        stdin=stdin,
        on_progress=on_progress,
        on_outcome=on_outcome,
    )


def _load(names: Sequence[str], weights: str | None, card: str | os.PathLike[str] | None) -> list[Model]:
    if len(names) > 1 and (card is not None or (weights is not None and not weights.startswith("random:"))):
        raise InputError(
            "one file of weights, or one card, was given for several models.", todo="Give it with one model."
        )
    return [load_model(name, weights=weights, card=None if card is None else Path(card)) for name in names]
