"""`vifex import`: a view from files of features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import (
    MODEL,
    OUTPUT,
    SOURCE,
    CardFile,
    Flag,
    Json,
    Quiet,
    TrustCode,
    Weights,
    helped,
    split_names,
)
from vifex.cli.output import clean, print_json, print_line
from vifex.cli.reporting import print_notice

__all__ = ["import_"]

_SAID: Final = {
    "uri": "addresses of media",
    "label": "labels",
    "split": "splits",
    "t_s": "times",
    "frame_index": "numbers of frames",
    "box": "boxes",
    "model": "the model",
}


@helped
def import_(
    *files: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=OUTPUT)],
    view: Annotated[str, Parameter(group=OUTPUT)] = "main",
    json: Json = False,
    quiet: Quiet = False,
    column: Annotated[list[str] | None, Parameter(negative=(), group=SOURCE)] = None,
    names: Annotated[str | None, Parameter(group=SOURCE)] = None,
    media: Annotated[list[Path] | None, Parameter(negative=(), group=SOURCE)] = None,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], group=MODEL)] = None,
    layers: Annotated[str | None, Parameter(name=["--layers", "--layer"], group=MODEL)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    pool: Annotated[str | None, Parameter(group=MODEL)] = None,
    normalize: Annotated[Flag, Parameter(group=MODEL)] = False,
) -> int:
    """Read features from files into a view of a store; no network runs.

    For example:
        vifex import features.parquet -o lib.vifex
        vifex import vectors.npy --media paths.txt -o lib.vifex --model resnet50 --layer embedding
        vifex import i3d_features/ --media videos/ -o lib.vifex

    Files are exports of Vifex, or of other tools: npy, npz, Parquet, CSV, JSONL, HDF5, safetensors, Arrow, a
    saved dataset of Hugging Face, a Lance table, or a folder with NAME_MODEL.npy for each medium. The same
    command again goes on where it stopped.

    Parameters
    ----------
    files
        Files or folders with the same columns.
    output
        The store. It is made if it does not exist.
    view
        Name of the view.
    column
        A column or an array of vectors (default: all of the file). Give it again for more.
    names
        The column with the paths or names of the media, if it is not recognised.
    media
        A table (CSV, JSONL, Parquet) or a list (.txt) with a line for each row, or the folder in which the
        media lie. Give it twice for both.
    model
        The model that made the vectors, so that images and words can be queries.
    layers
        Its layers, separated by commas, one for each column (default: the layers of the model).
    pool
        How its maps or tokens became vectors, as for `vifex extract`.
    normalize
        Its vectors were scaled to length 1.
    """
    keep_pandas_out()
    import vifex

    report = vifex.import_features(
        list(files),
        output,
        view=view,
        columns=column,
        names=names,
        media=media,
        model=model,
        layers=split_names(layers),
        weights=weights,
        card=card,
        trust_code=trust_code,
        pool=pool,
        normalize=normalize,
        on_notice=_nothing if quiet or json else print_notice,
    )
    if json:
        print_json(report.to_dict())
        return 0
    if report.missing and not quiet:
        print_notice(f"The rows lack {', '.join(_SAID[name] for name in report.missing)}.")
    done = f", {report.already_done} already there" if report.already_done else ""
    media_are = "medium" if report.media == 1 else "media"
    rows = "row" if report.rows == 1 else "rows"
    print_line(
        f"{report.media} {media_are}{done}, {report.rows} {rows} -> {clean(report.store)}, "
        f"view {clean(report.view)}"
    )
    return 0


def _nothing(notice: str) -> None:
    pass
