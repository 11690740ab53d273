"""Classification of media by several stored features: a fusion head that is learned with its classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from vifex.training.config import Data
from vifex.training.data.examples import Examples
from vifex.training.data.features import sequences
from vifex.training.data.reading import is_store, read_examples
from vifex.training.data.splits import Splits, read_splits
from vifex.training.tasks.base import Setting
from vifex.training.tasks.classifying import ClassifierTask, Rows, labelled
from vifex.values import InputError, ModelCard

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FusionTask"]

Vectors = npt.NDArray[np.float32]


class FusionTask(ClassifierTask):
    """Learns the class of a medium from several views of a store, or several columns of a view.

    `data.view = "frames+sound"` names views, `data.column = "layer2+layer4"` columns; of the one that names a
    single thing, all take that. The rows of a medium are averaged. Media that lack one of the features are
    left out.

    Args:
        setting: The configuration and the folder of the run.

    Raises:
        InputError: If fewer than two features are named, or the examples cannot be used.
    """

    def __init__(self, setting: Setting) -> None:
        config = setting.config
        parts = _parts(config.data)
        stores = [*config.data.train, *config.data.val, *config.data.test]
        if not all(map(is_store, stores)):
            raise InputError("a fusion is learned from stores.", todo="Give data.train a store.")
        setting.step("reading the features")
        splits = labelled(read_splits(parts[0], seed=config.run.seed))
        vectors = [_by_uri(read_examples(stores, part)) for part in parts]
        kept: Splits = {}
        self._vectors: dict[str, list[Vectors]] = {}
        for name, examples in splits.items():
            kept[name], self._vectors[name] = _aligned(examples, vectors, parts)
        super().__init__(setting, kept)

    def options(self) -> dict[str, Any]:
        """Return the sizes of the features."""
        return {"sizes": [int(x.shape[1]) for x in self._vectors["train"]]}

    def inputs(self, split: str, rows: Rows, rng: torch.Generator | None) -> dict[str, Tensor]:
        """Return one tensor `[B, D_i]` for each feature."""
        return {f"inputs{i or ''}": torch.from_numpy(x[rows]) for i, x in enumerate(self._vectors[split])}

    def scores(self, network: Any, inputs: Mapping[str, Any]) -> Tensor:
        """Run the network on the list of features."""
        scores: Tensor = network(list(inputs.values())).float()
        return scores

    def card(self) -> ModelCard:
        """Describe the features; the network takes no pixels."""
        data = self.config.data
        said = " and ".join(f"{p.view} {p.column}".strip() for p in _parts(data))
        return ModelCard(
            name=f"run/{self.config.network.name}",
            height_px=0,
            width_px=0,
            default_layers=("penultimate",),
            provenance=f"trained by vifex train on {said} of {', '.join(Path(s).name for s in data.train)}",
        )


def _parts(data: Data) -> list[Data]:
    """Return one section for each feature."""
    views, columns = data.view.split("+"), data.column.split("+")
    count = max(len(views), len(columns))
    if count < 2 or len(views) not in (1, count) or len(columns) not in (1, count):
        raise InputError(
            f"a fusion needs two features or more, and data.view is {data.view!r}, data.column "
            f"{data.column!r}.",
            todo='Set data.view = "ONE+OTHER", or data.column = "ONE+OTHER" of one view.',
        )
    return [replace(data, view=views[i % len(views)], column=columns[i % len(columns)]) for i in range(count)]


def _by_uri(examples: Examples) -> dict[str, Vectors]:
    """Return the mean of each medium's rows."""
    means = (rows.mean(axis=0) for rows in sequences(examples))
    return dict(zip(examples.column("uri"), means, strict=True))


def _aligned(
    examples: Examples, vectors: Sequence[Mapping[str, Vectors]], parts: Sequence[Data]
) -> tuple[Examples, list[Vectors]]:
    """Return the examples that have all features, and each feature's vectors in their order."""
    uris, names = examples.column("uri"), examples.column("name")
    rows, problems = [], list(examples.problems)
    for row, uri in enumerate(uris):
        missing = [p for p, found in zip(parts, vectors, strict=True) if uri not in found]
        if missing:
            problems.append((names[row], f"the view {missing[0].view!r} has no row of it"))
        else:
            rows.append(row)
    if not rows:
        raise InputError("no medium has all features.", todo="Extract the views from the same media.")
    kept = replace(examples.take(rows), problems=tuple(problems))
    return kept, [np.stack([found[uris[row]] for row in rows]) for found in vectors]
