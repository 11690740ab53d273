"""Learning a fusion from labels: the head under a linear classifier, by cross entropy.

Takes arrays and labels and returns arrays. The same rows, labels and seed give the same weights on the same
machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vifex.models.families.shared.weights import seeded
from vifex.models.heads.registry import FUSION_GROUP, FUSION_HEADS
from vifex.values import InputError
from vifex.values.registry import load, require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Fitted", "fit_fusion"]

_BATCH: Final = 128
_STEPS: Final = 1_000
_RATE: Final = 1e-3
_DECAY: Final = 1e-4
_HELD_OUT: Final = 5
"""One of so many rows of each label is kept for the evaluation."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The learned weights, and how well they separate the labels."""

    arrays: dict[str, npt.NDArray[np.float32]]
    """The head's state by key."""
    rows: int
    """Rows in the training part."""
    labels: int
    held_out: int
    """Rows in the evaluation part."""
    accuracy: float | None
    """Share of the evaluation rows with the right label; `None` if there are none."""


def fit_fusion(
    method: str,
    inputs: Sequence[npt.NDArray[np.float32]],
    labels: Sequence[str | None],
    *,
    hidden: int = 256,
    seed: int = 0,
    steps: int = _STEPS,
) -> Fitted:
    """Learn a fusion.

    Args:
        method: `gated` or `attention`.
        inputs: float32 `[N, D_i]` each.
        labels: N; rows without one are left out.
        hidden: Numbers in the fused vector.
        seed: Seed of the initial weights and of the order of the rows.
        steps: Steps of Adam, each on 128 rows.

    Raises:
        InputError: If there are not two labels, or the method learns nothing.
        MissingExtraError: If torch is not installed.
    """
    torch: Any = require("torch", extra="torch", needed_for=f"learning the fusion {method!r}")
    from torch import nn

    classes = sorted({label for label in labels if label is not None})
    if len(classes) < 2:
        raise InputError(
            f"a fusion is learned from at least two labels, and the rows have {len(classes)}.",
            todo="Extract from a manifest that has labels.",
        )
    learn, judge = _parted(labels)
    given = [torch.from_numpy(x) for x in inputs]
    wanted = torch.tensor([classes.index(label) if label is not None else -1 for label in labels])
    make = load(FUSION_HEADS, method, group=FUSION_GROUP, what="fusion that is learned")
    sizes = [x.shape[1] for x in inputs]
    network: Any = seeded(
        seed,
        lambda: nn.ModuleDict({"head": make(sizes, hidden), "classifier": nn.Linear(hidden, len(classes))}),
    )
    with _one_thread(torch):
        _train(network, given, wanted, learn, seed, steps)
        accuracy = _accuracy(network, given, wanted, judge) if len(judge) else None
    arrays = {k: v.detach().numpy().copy() for k, v in network["head"].state_dict().items()}
    return Fitted(arrays, len(learn), len(classes), len(judge), accuracy)


def _train(network: Any, inputs: list[Any], wanted: Any, rows: Any, seed: int, steps: int) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    order = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        some = rows[torch.randint(len(rows), (_BATCH,), generator=order).numpy()]
        loss = cross_entropy(network["classifier"](network["head"]([x[some] for x in inputs])), wanted[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _accuracy(network: Any, inputs: list[Any], wanted: Any, rows: Any) -> float:
    import torch

    with torch.no_grad():
        scores = network["classifier"](network["head"]([x[rows] for x in inputs]))
    return float((scores.argmax(dim=1) == wanted[rows]).float().mean())


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Run small steps on one thread, because several threads make them slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _parted(labels: Sequence[str | None]) -> tuple[Any, Any]:
    """Return the training rows and the evaluation rows: every fifth row of each label."""
    import numpy as np

    seen: Counter[str] = Counter()
    learn: list[int] = []
    judge: list[int] = []
    for row, label in enumerate(labels):
        if label is not None:
            seen[label] += 1
            (judge if seen[label] % _HELD_OUT == 0 else learn).append(row)
    return np.array(learn, dtype=np.int64), np.array(judge, dtype=np.int64)
