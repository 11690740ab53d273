"""`vifex evaluate`: figures of a classifier on labelled media, or of predictions from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import (
    ENGINE,
    LIMITS,
    MODEL,
    OUTPUT,
    SAMPLING,
    SOURCE,
    CardFile,
    Device,
    EngineName,
    Flag,
    Json,
    Quiet,
    TrustCode,
    Weights,
    helped,
)
from vifex.cli.output import clean, print_json, print_line, print_table
from vifex.cli.reporting import Notices, Problems

if TYPE_CHECKING:
    from vifex import Evaluation
    from vifex.evaluation import Comparison, Interval

__all__ = ["evaluate"]

_FIGURES = Group.create_ordered("Figures")


@helped
def evaluate(
    model: Annotated[str | None, Parameter(show_default=False)] = None,
    data: Annotated[Path | None, Parameter(show_default=False)] = None,
    /,
    *,
    predictions: Annotated[Path | None, Parameter(group=SOURCE)] = None,
    compare: Annotated[str | None, Parameter(group=SOURCE)] = None,
    classes: Annotated[Path | None, Parameter(group=SOURCE)] = None,
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=OUTPUT)] = Path("evaluation"),
    overwrite: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    plots: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
    layer: Annotated[str | None, Parameter(name=["--layer", "-l"], group=MODEL)] = None,
    weights: Weights = None,
    card: CardFile = None,
    trust_code: TrustCode = False,
    scores: Annotated[Literal["auto", "probabilities", "logits"], Parameter(group=_FIGURES)] = "auto",
    group: Annotated[list[str] | None, Parameter(name=["--group", "-g"], negative=(), group=_FIGURES)] = None,
    resample_by: Annotated[str | None, Parameter(group=_FIGURES)] = None,
    resamples: Annotated[int, Parameter(group=_FIGURES)] = 1000,
    seed: Annotated[int, Parameter(group=_FIGURES)] = 0,
    ece_bins: Annotated[int, Parameter(group=_FIGURES)] = 15,
    top_k: Annotated[int, Parameter(group=_FIGURES)] = 5,
    retrieval: Annotated[Flag, Parameter(group=_FIGURES)] = False,
    views: Annotated[Literal["probabilities", "logits"], Parameter(group=SAMPLING)] = "probabilities",
    fps: Annotated[float | None, Parameter(group=SAMPLING)] = None,
    uniform: Annotated[int | None, Parameter(group=SAMPLING)] = None,
    clip: Annotated[str | None, Parameter(group=SAMPLING)] = None,
    precision: Annotated[Literal["auto", "fp32", "bf16"], Parameter(group=ENGINE)] = "fp32",
    engine: EngineName = None,
    device: Device = None,
    workers: Annotated[int | None, Parameter(group=LIMITS)] = None,
) -> int:
    """Evaluate a classifier on labelled media, or predictions that another tool made.

    For example:
        vifex evaluate runs/flowers photos/test
        vifex evaluate net.onnx test.parquet --compare other.onnx --group source
        vifex evaluate --predictions predictions.csv --classes names.txt -o evaluation
        vifex evaluate default photos/test --retrieval

    DATA is a folder with a folder for each class, a manifest with labels, or a Parquet file with images as
    bytes. Prints the figures, and writes predictions.parquet, figures.json and report.html into a folder.

    Parameters
    ----------
    model
        A model whose layer gives a score for each class: a run folder, a name or a file.
    data
        Labelled media.
    predictions
        In place of MODEL and DATA, a file of labels and scores: .parquet, .csv, .tsv or .npz.
    compare
        Another model, or a file or folder with its predictions of the same rows. Adds McNemar's test and a
        paired bootstrap.
    classes
        A file with the names of the classes in the order of the scores, a name on each line or a JSON list
        (default: those of the model or of the data).
    output
        The folder to write to.
    overwrite
        Replace the files if they exist.
    plots
        Also write each plot as SVG and PNG. It needs matplotlib, which comes with the extra train.
    layer
        The layer with the scores (default: logits).
    scores
        What the scores are. auto takes them as probabilities if each row is within 0 to 1 and sums to 1.
    group
        A column with a table of figures for each of its values. It may be given several times.
    resample_by
        A column whose groups the confidence intervals resample whole (default: single rows).
    resamples
        Number of bootstrap resamples.
    seed
        Seed of the resamples.
    ece_bins
        Number of bins of the reliability diagram and of the calibration error (ECE).
    top_k
        Number of most probable classes among which the true one counts.
    retrieval
        Take the layer (default: the model's own) as an embedding, and print recall@k, mAP, mAP@R and
        R-precision of every medium as a query among all others. Nothing is written.
    views
        What is averaged over the frames or clips of a video: probabilities or logits.
    fps
        Frames per second of a video that are scored.
    uniform
        Number of frames or clips, evenly spread over a video, that are scored.
    clip
        LENGTHxSTEP, the frames of a clip and the step between them, for networks that take clips.
    precision
        Number format of the arithmetic.
    workers
        Number of decoder processes (default: one for each core).
    """
    keep_pandas_out()
    import vifex

    problems = Problems(quiet=quiet)
    chosen: dict[str, Any] = {"fps": fps, "uniform": uniform, "clip": clip, "weights": weights, "card": card}
    chosen |= {"engine": engine, "device": device, "precision": precision, "trust_code": trust_code}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if retrieval:
        return _retrieval(model, data, problems, json=json, layer=layer, workers=workers, **chosen)
    found = vifex.evaluate(
        model,
        data,
        predictions=predictions,
        compare=compare,
        output=output,
        overwrite=overwrite,
        plots=plots,
        classes=classes,
        layer=layer,
        scores=scores,
        views=views,
        group=group or [],
        resample_by=resample_by,
        resamples=resamples,
        seed=seed,
        ece_bins=ece_bins,
        top_k=[top_k],
        workers=workers,
        on_outcome=problems.print,
        on_notice=Notices().print,
        **chosen,
    )
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    return found.exit_status


def _retrieval(
    model: str | None, data: Path | None, problems: Problems, *, json: bool, **options: Any
) -> int:
    """Evaluate an embedding and print its figures."""
    import vifex
    from vifex.values import InputError

    if model is None or data is None:
        raise InputError("retrieval needs a model and data.", todo="Give both.")
    found = vifex.evaluate_retrieval(
        model, data, on_outcome=problems.print, on_notice=Notices().print, **options
    )
    if json:
        print_json(found.to_dict())
        return found.exit_status
    figures = found.retrieval
    print_line(
        f"{clean(found.model)}, {clean(found.layer)}, on {clean(found.data)}: {figures.n_queries} queries, "
        f"{figures.n_left_out} without another medium of their label; {found.metric}, {found.protocol}"
    )
    rows = [(f"recall@{k}", share) for k, share in figures.recall_at.items()]
    rows += [("mAP", figures.mean_average_precision), ("mAP@R", figures.map_at_r)]
    rows += [("R-precision", figures.r_precision)]
    print_table(["figure", "value"], [(name, f"{share:.4f}") for name, share in rows], right=("value",))
    for note in found.notes:
        print_line(f"note: {clean(note)}")
    return found.exit_status


def _print(found: Evaluation) -> None:
    rows, classes = len(found.predictions), len(found.predictions.classes)
    of = f"{clean(found.model)} on {clean(found.data)}" if found.model else clean(found.data)
    print_line(f"{of}: {rows} rows, {classes} classes; {found.protocol}")
    print_table(["figure", "value", "95 % interval"], _figures(found), right=("value",))
    for column, groups in found.groups.items():
        print_table(
            [column, "rows", "accuracy", "balanced accuracy", "macro F1"],
            [
                (g.value, g.n_rows, f"{g.accuracy:.4f}", f"{g.balanced_accuracy:.4f}", f"{g.macro_f1:.4f}")
                for g in groups
            ],
            right=("rows", "accuracy", "balanced accuracy", "macro F1"),
        )
    if found.comparison is not None:
        _print_comparison(found.comparison, found.compared_with)
    for note in found.notes:
        print_line(f"note: {clean(note)}")
    if found.failed:
        print_line(f"{len(found.failed)} media have no prediction")
    if "report" in found.files:
        print_line(f"-> {clean(found.files['report'])}")


def _figures(found: Evaluation) -> list[tuple[str, str, str]]:
    figures, curves, intervals = found.classification, found.curves, found.intervals
    rows: list[tuple[str, float | None, Interval | None]] = [
        ("accuracy", figures.accuracy, intervals.get("accuracy")),
        *((f"top-{k} accuracy", share, None) for k, share in figures.top_k.items()),
        ("balanced accuracy", figures.balanced_accuracy, intervals.get("balanced_accuracy")),
        ("macro precision", figures.macro.precision, None),
        ("macro recall", figures.macro.recall, None),
        ("macro F1", figures.macro.f1, intervals.get("macro_f1")),
        ("weighted F1", figures.weighted.f1, None),
        ("ROC AUC, macro", curves.roc_auc_macro, None),
        ("average precision, macro", curves.average_precision_macro, None),
        ("log loss", found.calibration.log_loss, intervals.get("log_loss")),
        (f"ECE, {len(found.calibration.bins)} bins", found.calibration.ece, None),
    ]
    return [
        (
            name,
            "-" if value is None else f"{value:.4f}",
            "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}",
        )
        for name, value, interval in rows
    ]


def _print_comparison(comparison: Comparison, other: str) -> None:
    print_line(f"Compared with {clean(other)}:")
    print_table(
        ["figure", "this", "other", "difference", "95 % interval", "p"],
        [
            (
                name.replace("_", " "),
                f"{one.first:.4f}",
                f"{one.second:.4f}",
                f"{one.first - one.second:+.4f}",
                f"{one.interval.low:+.4f} to {one.interval.high:+.4f}",
                f"{one.p:.4f}",
            )
            for name, one in comparison.differences.items()
        ],
        right=("this", "other", "difference", "p"),
    )
    test = comparison.mcnemar
    chi2 = "" if test.chi2 is None else f"; chi-square {test.chi2:.3f}, p = {test.p_chi2:.4g}"
    print_line(
        f"McNemar: only this one is right on {test.only_first} rows, only the other on {test.only_second}; "
        f"exact p = {test.p_exact:.4g}{chi2}. The test takes the rows as independent."
    )
