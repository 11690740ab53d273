"""`vifex.evaluate`: from a model and labelled media, or a file of predictions, to figures and a report."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Unpack

from vifex.api.arguments import checked
from vifex.api.evaluation.files import PREDICTIONS, check_output, write_evaluation
from vifex.api.evaluation.rows import Watch
from vifex.api.evaluation.scoring import Scored, ScoringChoices, score_media
from vifex.api.views import Choices
from vifex.evaluation.evaluation import Evaluation, evaluate_predictions
from vifex.evaluation.tables import read_predictions
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["evaluate"]

_TABLES: Final = (".parquet", ".csv", ".tsv", ".npz")
_NOTHING: Final = "Give a model and data, or a file of predictions."


@checked("model", "data", "predictions", "compare", "classes", "output")
def evaluate(
    model: str | os.PathLike[str] | LoadedModel | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    predictions: str | os.PathLike[str] | None = None,
    compare: str | os.PathLike[str] | LoadedModel | None = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    plots: bool = False,
    classes: str | os.PathLike[str] | Sequence[str] | None = None,
    layer: str | None = None,
    scores: Literal["auto", "probabilities", "logits"] = "auto",
    views: Literal["probabilities", "logits"] = "probabilities",
    group: Sequence[str] = (),
    resample_by: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    ece_bins: int = 15,
    top_k: Sequence[int] = (5,),
    workers: int | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Evaluation:
    """Evaluate a classifier on labelled media, or predictions that another tool made.

    Args:
        model: A model whose layer gives a score for each class: a run folder, a name or a file.
        data: A folder with a folder for each class, a manifest with labels, or a Parquet file with images.
        predictions: In place of `model` and `data`, a file of scores and labels (`.parquet`, `.csv`, `.tsv`
            or `.npz`).
        compare: Another model, or its predictions of the same rows, for paired tests.
        output: Folder for `predictions.parquet`, `figures.json` and `report.html`; without it nothing is
            written.
        overwrite: Whether these files may be replaced.
        plots: Whether plots are also written as SVG and PNG files, by matplotlib.
        classes: Names of the classes in the order of the scores, or a file of them: a name on each line, or a
            JSON list. By default those of the model or of the data.
        layer: The layer with the scores; by default the model's `logits`.
        scores: What the scores are. `auto` takes them as probabilities if each row sums to 1.
        views: What is averaged over the frames, clips or crops of a medium.
        group: Columns with a table of figures for each value.
        resample_by: Column whose groups the confidence intervals resample whole; by default rows.
        resamples: How many of them.
        seed: Of the resamples.
        ece_bins: Bins of the reliability diagram and of the calibration error.
        top_k: Numbers of most probable classes among which the true one counts.
        workers: Decoder processes; by default one for each core.
        on_outcome: Called with what became of each medium that has no prediction or lost a part.
        on_notice: Called with what a user must know of a model or a source; by default a `UserWarning`.
        **choices: As for `vifex.extract`: `fps`, `clip`, `precision`, `device`, `weights` and others.

    Raises:
        VifexError: If the model, the data or a file cannot be used, or a label is no class.
    """
    if (predictions is None) == (model is None) or (model is None) != (data is None):
        raise InputError("nothing was given that can be evaluated, or too much.", todo=_NOTHING)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_output(folder, overwrite=overwrite, plots=plots)
    elif plots:
        raise InputError("plots are files, and no folder was named.", todo="Name one with `output=`.")
    common = ScoringChoices(_class_names(classes), layer, scores, views, workers, dict(choices))
    watch = Watch(on_outcome, on_notice)
    if predictions is not None:
        scored, of_data = _read(predictions, common), os.fspath(predictions)
    else:
        assert model is not None
        assert data is not None
        of_data = os.fspath(data)
        scored = score_media(model, data, common, watch)
    try:
        other = None if compare is None else _other(compare, data, common, watch)
        evaluation = evaluate_predictions(
            scored.predictions,
            model=scored.model,
            data=of_data,
            protocol=scored.protocol,
            groups=[group] if isinstance(group, str) else group,
            resample_by=resample_by,
            resamples=resamples,
            seed=seed,
            bins=ece_bins,
            top_k=top_k,
            other=None if other is None else other.predictions,
            compared_with="" if other is None else other.model,
            notes=scored.notes,
            failed=scored.failed,
        )
        if folder is None:
            return evaluation
        files = write_evaluation(evaluation, folder, image=scored.image, overwrite=overwrite, plots=plots)
    finally:
        scored.close()
    return replace(evaluation, files=files)


def _read(path: str | os.PathLike[str], choices: ScoringChoices) -> Scored:
    """Read predictions that were made before; they have no images."""
    found, notes = read_predictions(path, classes=choices.classes, scores=choices.scores)
    return Scored("", found, "one prediction a row, as in the file", notes, (), None, lambda: None)


def _other(
    compare: str | os.PathLike[str] | LoadedModel,
    data: str | os.PathLike[str] | None,
    choices: ScoringChoices,
    watch: Watch,
) -> Scored:
    """Return the predictions of the other model: from a file, the folder of an evaluation, or computed."""
    if isinstance(compare, str | os.PathLike):
        path = Path(compare)
        table = path / PREDICTIONS if (path / PREDICTIONS).is_file() else path
        if table.suffix.lower() in _TABLES:
            return replace(_read(table, choices), model=os.fspath(compare))
    if data is None:
        raise InputError(
            "predictions are compared with predictions.",
            todo=f"Give a file ({', '.join(_TABLES)}) or the folder of an evaluation.",
            option="compare",
        )
    scored = score_media(compare, data, choices, watch)
    scored.close()
    return scored


def _class_names(classes: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names of classes, from a file where it is a path."""
    if classes is None:
        return None
    if not isinstance(classes, str | os.PathLike):
        return tuple(map(str, classes))
    path = Path(classes)
    try:
        text = path.read_text(encoding="utf-8")
        names = json.loads(text) if path.suffix.lower() == ".json" else text.splitlines()
    except (OSError, ValueError) as exc:
        raise InputError(f"the names of classes cannot be read: {exc}.", of=str(path)) from exc
    if not isinstance(names, list):
        raise InputError("this is no JSON list of names.", of=str(path))
    return tuple(str(name).strip() for name in names if str(name).strip())
