"""A saved classifier: numbers as safetensors, and JSON that says of which features it is and of what classes.

No file runs code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from vifex.analysis.probing.fitting import model_probabilities
from vifex.analysis.probing.methods import METHODS, LinearModel, Method, NeighbourModel, ScoreModel
from vifex.analysis.probing.tensor_file import read_tensors, tensor_bytes
from vifex.analysis.rows import FloatMatrix
from vifex.evaluation.predictions import Floats
from vifex.search.files import written_whole
from vifex.values import InputError, LayerSpec, ModelRef, Recipe, Sampling

__all__ = ["DESCRIPTION", "NUMBERS", "Classifier", "feature_differences", "read_classifier"]

DESCRIPTION: Final = "classifier.json"
NUMBERS: Final = "classifier.safetensors"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A classifier of the rows of a feature column, and what these rows are."""

    method: Method
    classes: tuple[str, ...]
    model: ScoreModel
    temperature: float
    recipe: Recipe
    """Of the view that it learned from."""
    column: str
    """The feature column."""
    ref: ModelRef | None = None
    """The words by which the view's model was loaded."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: `rows`, `media`, `labels`, `c`, `figures` and others, as plain values."""

    @property
    def spec(self) -> LayerSpec:
        """The layer of the column."""
        return next(spec for spec in self.recipe.layers if spec.column == self.column)

    def probabilities(self, rows: FloatMatrix) -> Floats:
        """Return the probability of each class for rows `[N, D]`: float64 `[N, C]`."""
        return model_probabilities(self.model, rows, self.temperature)

    def write(self, folder: Path, *, overwrite: bool) -> dict[str, str]:
        """Write both files into a folder that exists.

        Returns:
            `classifier` to the path of the description.

        Raises:
            InputError: If a file is taken and may not be replaced, or cannot be written.
        """
        arrays, more = _numbers(self.model)
        data = tensor_bytes(arrays)
        told = {
            "format": _FORMAT,
            "method": self.method,
            "classes": list(self.classes),
            "temperature": self.temperature,
            **more,
            "sha256": hashlib.sha256(data).hexdigest(),
            "column": self.column,
            "recipe_hash": self.recipe.hash,
            "recipe": self.recipe.to_dict(),
            "model": None if self.ref is None else {"name": self.ref.name, "weights": self.ref.weights},
            "facts": dict(self.facts),
        }
        with written_whole(folder / NUMBERS, overwrite=overwrite) as aside:
            aside.write_bytes(data)
        with written_whole(folder / DESCRIPTION, overwrite=overwrite) as aside:
            aside.write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return {"classifier": str(folder / DESCRIPTION)}


def read_classifier(path: Path) -> Classifier:
    """Read a saved classifier.

    Args:
        path: Its folder, or the description in it.

    Raises:
        InputError: If there is none, or its files are damaged or do not belong together.
    """
    description = path / DESCRIPTION if path.is_dir() else path
    try:
        told = json.loads(description.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(
            f"no classifier can be read here ({exc.strerror}).",
            of=str(description),
            todo="Give the folder that `vifex probe` wrote.",
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise _damaged(description) from exc
    if not isinstance(told, dict) or told.get("format") != _FORMAT:
        raise InputError(
            "this is no classifier of a format that this version reads.",
            of=str(description),
            todo="Give the folder that `vifex probe` wrote.",
        )
    numbers = description.with_name(NUMBERS)
    arrays = read_tensors(numbers)
    if hashlib.sha256(numbers.read_bytes()).hexdigest() != told.get("sha256"):
        raise InputError(
            f"these numbers do not belong to {DESCRIPTION} beside them.",
            of=str(numbers),
            todo="Copy both files of one classifier.",
        )
    try:
        return _restored(told, arrays)
    except (KeyError, TypeError, ValueError, StopIteration) as exc:
        raise _damaged(description) from exc


def feature_differences(mine: Recipe, column: str, theirs: Recipe, other: str) -> list[str]:
    """Return each choice by which the features of two columns differ, as `field: mine, theirs`.

    Which frames were taken, and the number format in which rows are stored, make no difference.
    """
    return _features(mine, column).differences(_features(theirs, other))


def _features(recipe: Recipe, column: str) -> Recipe:
    spec = next(spec for spec in recipe.layers if spec.column == column)
    sampling = Sampling()
    if recipe.sampling.sampler == "clip":
        sampling = replace(recipe.sampling, hop=None, tail="drop", t_start_s=None, t_end_s=None)
    return replace(recipe, layers=(replace(spec, dtype="float32"),), sampling=sampling, preset=None)


def _numbers(model: ScoreModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays of a model, and its other values."""
    if isinstance(model, LinearModel):
        return {"weights": model.weights, "bias": model.bias}, {}
    arrays = {"rows": model.unit, "labels": model.labels, "votes": model.weights}
    return arrays, {"k": model.k, "vote_temperature": model.temperature, "smooth": model.smooth}


def _restored(told: dict[str, Any], arrays: dict[str, Any]) -> Classifier:
    classes = tuple(map(str, told["classes"]))
    recipe = Recipe.from_dict(told["recipe"])
    ref = told["model"]
    made = Classifier(
        method=told["method"],
        classes=classes,
        model=_model(told, arrays),
        temperature=float(told["temperature"]),
        recipe=recipe,
        column=told["column"],
        ref=None if ref is None else ModelRef(str(ref["name"]), ref["weights"]),
        facts=dict(told["facts"]),
    )
    fits = (
        made.method in METHODS
        and made.temperature > 0
        and math.isfinite(made.temperature)
        and recipe.hash == told["recipe_hash"]
        and made.model.n_columns == made.spec.size
    )
    if not fits:
        raise ValueError("the description contradicts itself")
    return made


def _model(told: dict[str, Any], arrays: dict[str, Any]) -> ScoreModel:
    count = len(told["classes"])
    if told["method"] in ("logistic", "svm"):
        weights, bias = arrays["weights"], arrays["bias"]
        if weights.ndim != 2 or weights.shape[0] != count or bias.shape != (count,):
            raise ValueError("the numbers do not fit the classes")
        return LinearModel(weights, bias)
    rows, labels, votes = arrays["rows"], arrays["labels"], arrays["votes"]
    within = len(labels) > 0 and labels.min() >= 0 and labels.max() < count
    if rows.ndim != 2 or labels.shape != (len(rows),) or votes.shape != (count,) or not within:
        raise ValueError("the numbers do not fit the classes")
    k = int(told["k"])
    if not 1 <= k <= len(rows):
        raise ValueError("there are fewer rows than neighbours")
    temperature = told["vote_temperature"]
    return NeighbourModel(
        unit=rows.astype(np.float32, copy=False),
        labels=labels,
        weights=votes,
        k=k,
        temperature=None if temperature is None else float(temperature),
        smooth=bool(told["smooth"]),
    )


def _damaged(path: Path) -> InputError:
    return InputError("the classifier is damaged.", of=str(path), todo="Copy it again, or make it anew.")
