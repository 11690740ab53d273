"""`vifex.compress`: a trained network becomes a smaller and quicker one, as a model file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.api.arguments import checked
from vifex.api.notices import tell, tell_licence
from vifex.models import load_model
from vifex.values import InputError
from vifex.values.registry import require

if TYPE_CHECKING:
    from vifex.compression.figures import Compression

__all__ = ["compress"]


@checked()
def compress(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    prune: float | None = None,
    low_rank: float | None = None,
    int8: bool = False,
    recover: str | os.PathLike[str] | None = None,
    epochs: int = 5,
    lr: float | None = None,
    seed: int = 0,
    test: str | os.PathLike[str] | None = None,
    seconds: float = 10.0,
    weights: str | None = None,
    card: str | os.PathLike[str] | None = None,
    trust_code: bool = False,
    on_notice: Callable[[str], None] | None = None,
) -> Compression:
    """Compress a network and write it as an OpenVINO graph with its card.

    `prune` and `low_rank` exclude each other; `int8` may come after one of them. The layers that are
    extracted by default keep their size, so that features before and after can be compared.

    Args:
        model: A network of images that torch runs, by name or file; for `int8` alone also a graph file.
        output: The `.xml` to write. The weights (`.bin`), the card (`.vifex.toml`) and the report
            (`.compression.json`) are written beside it.
        prune: Part of the multiplications that stays, in (0, 1), when channels are removed.
        low_rank: The same when layers are replaced by two of lower rank.
        int8: Whether the result is quantised to 8 bits.
        recover: Images by which lost accuracy is recovered: a folder, a manifest, or a Parquet file with the
            bytes of images. The small network learns to give what the large one gives for them. Labels are
            used as well if they are the network's classes. int8 learns its ranges from them.
        epochs: Passes over these images; 0 only estimates the statistics of batch normalisation again. A
            recovery that was interrupted continues when the call is repeated.
        lr: Highest learning rate; by default 0.02 (SGD), or 0.0002 (AdamW) without batch normalisation.
        seed: Of the order and the augmentation.
        test: Images on which the features, and with labels the accuracy, are compared. By default a tenth of
            `recover`, which then does not serve for recovery.
        seconds: For the speed of each of the two networks.
        weights: For networks of families, `random:SEED` or a file; by default the published ones.
        card: The model card, if it is not beside the model.
        trust_code: Whether the code in a `.pt` or `.pt2` file may run.
        on_notice: Called with what the user should know; by default it is a `UserWarning`.

    Returns:
        Figures before and after.

    Raises:
        InputError: If a choice is out of its range, or the images cannot be used.
        ModelError: If the network cannot be compressed in this way.
        MissingExtraError: If a library is not installed.
    """
    if prune is not None and low_rank is not None:
        raise InputError("prune and low rank exclude each other.", todo="Give one of them.")
    require("torch", extra="train", needed_for="compression")
    from vifex.compression.compress import Method, Plan
    from vifex.compression.compress import compress as run

    method: Method | None = "prune" if prune is not None else "low-rank" if low_rank is not None else None
    fraction = prune if prune is not None else low_rank if low_rank is not None else 1.0
    plan = Plan(
        method,
        fraction,
        int8=int8,
        recover=None if recover is None else os.fspath(recover),
        test=None if test is None else os.fspath(test),
        epochs=epochs,
        lr=lr,
        seed=seed,
        seconds=seconds,
    )
    plan.check()
    found = load_model(
        model, weights=weights, card=None if card is None else Path(card), trust_code=trust_code
    )
    tell_licence(found.card, on_notice)
    return run(found, Path(output), plan, on_notice=lambda text: tell(text, on_notice, stacklevel=5))
