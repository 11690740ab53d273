"""`vifex bench`: what a precision gains and what it costs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.wording import as_options

if TYPE_CHECKING:
    from vifex.extraction.bench.fidelity import Fidelity
    from vifex.extraction.bench.measured import Bench, Measured, Rate

__all__ = ["bench"]


def bench(
    model: str = "default",
    /,
    *,
    media: Annotated[list[str] | None, Parameter(negative=())] = None,
    precisions: str = "fp32,bf16,int8",
    layers: str | None = None,
    seconds: float = 5.0,
    weights: str | None = None,
    card: Path | None = None,
    trust_code: Annotated[bool, Parameter(negative=())] = False,
    workers: int | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Print a model's speed in each precision, and how near each comes to fp32.

    Parameters
    ----------
    model
        Name or file of a model (default: the embedded one).
    media
        A file, folder, glob or manifest; may be given several times. Without any, made-up images give
        the speed of the network alone.
    precisions
        What is compared.
    layers
        Names or patterns of layers, separated by commas (default: the model's own choice).
    seconds
        For each measurement, all its rounds together.
    weights
        For a network by name: a file of weights, or random:SEED (default: the published ones).
    card
        The model card, where it does not stand beside the model.
    trust_code
        Open a .pt or .pt2 file, which runs code that it holds.
    workers
        Decoder processes (default: one for each core).
    json
        Print as JSON.
    """
    from vifex.api.benching import bench as measure

    with _steps() as on_step:
        found = measure(
            model,
            media or [],
            precisions=_words(precisions),
            layers=_words(layers),
            seconds=seconds,
            weights=weights,
            card=card,
            trust_code=trust_code,
            workers=workers,
            on_step=on_step,
            on_notice=lambda notice: print_line(f"vifex: {clean(as_options(notice))}", err=True),
        )
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()] if text else []


@contextlib.contextmanager
def _steps() -> Iterator[Callable[[str], None] | None]:
    """Say on a terminal what is being done, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


def _print(found: Bench) -> None:
    print_line(f"{clean(found.model)} on {found.cores} cores; medians and quartiles of {found.rounds} rounds")
    _print_speed(found)
    _print_fidelity(found)
    for measured in found.precisions:
        if measured.why_not:
            print_line(f"vifex: {clean(as_options(measured.why_not))}", err=True)
    if not found.samples:
        print_line(
            "vifex: measured on made-up images; what a precision costs is told with --media PATH.", err=True
        )


def _print_speed(found: Bench) -> None:
    base = next((m.inference for m in found.precisions if m.precision == "fp32"), None)
    print_table(
        ["precision", "batches", "network alone /s", "", "over fp32", "with decoding /s", ""],
        [
            [
                measured.resolved or measured.precision,
                "" if measured.batch is None else f"{measured.requests} x {measured.batch}",
                *_rate(measured.inference),
                _over(measured, base),
                *_rate(measured.pipeline),
            ]
            for measured in found.precisions
        ],
        right=("batches", "network alone /s", "over fp32", "with decoding /s"),
    )


def _print_fidelity(found: Bench) -> None:
    rows = [
        [near.layer, measured.resolved, *_near(near)]
        for measured in found.precisions
        for near in measured.fidelity
        if measured.resolved != "fp32"
    ]
    rows += [[near.layer, "fp32, fast decoding", *_near(near)] for near in found.fast_decode]
    if not rows:
        return
    learned = ", other ones than int8 learned from" if found.held_out else ""
    print_line(
        f"Nearness to fp32 over {found.samples} samples of {found.media} media{learned}; "
        "of fast decoding, to exact decoding:"
    )
    print_table(
        ["layer", "what", "cosine, mean", "1st percentile", "recall@10"],
        rows,
        right=("cosine, mean", "1st percentile", "recall@10"),
    )


def _rate(rate: Rate | None) -> tuple[str, str]:
    if rate is None:
        return "-", ""
    return f"{rate.median:.1f}", f"{rate.p25:.1f} to {rate.p75:.1f}"


def _over(measured: Measured, base: Rate | None) -> str:
    if base is None or measured.inference is None:
        return "-"
    return f"{measured.inference.median / base.median:.2f}"


def _near(near: Fidelity) -> tuple[str, str, str]:
    recall = "-" if near.recall_at_10 is None else f"{near.recall_at_10:.3f}"
    return f"{near.cosine_mean:.5f}", f"{near.cosine_p1:.5f}", recall
