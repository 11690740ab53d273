"""`vifex compress`: a smaller and quicker network, and a table of what it gains and costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import LIMITS, OUTPUT, CardFile, Flag, Json, Quiet, TrustCode, Weights, helped
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import print_notice
from vifex.cli.reporting import size as in_words
from vifex.cli.targets import as_typed

if TYPE_CHECKING:
    from vifex.compression.figures import Compression, Side

__all__ = ["compress"]

METHOD = Group.create_ordered("Method")
IMAGES = Group.create_ordered("Images")


@helped
def compress(
    model: Annotated[Path | str, Parameter(converter=as_typed)],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=OUTPUT)],
    prune: Annotated[float | None, Parameter(group=METHOD)] = None,
    low_rank: Annotated[float | None, Parameter(group=METHOD)] = None,
    int8: Annotated[Flag, Parameter(group=METHOD)] = False,
    recover: Annotated[Path | None, Parameter(group=IMAGES)] = None,
    epochs: Annotated[int, Parameter(group=IMAGES)] = 5,
    lr: Annotated[float | None, Parameter(group=IMAGES)] = None,
    seed: Annotated[int, Parameter(group=IMAGES)] = 0,
    test: Annotated[Path | None, Parameter(group=IMAGES)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    seconds: Annotated[float, Parameter(group=LIMITS)] = 10.0,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Make a network smaller and quicker: fewer channels, layers of low rank, or 8-bit numbers.

    The result is an OpenVINO graph, which vifex extract --model takes. The layers that are extracted by
    default keep their size. A table compares both networks: size, speed on this machine, features, accuracy.

    For example:
        vifex compress timm/resnet50.a1_in1k -o small.xml --prune 0.5 --recover photos/
        vifex compress timm/resnet50.a1_in1k -o small.xml --low-rank 0.5 --int8 --recover photos/

    Parameters
    ----------
    model
        Name or file of a network of images.
    output
        The .xml file to write. The weights, the card and a report as JSON are written beside it.
    prune
        Remove channels until this part of the multiplications is left, above 0 and below 1.
    low_rank
        Replace layers by pairs of smaller ones until this part of the multiplications is left, above 0 and
        below 1.
    int8
        Quantise the network to 8 bits, alone or after one of the other methods.
    recover
        Images for recovery: a folder, a manifest, or a Parquet file with the bytes of images. The small
        network learns to give what the large one gives. Labels are used as well if they are its classes.
    epochs
        Passes over these images. With 0 only statistics are estimated again. The same command continues a
        recovery that was interrupted.
    lr
        Highest learning rate (default: 0.02, without batch normalisation 0.0002).
    seed
        Seed of the order and the augmentation.
    test
        Images for the figures (default: a tenth of --recover, which then does not serve for recovery).
    seconds
        Seconds for the speed of each network, over all rounds.
    """
    keep_pandas_out()
    from vifex.api.compressing import compress as run
    from vifex.api.progress import shown_progress

    with shown_progress(not quiet):
        found = run(
            model,
            output,
            prune=prune,
            low_rank=low_rank,
            int8=int8,
            recover=recover,
            epochs=epochs,
            lr=lr,
            seed=seed,
            test=test,
            seconds=seconds,
            weights=weights,
            card=card,
            trust_code=trust_code,
            on_notice=print_notice,
        )
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _print(found: Compression) -> None:
    print_line(f"{clean(found.model)} {found.method}: {clean(found.output)}")
    before, after = found.before, found.after
    rows = [
        ["parameters", _count(before.parameters), _count(after.parameters)],
        ["multiplications", _count(before.multiplications), _count(after.multiplications)],
        ["file", in_words(before.file_bytes), in_words(after.file_bytes)],
        [f"images/s in {before.precision}, median", _rate(before), _rate(after)],
        ["  quartiles", _quartiles(before), _quartiles(after)],
    ]
    if before.accuracy is not None and after.accuracy is not None:
        rows.append(["accuracy", f"{before.accuracy:.4f}", f"{after.accuracy:.4f}"])
    for near in found.fidelity:
        rows.append([f"cosine of {clean(near.layer)}, mean", "1", f"{near.cosine_mean:.4f}"])
        rows.append(["  1st percentile", "1", f"{near.cosine_p1:.4f}"])
    print_table(["", "before", "after"], rows, right=("before", "after"))
    gain = after.images_per_s.median / before.images_per_s.median
    print_line(
        f"{gain:.2f} times as fast on {found.cores} cores, over {found.rounds} alternating rounds; "
        + (f"features of {found.images} images" if found.images else "features were not compared")
        + (f"; {found.epochs} epochs of recovery." if found.epochs else ".")
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _rate(side: Side) -> str:
    return f"{side.images_per_s.median:,.1f}"


def _quartiles(side: Side) -> str:
    return f"{side.images_per_s.p25:,.1f} to {side.images_per_s.p75:,.1f}"
