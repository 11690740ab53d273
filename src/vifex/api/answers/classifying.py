"""`vifex.classify`: the classes of media, by a classifier that `vifex.probe` saved, or by words."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

import numpy as np

from vifex.analysis.probing.classifier import Classifier, feature_differences, read_classifier
from vifex.analysis.probing.fitting import softmax
from vifex.analysis.rows import FeatureRows, read_rows, unit_vectors
from vifex.analysis.tables import check_table_target, write_table
from vifex.api.answers.classified import Classified
from vifex.api.answers.given import Given, is_media, opened
from vifex.api.arguments import checked
from vifex.api.stores.view import View
from vifex.api.views import Choices
from vifex.evaluation.predictions import Floats
from vifex.evaluation.views import average_views
from vifex.models.stored import is_published
from vifex.search.columns import one_column
from vifex.search.query import TextQuery
from vifex.store import LabelChange, open_writer
from vifex.values import InputError, ModelRef, Outcome, Recipe

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["classify"]

_WORD_SCALE: Final = 100.0
"""Cosine similarities are multiplied by it before the softmax, as CLIP does (Radford et al. 2021)."""
_SHOWN: Final = 3


@checked("given", "classifier", "model", "output")
def classify(
    given: Given,
    classifier: str | os.PathLike[str] | None = None,
    *,
    words: Sequence[str] | None = None,
    view: str | None = None,
    column: str | None = None,
    where: str | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    each_row: bool = False,
    top_k: int = 1,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    relabel: bool = False,
    min_probability: float = 0.0,
    anyway: bool = False,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> Classified:
    """Give media the classes of a saved classifier, or of words.

    A medium with several rows has the mean of their probabilities.

    Args:
        given: A store, an open store or view, or media; these are extracted first, as the rows were that the
            classifier learned from.
        classifier: The folder that `vifex.probe` wrote.
        words: In place of a classifier, a name or a description of each class, for a model with a text
            tower. The probabilities are the softmax of 100 times the cosine similarities, as in CLIP; they
            are not calibrated.
        view: The view; by default the only one, or `main`.
        column: The feature column or its layer; by default the one that the classifier learned from.
        where: An SQL filter over the row columns.
        model: The model that media are extracted with, or that reads words.
        each_row: Whether rows are classified, not media.
        top_k: Classes of each medium in the table, the most probable first.
        output: A table to write: `.csv` or `.parquet`.
        overwrite: Whether it may be replaced.
        relabel: Whether the most probable class becomes the label of the medium in the store.
        min_probability: Probability from which on a medium gets that label, 0 to 1.
        anyway: Whether features of another recipe are classified.
        on_outcome: Called with what became of each medium that could not be extracted whole.
        on_notice: Called with what a user must know; by default it is a `UserWarning`.
        **choices: For the extraction of media, as for `vifex.extract`; by default those of the rows that the
            classifier learned from.

    Raises:
        InputError: If neither or both of a classifier and words are given, the recipe of the features
            differs, the model reads no words, or a choice is wrong.
        VifexError: If the store, the media or the classifier cannot be read.
    """
    names = _words(words)
    if (classifier is None) == (names is None):
        raise InputError("classes come from a classifier or from words.", todo="Give one of the two.")
    if relabel and each_row:
        raise InputError("labels are of media, not of rows.", todo="Leave out `each_row=True`.")
    if not 0 <= min_probability <= 1:
        raise InputError(f"takes a number from 0 to 1, got {min_probability}.", option="min_probability")
    if top_k < 1:
        raise InputError(f"takes a number of at least 1, got {top_k}.", option="top_k")
    if relabel and isinstance(given, str | os.PathLike) and is_media(given):
        raise InputError(
            "media have no store whose labels could change.",
            of=os.fspath(given),
            todo="Extract them into a store first, and classify that.",
        )
    target = None if output is None else Path(output)
    if target is not None:
        check_table_target(target, overwrite=overwrite)
    learned = None if classifier is None else read_classifier(Path(classifier))
    if learned is not None and isinstance(given, str | os.PathLike) and is_media(given):
        model, choices = _as_learned(learned, model, choices)
    taken = opened(given, view=view, model=model, choices=choices, on_outcome=on_outcome, on_notice=on_notice)
    with taken as read:
        rows = read_rows(read._stored, _column(read, column, learned), where=where)
        if learned is not None:
            notes = _check_recipe(read, rows.column, learned, anyway=anyway)
            found = _classified(read, rows, learned.probabilities, learned.classes, learned.method, each_row)
        else:
            assert names is not None
            notes = []
            found = _by_words(read, rows, names, each_row, on_notice)
        found = replace(found, notes=(*notes, *found.notes))
        if target is not None:
            write_table(target, found.to_arrow(top_k), overwrite=overwrite)
            found = replace(found, files={"table": str(target)})
        if relabel:
            found = replace(found, relabelled=_relabel(read, found, min_probability))
    return found


def _words(words: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the words of each class; a single text has them between commas."""
    if words is None:
        return None
    given = words.split(",") if isinstance(words, str) else words
    names = tuple(name.strip() for name in given if name.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"has {twice[0]!r} twice.", option="words", todo="Describe each class once.")
    if len(names) < 2:
        raise InputError(
            f"describes {len(names)} classes.", option="words", todo="Describe at least two, between commas."
        )
    return names


def _column(view: View, column: str | None, learned: Classifier | None) -> str:
    """Return the column that is classified: the one that is named, or of the classifier's layer."""
    stored = view._stored
    if column is None and learned is not None and learned.column in stored.columns:
        return learned.column
    return one_column(stored, column)


