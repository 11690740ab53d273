"""`vifex bench`: what a precision gains and what it costs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import (
    LIMITS,
    MODEL,
    SOURCE,
    CardFile,
    Compile,
    Device,
    EngineName,
    Json,
    TrustCode,
    Weights,
    helped,
    split_names,
)
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import print_notice
from vifex.cli.targets import all_as_typed

if TYPE_CHECKING:
    from vifex.extraction.bench.fidelity import Fidelity
    from vifex.extraction.bench.measured import Bench, Measured, Rate

__all__ = ["bench"]


@helped
def bench(
    model: Annotated[str, Parameter(show_default=False)] = "default",
    /,
    *,
    media: Annotated[
        list[Path | str] | None, Parameter(converter=all_as_typed, metavar="PATH", negative=(), group=SOURCE)
    ] = None,
    precisions: Annotated[str, Parameter(group=MODEL)] = "fp32,bf16,int8",
    layers: Annotated[str | None, Parameter(group=MODEL)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    engine: EngineName = None,
    device: Device = None,
    compile: Compile = None,
    seconds: Annotated[float, Parameter(group=LIMITS)] = 5.0,
    workers: Annotated[int | None, Parameter(group=LIMITS)] = None,
    json: Json = False,
) -> int:
    """Measure the speed of a model in each precision, and how near its features are to fp32.

    For example:
        vifex bench
        vifex bench timm/resnet50.a1_in1k --media photos/
        vifex bench net.onnx --precisions fp32,bf16 --seconds 20

    Parameters
    ----------
    model
        Name or file of a model (default: the embedded one).
    media
        A file, folder, glob or manifest. It may be given several times. Without it, random images give
        the speed of the network alone.
    precisions
        Precisions that are compared, separated by commas.
    layers
        Names or patterns of layers, separated by commas (default: the model's own choice).
    seconds
        Seconds for each measurement, over all its rounds.
    workers
        Number of decoder processes (default: one for each core).
    """
    keep_pandas_out()
    from vifex.api.benching import bench as measure

    with _steps() as on_step:
        found = measure(
            model,
            media or [],
            precisions=split_names(precisions),
            layers=split_names(layers),
            seconds=seconds,
            weights=weights,
            card=card,
            trust_code=trust_code,
            engine=engine,
            device=device,
            compile=compile,
            workers=workers,
            on_step=on_step,
            on_notice=print_notice,
        )
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


@contextlib.contextmanager
def _steps() -> Iterator[Callable[[str], None] | None]:
    """Show the current step on a terminal, and nothing elsewhere."""
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
            print_notice(measured.why_not)
    if not found.samples:
        print_notice("measured on random images; --media PATH also shows how far features differ from fp32.")


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
