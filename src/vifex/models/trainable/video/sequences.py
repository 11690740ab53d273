"""Sequences of features of different lengths through a temporal head, and a classifier over it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vifex.models.heads import make_head

__all__ = ["SequenceClassifier", "run_by_length"]


def run_by_length(head: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """Run a head over sequences of different lengths, so that it never sees the padding.

    Sequences of one length go through the head together. The result of each one equals its result alone, for
    every head, those of other packages included. A batch with n lengths costs n calls.

    Args:
        head: Maps `[B, T, D]` to `[B, D']`.
        x: Padded sequences `[B, T, D]`; what lies behind a sequence's end is not read.
        lengths: `[B]`, int64, each from 1 to T.

    Returns:
        `[B, D']`.

    Raises:
        ValueError: If a length is below 1 or above T.
    """
    if len(lengths) != len(x) or int(lengths.min()) < 1 or int(lengths.max()) > x.shape[1]:
        raise ValueError(
            f"{len(x)} sequences of at most {x.shape[1]} rows need as many lengths in that range"
        )
    kinds = lengths.unique().tolist()
    if len(kinds) == 1:
        return head(x[:, : kinds[0]])
    places = [(lengths == n).nonzero()[:, 0] for n in kinds]
    parts = [head(x[rows, :n]) for rows, n in zip(places, kinds, strict=True)]
    return torch.cat(parts)[torch.cat(places).argsort()]


class SequenceClassifier(nn.Module):
    """A temporal head over features of frames, dropout, and a linear layer: `[B, T, D]` to `[B, outputs]`.

    State: `head.*` (`head.mean`, `head.deviation` and `head.head.*`, as `StandardisedHead` has them) and
    `classifier.*`. The part `head.*` is what `seq/HEAD:standardise=true(BACKBONE)` takes as weights.

    Args:
        outputs: Classes.
        head: Name of a head, e.g. `lstm`.
        inputs: Numbers per frame, D.
        dropout: Share of the head's numbers that training sets to zero.
        **options: The head's own.
    """

    def __init__(
        self, outputs: int, *, inputs: int, head: str = "lstm", dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        self.head = make_head(head, inputs, standardise=True, **options)
        self.penultimate = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(int(self.head.out_features), outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Score sequences; `lengths` `[B]` where they differ."""
        vectors = self.head(x) if lengths is None else run_by_length(self.head, x, lengths)
        scores: Tensor = self.classifier(self.dropout(self.penultimate(vectors)))
        return scores
