"""Heads over time, by hand and by formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vifex.models.heads import head_names, make_head
from vifex.models.heads.positions import add_positions
from vifex.models.heads.registry import HEADS
from vifex.models.heads.tcn import TCNBlock, TCNHead
from vifex.values import InputError

X = torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(0))
SMALL = {
    "attention": {"hidden": 4},
    "gru": {"hidden": 5},
    "lstm": {"hidden": 5},
    "nonlocal": {"inner": 4},
    "rnn": {"hidden": 5},
    "tcn": {"hidden": 5, "layers": 2},
    "transformer": {"hidden": 8, "layers": 1, "heads": 2},
}


def make(name: str) -> torch.nn.Module:
    torch.manual_seed(1)
    return make_head(name, 6, **SMALL.get(name, {}))


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_gives_one_vector_per_clip(name: str) -> None:
    head = make(name).eval()
    assert name in head_names()
    with torch.no_grad():
        out = head(X)
        alone = torch.cat([head(x[None]) for x in X])
        longer = head(X.repeat(1, 3, 1))
    assert out.shape == (3, head.out_features)
    torch.testing.assert_close(out, alone)
    assert longer.shape == out.shape


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_learns(name: str) -> None:
    """A few steps towards a target that depends on the input bring it nearer, and every weight moves."""
    head = make(name)
    probe = torch.nn.Linear(head.out_features, 1)
    parameters = [*head.parameters(), *probe.parameters()]
    before = [p.detach().clone() for p in parameters]
    target = X[:, 2, :1] + X[:, 5, 1:2]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (probe(head(X)) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(not torch.equal(b, p) for b, p in zip(before, parameters, strict=True))


def test_mean_and_max() -> None:
    np.testing.assert_allclose(make("mean")(X), X.numpy().mean(axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(make("max")(X), X.numpy().max(axis=1))


def test_attention_is_the_papers_formula() -> None:
    """Ilse et al. 2018, equations 7 and 8, frame by frame in double precision."""
    head = make("attention").eval()
    v, w = (p.detach().numpy().astype(np.float64) for p in (head.hidden.weight, head.score.weight))
    with torch.no_grad():
        out = head(X).numpy()
    for clip, z in zip(X.numpy().astype(np.float64), out, strict=True):
        e = np.array([np.exp(w[0] @ np.tanh(v @ h)) for h in clip])
        np.testing.assert_allclose(z, sum(a * h for a, h in zip(e / e.sum(), clip, strict=True)), atol=1e-6)


@pytest.mark.parametrize("name", ["attention", "nonlocal"])
def test_positions_make_the_order_of_the_frames_count(name: str) -> None:
    plain, placed = make(name), make_head(name, 6, positions=True, **SMALL[name])
    placed.load_state_dict(plain.state_dict())
    for head in (plain, placed):
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(2))
    backwards = X.flip(1)
    with torch.no_grad():
        torch.testing.assert_close(plain(X), plain(backwards))
        assert (placed(X) - placed(backwards)).abs().max() > 0.05


def test_positions_are_the_papers_formula() -> None:
    """Vaswani et al. 2017, section 3.5: sines and cosines of t / 10000^(2i/D)."""
    placed = add_positions(torch.zeros(1, 3, 4))[0].numpy()
    hand = [[np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(placed, hand, atol=1e-6)


def test_a_transformer_gives_the_same_in_both_modes_and_sees_no_later_frame() -> None:
    """A fused layer of torch takes a mask of numbers for one of truth values, in evaluation mode alone."""
    head = make("transformer")
    states: list[torch.Tensor] = []
    head.states.register_forward_hook(lambda m, a, o: states.append(o))
    changed = X.clone()
    changed[:, 4:] = 0
    head(X)
    with torch.inference_mode():
        head.eval()(X)
        head(changed)
    torch.testing.assert_close(states[0].detach(), states[1])
    torch.testing.assert_close(states[1][:, :4], states[2][:, :4])
    assert (states[1][:, 4:] - states[2][:, 4:]).abs().max() > 0.01


def test_a_standardised_head_sees_mean_zero_and_deviation_one() -> None:
    head = make_head("mean", 6, standardise=True)
    rows = torch.cat([7 + 3 * X.flatten(0, 1)[:, :5], torch.full((21, 1), 2.0)], dim=1)
    head.measure(rows)
    with torch.no_grad():
        seen = head(rows.reshape(21, 1, 6))
    torch.testing.assert_close(seen[:, :5].mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[:, :5].std(dim=0, correction=0), torch.ones(5))
    assert seen[:, 5].abs().max() == 0
    assert set(head.state_dict()) == {"mean", "deviation"}


def test_a_causal_block_by_hand() -> None:
    """One channel, kernels (1, 2) and (1, -1), dilation 2, biases 0 and 1, over 1 2 3 4.

    conv1: past (two frames back) once plus now twice: 2 4 7 10. conv2: past minus now plus 1: -1 -3 -4 -5,
    behind the ReLU 0 0 0 0, so x passes. With the second kernel negated: 3 5 6 7, plus x: 4 7 9 11.
    """
    block = TCNBlock(1, 1, kernel=2, dilation=2)
    with torch.no_grad():
        block.conv1.weight.copy_(torch.tensor([[[1.0, 2.0]]]))
        block.conv1.bias.zero_()
        block.conv2.weight.copy_(torch.tensor([[[1.0, -1.0]]]))
        block.conv2.bias.fill_(1.0)
        x = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
        assert block(x).tolist() == [[[1.0, 2.0, 3.0, 4.0]]]
        block.conv2.weight.neg_()
        assert block(x).tolist() == [[[4.0, 7.0, 9.0, 11.0]]]


def test_a_centred_block_by_hand() -> None:
    """Kernels (1, 0, 1) then (0, 1, 0): the sum of both neighbours, plus x, at the edges of one."""
    block = TCNBlock(1, 1, kernel=3, causal=False)
    with torch.no_grad():
        block.conv1.weight.copy_(torch.tensor([[[1.0, 0.0, 1.0]]]))
        block.conv2.weight.copy_(torch.tensor([[[0.0, 1.0, 0.0]]]))
        block.conv1.bias.zero_()
        block.conv2.bias.zero_()
        assert block(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])).tolist() == [[[3.0, 6.0, 9.0, 7.0]]]


def test_a_causal_network_does_not_see_the_future_and_sees_as_far_back_as_it_says() -> None:
    """Two blocks of kernel 3: 1 + 2 * 2 * 3 = 13 frames."""
    torch.manual_seed(0)
    head = TCNHead(2, 4, layers=2, take="last").eval()
    x = torch.randn(1, 20, 2, requires_grad=True)
    states: list[torch.Tensor] = []
    head.states.register_forward_hook(lambda m, a, o: states.append(o))
    head(x)
    (gradient,) = torch.autograd.grad(states[0][0, 15].sum(), x)
    reached = gradient[0].abs().sum(dim=1).nonzero().flatten()
    assert reached.max() == 15
    assert reached.min() >= 15 - 12


def test_what_a_head_does_not_take_is_told() -> None:
    with pytest.raises(InputError, match=r"there is no head 'ltsm'.*Did you mean lstm"):
        make_head("ltsm", 4)
    with pytest.raises(InputError, match="does not take depth"):
        make_head("lstm", 4, depth=3)
    with pytest.raises(InputError, match="take must be last, mean or max"):
        make_head("gru", 4, take="first")
    with pytest.raises(InputError, match="odd for a centred window"):
        make_head("tcn", 4, kernel=2, causal=False)
