"""Sequences of different lengths, and the classifier over them."""

from __future__ import annotations

import pytest
import torch

from vifex.models.heads import make_head
from vifex.models.heads.registry import HEADS
from vifex.models.trainable.video.sequences import SequenceClassifier, run_by_length

LENGTHS = torch.tensor([3, 7, 1, 7, 3])
X = torch.randn(5, 7, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_padded_sequence_gives_what_it_gives_alone(name: str) -> None:
    torch.manual_seed(1)
    options = {"hidden": 8} if name not in ("max", "mean", "nonlocal") else {}
    head = make_head(name, 6, **options).eval()
    padded = X.clone()
    for row, n in enumerate(LENGTHS.tolist()):
        padded[row, n:] = torch.nan  # what lies behind the end must not matter
    with torch.no_grad():
        together = run_by_length(head, padded, LENGTHS)
        alone = torch.cat([head(X[i : i + 1, :n]) for i, n in enumerate(LENGTHS.tolist())])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("lengths", [[3, 8, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1]])
def test_lengths_that_do_not_fit_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="5 sequences of at most 7 rows"):
        run_by_length(make_head("mean", 6), X, torch.tensor(lengths))


def test_the_heads_part_of_the_state_is_the_head_of_the_seq_family() -> None:
    """`seq/lstm:8,standardise=true(...)` takes these keys after `head.`."""
    network = SequenceClassifier(3, inputs=6, head="lstm", hidden=8)
    part = {k.removeprefix("head."): v for k, v in network.state_dict().items() if k.startswith("head.")}
    make_head("lstm", 6, standardise=True, hidden=8).load_state_dict(part)
    assert network(X).shape == (5, 3)
    assert network(X, LENGTHS).shape == (5, 3)
