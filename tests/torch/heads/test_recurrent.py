"""RNN, LSTM and GRU: torch's networks to the bit, and their equations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from vifex.models.heads import make_head

Array = npt.NDArray[np.float64]
THEIRS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
X = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(0))


def states_of(head: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    seen: list[torch.Tensor] = []
    hook = head.states.register_forward_hook(lambda m, a, o: seen.append(o))
    with torch.no_grad():
        out = head(x)
    hook.remove()
    return seen[0], out


@pytest.mark.parametrize("name", sorted(THEIRS))
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_trained_network_of_torch_fits_as_it_is(name: str, both: bool, layers: int) -> None:
    """Its weights under `rnn.`: the states, and the last state of each direction, are its own, to the bit."""
    torch.manual_seed(1)
    theirs = THEIRS[name](6, 5, num_layers=layers, bidirectional=both, batch_first=True).eval()
    head = make_head(name, 6, hidden=5, layers=layers, both=both).eval()
    head.load_state_dict({f"rnn.{k}": v for k, v in theirs.state_dict().items()})
    states, out = states_of(head, X)
    with torch.no_grad():
        expected, last = theirs(X)
    final = last[0] if name == "lstm" else last  # [layers * directions, B, hidden]
    assert torch.equal(states, expected)
    assert torch.equal(out, torch.cat(list(final[-2:] if both else final[-1:]), dim=1))


@pytest.mark.parametrize("take", ["mean", "max"])
def test_the_clip_may_be_the_mean_or_the_maximum_of_its_states(take: str) -> None:
    states, out = states_of(make_head("lstm", 6, hidden=5, both=True, take=take).eval(), X)
    expected = states.mean(dim=1) if take == "mean" else states.max(dim=1).values
    torch.testing.assert_close(out, expected)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def transcribed(name: str, weights: dict[str, Array], x: Array) -> Array:
    """Run the equations of torch's documentation, frame by frame in double precision."""
    w, u = weights["weight_ih_l0"], weights["weight_hh_l0"]
    b, d = weights["bias_ih_l0"], weights["bias_hh_l0"]
    h, c, out = np.zeros(u.shape[1]), np.zeros(u.shape[1]), []
    for frame in x:
        ours, before = w @ frame + b, u @ h + d
        if name == "rnn":
            h = np.tanh(ours + before)
        elif name == "lstm":
            i, f, g, o = np.split(ours + before, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            (r, z, n), (hr, hz, hn) = np.split(ours, 3), np.split(before, 3)
            r, z = sigmoid(r + hr), sigmoid(z + hz)
            h = (1 - z) * np.tanh(n + r * hn) + z * h
        out.append(h)
    return np.stack(out)


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_the_states_are_the_equations(name: str) -> None:
    torch.manual_seed(2)
    head = make_head(name, 6, hidden=5).eval()
    states, out = states_of(head, X)
    weights = {k: v.detach().numpy().astype(np.float64) for k, v in head.rnn.named_parameters()}
    for i, clip in enumerate(X.numpy().astype(np.float64)):
        expected = transcribed(name, weights, clip)
        np.testing.assert_allclose(states[i], expected, atol=1e-6)
        np.testing.assert_allclose(out[i], expected[-1], atol=1e-6)
