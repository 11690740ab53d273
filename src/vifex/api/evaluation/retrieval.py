"""`vifex.evaluate_retrieval`: how well the nearest media of an embedding have the label of the query."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from vifex.api.arguments import checked
from vifex.api.evaluation.rows import Watch, layer_rows
from vifex.api.views import Choices
from vifex.evaluation.figures.retrieval import Retrieval, retrieval_figures
from vifex.values import InputError, Outcome

if TYPE_CHECKING:
    from vifex.api.models.loaded import LoadedModel

__all__ = ["RetrievalEvaluation", "evaluate_retrieval"]


@dataclass(frozen=True, slots=True)
class RetrievalEvaluation:
    """Figures of retrieval of one model on one set of labelled media."""

    model: str
    data: str
    layer: str
    metric: str
    protocol: str
    """How the rows of a medium became one vector."""
    retrieval: Retrieval
    notes: tuple[str, ...] = ()
    """Sentences on media that were left out."""
    failed: tuple[tuple[str, str], ...] = ()
    """Name and reason of each medium without a vector."""

    @property
    def exit_status(self) -> int:
        """0, or 3 if some media have no vector."""
        return 3 if self.failed else 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        figures = asdict(self.retrieval)
        figures["recall_at"] = {str(k): share for k, share in self.retrieval.recall_at.items()}
        return {
            "model": self.model,
            "data": self.data,
            "layer": self.layer,
            "metric": self.metric,
            "protocol": self.protocol,
            **figures,
            "notes": list(self.notes),
            "failed": [{"name": name, "reason": reason} for name, reason in self.failed],
        }


@checked("model", "data")
def evaluate_retrieval(
    model: str | os.PathLike[str] | LoadedModel,
    data: str | os.PathLike[str],
    *,
    layer: str | None = None,
    metric: Literal["cosine", "dot", "l2"] = "cosine",
    recall_at: Sequence[int] = (1, 2, 4, 8),
    workers: int | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    **choices: Unpack[Choices],
) -> RetrievalEvaluation:
    """Evaluate an embedding: every medium is a query among all others, and is never its own hit.

    A medium with several rows, such as a video, has the mean of their vectors.

    Args:
        model: A model's name or file, a run folder, or a loaded one.
        data: A folder with a folder for each class, a manifest with labels, or a Parquet file with images.
        layer: The layer that is the embedding; by default the model's own.
        metric: What is near: the cosine or the dot product (higher), or the Euclidean distance (lower).
        recall_at: Numbers K of nearest media.
        workers: Decoder processes; by default one for each core.
        on_outcome: Called with what became of each medium that has no vector or lost a part.
        on_notice: Called with what a user must know of a model or a source; by default a `UserWarning`.
        **choices: As for `vifex.extract`: `fps`, `pool`, `precision`, `device`, `weights` and others.

    Raises:
        VifexError: If the model or the data cannot be used, or no label has two media.
    """
    if any(k < 1 for k in recall_at):
        raise InputError("takes numbers of at least 1.", option="recall_at")
    layers = {} if layer is None else {"layers": [layer]}
    found = layer_rows(model, data, {**choices, **layers}, workers, Watch(on_outcome, on_notice))
    places = {medium_id: place for place, medium_id in enumerate(dict.fromkeys(found.media))}
    owner = np.array([places[medium_id] for medium_id in found.media])
    counts = np.bincount(owner)
    vectors = np.zeros((len(places), found.values.shape[1]))
    np.add.at(vectors, owner, found.values)
    labels = [found.known[medium_id].label for medium_id in places]
    kept = np.array([place for place, label in enumerate(labels) if label is not None], np.int64)
    if len(kept) == 0:
        raise InputError("no medium has a label.", of=os.fspath(data))
    left_out = len(labels) - len(kept)
    return RetrievalEvaluation(
        model=found.model,
        data=os.fspath(data),
        layer=found.layer,
        metric=metric,
        protocol=_protocol(counts, found.precision),
        retrieval=retrieval_figures(
            (vectors / counts[:, None])[kept],
            [str(labels[place]) for place in kept],
            metric=metric,
            recall_at=recall_at,
        ),
        notes=(f"{left_out} media have no label and were left out.",) if left_out else (),
        failed=found.failed,
    )


def _protocol(counts: np.ndarray[Any, np.dtype[np.int64]], precision: str) -> str:
    fewest, most = int(counts.min()), int(counts.max())
    rows = "one row" if most == 1 else f"mean of {most if fewest == most else f'{fewest} to {most}'} rows"
    return f"{rows} of each medium, {precision}"
