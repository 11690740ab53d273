"""`vifex advise`: which layer of which model to store, from a sample of the media."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import LIMITS, MODEL, OUTPUT, SAMPLING, SOURCE, Json, Quiet, helped, split_names
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import Notices, Problems
from vifex.cli.targets import as_typed

if TYPE_CHECKING:
    from vifex import Advice

__all__ = ["advise"]

_FIGURES = Group.create_ordered("Figures")
_SHOWN = 15


@helped
def advise(
    media: Annotated[Path, Parameter(converter=as_typed)],
    /,
    *,
    labels: Annotated[str | None, Parameter(group=SOURCE)] = None,
    group: Annotated[str | None, Parameter(name=["--group", "-g"], group=SOURCE)] = None,
    sample: Annotated[int | None, Parameter(group=SOURCE)] = None,
    models: Annotated[str, Parameter(name=["--models", "-m"], group=MODEL)] = "default",
    layers: Annotated[str | None, Parameter(name=["--layers", "-l"], group=MODEL)] = None,
    pool: Annotated[str | None, Parameter(group=MODEL)] = None,
    decode: Annotated[Literal["fast", "exact"], Parameter(group=MODEL)] = "fast",
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
    uniform: Annotated[int | None, Parameter(group=SAMPLING)] = None,
    resamples: Annotated[int, Parameter(group=_FIGURES)] = 300,
    seed: Annotated[int, Parameter(group=_FIGURES)] = 0,
    all: Annotated[bool, Parameter(negative=(), show_default=False, group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    workers: Annotated[int | None, Parameter(group=LIMITS)] = None,
) -> int:
    """Say which layer of which model to store for labelled media, from a sample of them.

    For example:
        vifex advise photos --labels folder
        vifex advise photos.csv --models default,net.onnx --layers "stages.*,embedding"
        vifex advise clips --labels labels.csv --uniform 3

    Nothing is stored. A twentieth of the media goes through each model. Each layer is pooled, shortened to at
    most 256 numbers and judged as by vifex layers compare. The answer is a command.

    Parameters
    ----------
    media
        A folder or a manifest.
    labels
        label, split, folder (the first folder of each name), or a CSV, TSV, JSONL or Parquet file with the
        columns name and label (default: the labels of a manifest, or the folders).
    group
        A column of the file of labels: media of one group are held out together (default: those of one file).
    sample
        How many media are read (default: a twentieth, at most 500, but at least 200 and five of each class).
    models
        Names or files of models, separated by commas.
    layers
        Names or patterns of layers, separated by commas (default: all layers of each model).
    pool
        How maps and tokens become vectors (default: what suits each kind).
    decode
        fast, or exact for the pixels of the model's own library.
    fps
        Samples per second of video (default: 1).
    uniform
        Instead, this many frames spread evenly.
    resamples
        Number of bootstrap resamples.
    seed
        Seed of the sample, the projections, the folds and the resamples.
    all
        Print every layer, not only the best ones.
    workers
        Decoder processes (default: one for each core).
    """
    keep_pandas_out()
    import vifex

    named: dict[str, Any] = {"pool": pool, "fps": fps, "uniform": uniform}
    choices = {"decode": decode, **{name: value for name, value in named.items() if value is not None}}
    problems = Problems(quiet=quiet)
    found = vifex.advise(
        media,
        models=split_names(models),
        labels=labels,
        group=group,
        layers=split_names(layers) or None,
        sample=sample,
        resamples=resamples,
        seed=seed,
        workers=workers,
        choices=choices,
        on_outcome=problems.print,
        on_notice=Notices().print,
    )
    if json:
        print_json({**found.to_dict(), "command": _command(media, found)})
    else:
        _print(media, found, None if all else _SHOWN)
    return 0


def _command(media: Path, found: Advice) -> str:
    """Return the command that stores the best layer."""
    name = Path(os.path.abspath(media)).stem or "lib"  # noqa: PTH100 - links stay
    words = ["vifex", "extract", os.fspath(media), "-o", f"{name}.vifex"]
    for option, value in found.choices.items():
        if option == "layers":
            words += ["--layers", ",".join(value)]
        elif (option, value) not in (("model", "default"), ("decode", "fast")):
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _print(media: Path, found: Advice, limit: int | None) -> None:
    from vifex.cli.answers.comparing import print_layers

    print_line(f"{found.sampled} of {found.media} media were read in {found.seconds:.1f} s.")
    print_layers(found.comparison, limit=limit)
    print_line(f"Store {clean(found.best.layer)} of {clean(found.best.model)}:")
    print_line(f"  {clean(_command(media, found))}")
    if found.smaller is not None:
        print_line(
            f"{clean(found.smaller.layer)} of {clean(found.smaller.model)} may be as good, with "
            f"{found.smaller.size} instead of {found.best.size} numbers a row."
        )