def _as_learned(learned: Classifier, model: Any, choices: Any) -> tuple[Any, Choices]:
    """Return the model and the choices by which media get features as the classifier learned them."""
    if model is None:
        ref = _published(learned)
        model = ref.name
        choices = {"weights": ref.weights, **choices} if ref.weights else choices
    return model, cast(Choices, {**_choices(learned.recipe, learned), **choices})


def _published(learned: Classifier) -> ModelRef:
    """Return the words by which the classifier's model is loaded, if it is no file and no code.

    Raises:
        InputError: If the user must name it.
    """
    ref = learned.ref or ModelRef(learned.recipe.model)
    candidates = [ref]
    if ref.weights is None:  # the embedded model has a name as well as a file
        candidates.append(ModelRef(learned.recipe.model))
    found = next((one for one in candidates if is_published(one)), None)
    if found is None:
        raise InputError(
            "the model of the classifier's features is a file or code, which is not loaded just because a "
            "classifier names it.",
            of=ref.name,
            todo="If you trust it, name it with `model=`.",
        )
    return found


def _choices(recipe: Recipe, learned: Classifier) -> dict[str, Any]:
    """Return the choices of an extraction that gives the classifier's recipe, where words can say it."""
    spec, sampling = learned.spec, recipe.sampling
    found: dict[str, Any] = {"layers": [spec.layer.name], "normalize": spec.normalized}
    if spec.pooling != "none" or spec.layer.kind != "vector":
        found["pool"] = spec.pooling
    if recipe.precision in ("fp32", "bf16"):
        found["precision"] = recipe.precision
    if recipe.audio is not None:
        return {**found, "window_s": recipe.audio.window_s, "window_hop_s": recipe.audio.hop_s}
    found["decode"] = recipe.pixels.decode
    if sampling.sampler == "clip":
        return {**found, "clip": f"{sampling.clip_length}x{sampling.frame_step}"}
    if sampling.sampler in ("times", "frames"):
        return found  # they are of other videos
    if sampling.sampler == "keyframes":
        return {**found, "keyframes": True}
    if sampling.sampler == "shots":
        return {**found, "per_shot": sampling.per_shot}
    return {**found, sampling.sampler: getattr(sampling, sampling.sampler)}


def _check_recipe(view: View, column: str, learned: Classifier, *, anyway: bool) -> list[str]:
    """Compare the features with those that the classifier learned from."""
    differing = feature_differences(learned.recipe, learned.column, view.recipe, column)
    if not differing:
        return []
    said = "; ".join(differing[:_SHOWN]) + ("; ..." if len(differing) > _SHOWN else "")
    told = f"the classifier learned from features of another recipe (its own, the store's): {said}."
    spec = next(spec for spec in view.recipe.layers if spec.column == column)
    if spec.size != learned.model.n_columns:
        raise InputError(
            f"{told} Its rows have {learned.model.n_columns} numbers, and these {spec.size}.",
            of=view.name,
            todo="Extract with the recipe of the classifier, or name another column.",
        )
    if not anyway:
        raise InputError(
            told,
            of=view.name,
            todo="Extract with the recipe of the classifier, or take the result as it is with `anyway=True`.",
        )
    return [told[0].upper() + told[1:]]


def _by_words(
    view: View,
    rows: FeatureRows,
    words: tuple[str, ...],
    each_row: bool,
    on_notice: Callable[[str], None] | None,
) -> Classified:
    """Classify rows by the cosine similarity with the vectors of words."""
    vectors = [view._encoder.vector(TextQuery(text), rows.column, on_notice) for text in words]
    towers = unit_vectors(np.stack(vectors).astype(np.float32)).astype(np.float64)

    def probabilities(part: Any) -> Floats:
        return softmax(_WORD_SCALE * (unit_vectors(part).astype(np.float64) @ towers.T))

    return _classified(view, rows, probabilities, words, "words", each_row)


def _classified(
    view: View,
    rows: FeatureRows,
    probabilities: Callable[[Any], Floats],
    classes: tuple[str, ...],
    by: str,
    each_row: bool,
) -> Classified:
    vectors = rows.vectors()
    finite = np.isfinite(vectors).all(axis=1)
    kept = np.flatnonzero(finite)
    if not len(kept):
        raise InputError("every row has NaN or infinite numbers.", of=view.name)
    notes: tuple[str, ...] = ()
    if len(kept) < len(rows):
        notes = (f"{len(rows) - len(kept)} rows have NaN or infinite numbers and were left out.",)
    probable = probabilities(vectors[kept])
    places = kept
    counts = np.ones(len(kept), np.int64)
    if not each_row:
        averaged = average_views(probable, [str(m) for m in rows.medium[kept]], kind="probabilities")
        probable, places, counts = averaged.scores, kept[averaged.first_row], averaged.views
    media = [rows.media[m] for m in rows.medium[places].tolist()]
    return Classified(
        data=str(view.path),
        view=view.name,
        column=rows.column,
        by=by,
        classes=classes,
        names=tuple(medium.name for medium in media),
        uris=tuple(medium.uri for medium in media),
        medium_ids=tuple(medium.medium_id for medium in media),
        t_s=rows.t_s[places] if each_row else np.full(len(places), np.nan),
        n_rows=counts,
        probabilities=probable,
        notes=notes,
    )


def _relabel(view: View, found: Classified, least: float) -> int:
    """Write the most probable class of each medium into the store; return how many labels changed."""
    sure = found.probabilities.max(axis=1) >= least
    changes = {
        medium_id: LabelChange(label=label)
        for medium_id, label, enough in zip(found.medium_ids, found.labels, sure.tolist(), strict=True)
        if enough
    }
    with open_writer(view.path) as writer:
        count = writer.stored_view(view.name).relabel(changes)
    view._read_newest()
    return count
