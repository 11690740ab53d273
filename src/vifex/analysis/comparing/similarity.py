"""How many directions a layer uses, and how alike two layers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["BATCH", "effective_rank", "layer_batches", "linear_cka"]

Floats = npt.NDArray[Any]

BATCH: Final = 512
"""Examples of a batch of `linear_cka`, at most."""


def effective_rank(vectors: Floats) -> float:
    """Return the effective rank of vectors `[N, D]` about their mean: 1 to min(N - 1, D), 0 if all are equal.

    It is exp(H(p)), where H is the entropy and p are the singular values divided by their sum.

    Source: Roy and Vetterli, EUSIPCO 2007.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    gram = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    # An eigenvalue that is 0 in exact arithmetic is the rounding of the largest one, whose root would count.
    values = np.linalg.eigvalsh(gram)
    least = values.max(initial=0.0) * len(values) * np.finfo(np.float64).eps
    singular = np.sqrt(values[values > max(least, 0.0)])
    if not len(singular):
        return 0.0
    shares = singular / singular.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def layer_batches(count: int, *, seed: int = 0) -> list[npt.NDArray[np.int64]]:
    """Divide `count` examples at random into batches of nearly one size, at most `BATCH` each."""
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, max(1, -(-count // BATCH)))]


def linear_cka(layers: Sequence[Floats], *, seed: int = 0) -> Floats:
    """Return the linear centred kernel alignment of each pair of layers, float64 `[L, L]`.

    It is 1 for layers that differ by a rotation and a scale, and about 0 for layers without a relation. HSIC
    is the unbiased estimate, summed over batches; a value may be a little below 0. A pair with a layer whose
    vectors are all equal, and every pair of fewer than 4 examples, is NaN.

    Args:
        layers: Vectors `[N, D]` of the same N examples; D may differ.
        seed: Of the division into batches.

    Source: Kornblith et al., ICML 2019, arXiv:1905.00414; the unbiased HSIC is of Song et al., JMLR 13, 2012;
        its sum over batches of Nguyen et al., ICLR 2021, arXiv:2010.15327.
    """
    total = np.zeros((len(layers), len(layers)))
    for batch in layer_batches(len(layers[0]), seed=seed):
        if len(batch) < 4:
            return np.full_like(total, np.nan)
        flat = np.stack([_centred_gram(vectors[batch]).ravel() for vectors in layers])
        total += flat @ flat.T / (len(batch) * (len(batch) - 3))
    own = np.diag(total).copy()
    own[own <= 0] = np.nan
    return total / np.sqrt(own[:, None] * own[None, :])


def _centred_gram(vectors: Floats) -> Floats:
    """Products of rows, U-centred: the inner product of two of them is n (n - 3) times the unbiased HSIC.

    Source: Székely and Rizzo, Annals of Statistics 42, 2014, section 3.
    """
    rows = vectors.astype(np.float64)
    rows = rows - rows.mean(axis=0)
    gram: Floats = rows @ rows.T
    np.fill_diagonal(gram, 0.0)
    count = len(gram)
    sums = gram.sum(axis=0)
    gram -= sums[:, None] / (count - 2)
    gram -= sums[None, :] / (count - 2)
    gram += sums.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(gram, 0.0)
    return gram
