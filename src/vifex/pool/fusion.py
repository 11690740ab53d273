"""Fusion: several vectors of one thing become one vector.

A fusion takes `[N, D_1], ..., [N, D_k]` and gives `[N, D]`, each row from its own numbers alone. It knows
neither views nor networks. What a fusion learns is an array by name, so that it needs no library when it is
used: `fit_pca` here, the gates and the attention of `vifex.models.heads.fusion`.

- `concat`: one behind the other.
- `weighted`: one behind the other, each times the root of its weight's share. Between vectors of length 1
  the cosine is then the weighted mean of the parts' cosines.
- `sum`: the mean by weight, for vectors of one space and size.
- `pca`: `concat`, projected onto its directions of largest variance.
- `gated`, `attention`: learned from labels; see `vifex.models.heads.fusion` for their sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vifex.pool.registry import FUSION_GROUP, FUSIONS
from vifex.values import InputError
from vifex.values.registry import load, names

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

__all__ = [
    "ATTENTION",
    "CONCAT",
    "GATED",
    "PCA",
    "SUM",
    "WEIGHTED",
    "FusionRule",
    "fit_pca",
    "fusion_names",
    "load_fusion",
]

Arrays = Mapping[str, "Array"]
Shares = Sequence[float]


@dataclass(frozen=True, slots=True)
class FusionRule:
    """One way to make one vector of several."""

    name: str
    """In the registry."""
    size: Callable[[Sequence[int], Arrays], int]
    """Numbers in a fused row, from the inputs' sizes and the learned arrays.

    Raises:
        InputError: If the sizes do not fit each other, or not what was learned.
    """
    apply: Callable[[Sequence[Array], Shares, Arrays], Array]
    """Fuses float32 `[N, D_i]` to float32 `[N, size]`, given shares that sum to 1 and the learned arrays."""
    takes_weights: bool = False
    learns: Callable[[int], tuple[str, ...]] = lambda n_inputs: ()
    """Names of the arrays to learn for a number of inputs; empty if the method learns nothing."""


def fusion_names() -> list[str]:
    """Every name that `load_fusion` takes, sorted."""
    return names(FUSIONS, group=FUSION_GROUP)


def load_fusion(name: str) -> FusionRule:
    """Load a fusion by its name.

    Raises:
        InputError: If the name is unknown.
    """
    rule: FusionRule = load(FUSIONS, name, group=FUSION_GROUP, what="way to fuse")
    return rule


def fit_pca(rows: Array, dims: int) -> dict[str, Array]:
    """Find the directions in which rows vary most, by scikit-learn's exact solvers.

    Args:
        rows: float32 `[N, D]`.
        dims: How many directions, at most N and D.

    Returns:
        `mean` float32 `[D]` and `components` float32 `[dims, D]`, of length 1, the largest variance first.

    Raises:
        InputError: If so many directions cannot be found.
    """
    import numpy as np
    from sklearn import decomposition

    most = min(rows.shape)
    if not 1 <= dims <= most:
        raise InputError(
            f"{dims} dimensions cannot be found in {rows.shape[0]} rows of {rows.shape[1]} numbers.",
            todo=f"Ask for 1 to {most} dimensions.",
        )
    # Of many rows the covariance holds all, in a fraction of the memory; both solvers are exact.
    solver = "covariance_eigh" if rows.shape[0] >= rows.shape[1] else "full"
    pca = decomposition.PCA(n_components=dims, svd_solver=solver).fit(rows.astype(np.float64))
    return {
        "mean": pca.mean_.astype(np.float32),
        "components": np.ascontiguousarray(pca.components_, dtype=np.float32),
    }


def _times(rows: Array, matrix: Array) -> Array:
    """Return `rows @ matrix.T` in float64, the same bits for a row however many stand beside it."""
    import numpy as np

    product: Array = np.einsum("nd,kd->nk", rows.astype(np.float64), matrix.astype(np.float64))
    return product


def _concat(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    return np.concatenate(inputs, axis=1)


def _weighted(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    return np.concatenate([x * np.float32(s**0.5) for x, s in zip(inputs, shares, strict=True)], axis=1)


def _sum(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    parts = [x.astype(np.float64) * s for x, s in zip(inputs, shares, strict=True)]
    return _added(parts)


def _pca(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    centred = np.concatenate(inputs, axis=1).astype(np.float64) - learned["mean"]
    return _times(centred, learned["components"]).astype(np.float32)


def _gated(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    hidden = [np.tanh(_times(x, learned[f"hidden.{i}.weight"])) for i, x in enumerate(inputs)]
    together = np.concatenate(inputs, axis=1)
    if len(inputs) == 2:  # the paper's two modalities share one gate
        z = _sigmoid(_times(together, learned["gate.0.weight"]))
        return _added([z * hidden[0], (1 - z) * hidden[1]])
    gates = [_sigmoid(_times(together, learned[f"gate.{i}.weight"])) for i in range(len(inputs))]
    return _added([z * h for z, h in zip(gates, hidden, strict=True)])


def _attention(inputs: Sequence[Array], shares: Shares, learned: Arrays) -> Array:
    import numpy as np

    hidden = [np.tanh(_times(x, learned[f"hidden.{i}.weight"])) for i, x in enumerate(inputs)]
    scores = [
        _times(np.tanh(_times(h, learned["attend.weight"])), learned["score.weight"])[:, 0] for h in hidden
    ]
    stacked = np.stack(scores, axis=1)
    weights = np.exp(stacked - stacked.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return _added([weights[:, i : i + 1] * h for i, h in enumerate(hidden)])


def _added(parts: Sequence[Array]) -> Array:
    import numpy as np

    total: Array = np.stack(parts).sum(axis=0).astype(np.float32)
    return total


def _sigmoid(x: Array) -> Array:
    import numpy as np

    half: Array = 0.5 * (1.0 + np.tanh(0.5 * x))  # never overflows
    return half


def _joined_size(sizes: Sequence[int], learned: Arrays) -> int:
    return sum(sizes)


def _common_size(sizes: Sequence[int], learned: Arrays) -> int:
    if len(set(sizes)) > 1:
        raise InputError(
            f"vectors of {', '.join(map(str, sizes))} numbers have no sum.",
            todo='Use `method="concat"` or `method="weighted"`.',
        )
    return sizes[0]


def _pca_size(sizes: Sequence[int], learned: Arrays) -> int:
    if learned["components"].shape[1] != sum(sizes):
        raise _other_sizes(sizes, [learned["components"].shape[1]])
    return int(learned["components"].shape[0])


def _learned_size(sizes: Sequence[int], learned: Arrays) -> int:
    given = [learned[k].shape[1] for i in range(len(learned)) if (k := f"hidden.{i}.weight") in learned]
    if given != list(sizes):
        raise _other_sizes(sizes, given)
    return int(learned["hidden.0.weight"].shape[0])


def _hidden(n_inputs: int) -> tuple[str, ...]:
    return _numbered("hidden", n_inputs)


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}.{i}.weight" for i in range(count))


def _other_sizes(sizes: Sequence[int], given: Sequence[int]) -> InputError:
    return InputError(
        f"the weights are for vectors of {', '.join(map(str, given))} numbers, and these have "
        f"{', '.join(map(str, sizes))}.",
        todo="Give the weights that were learned on these views, in this order.",
    )


CONCAT: Final = FusionRule("concat", _joined_size, _concat)
WEIGHTED: Final = FusionRule("weighted", _joined_size, _weighted, takes_weights=True)
SUM: Final = FusionRule("sum", _common_size, _sum, takes_weights=True)
PCA: Final = FusionRule("pca", _pca_size, _pca, learns=lambda n_inputs: ("mean", "components"))
GATED: Final = FusionRule(
    "gated",
    _learned_size,
    _gated,
    learns=lambda n_inputs: (*_hidden(n_inputs), *_numbered("gate", 1 if n_inputs == 2 else n_inputs)),
)
ATTENTION: Final = FusionRule(
    "attention",
    _learned_size,
    _attention,
    learns=lambda n_inputs: (*_hidden(n_inputs), "attend.weight", "score.weight"),
)
