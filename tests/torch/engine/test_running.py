"""Running a network: steps where memory is short, the choice of a batch, weights in bf16, pinned slots."""

from __future__ import annotations

import copy
import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vifex.engines.torch.devices import settings
from vifex.engines.torch.running.batches import choose_batch
from vifex.engines.torch.running.network import TorchNetwork
from vifex.engines.torch.running.pinning import block_of
from vifex.engines.torch.running.runners import PlainRunner, as_network
from vifex.engines.torch.running.steps import Steps
from vifex.engines.torch.running.weights import cast_weights
from vifex.values import EngineError, Layer

CPU = torch.device("cpu")


class Short(nn.Module):
    """A network on a device whose memory suffices for so many inputs."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        self.sizes.append(len(x))
        if len(x) > self.inputs:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return [x.float().sum(dim=(1, 2, 3))[:, None], x[:, 0, 0].float()]


def batch_of(n: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 5, 3), dtype=np.uint8)


def test_a_batch_that_is_too_large_is_halved_and_the_size_is_kept() -> None:
    network, freed = Short(3), []
    steps = Steps(network, 16, free=lambda: freed.append(True))
    pixels = torch.from_numpy(batch_of(16))
    total, corner = steps(pixels)
    assert torch.equal(total[:, 0], pixels.float().sum(dim=(1, 2, 3)))
    assert torch.equal(corner, pixels[:, 0, 0].float())
    assert network.sizes == [16, 8, 4] + 8 * [2]
    assert len(freed) == 3
    network.sizes.clear()
    steps(pixels[:5])
    assert network.sizes == [2, 2, 1]


def test_a_step_larger_than_the_batch_is_halved_from_the_batch() -> None:
    network = Short(1)
    steps = Steps(network, 64)
    assert len(steps(torch.from_numpy(batch_of(3)))[0]) == 3
    assert network.sizes == [3, 1, 1, 1]


def test_batches_go_on_after_memory_ran_out() -> None:
    """Several in flight; the error comes where not even one input fits, and the network goes on."""
    layers = [Layer("total", "vector", (1,)), Layer("corner", "vector", (3,))]
    short = Short(3)
    runner = PlainRunner(short, CPU, step=8, cores=1)
    shape = batch_of(8).shape
    with TorchNetwork(
        runner, layers, input_shape=shape, requests=2, runs_on="cuda:0", on_close=lambda: None
    ) as network:
        batches = [np.full(shape, i, dtype=np.uint8) for i in range(5)]
        for i, future in enumerate([network.submit(batch) for batch in batches]):
            given = future.result()
            assert (given["total"] == 60 * i).all()
            assert (given["corner"] == i).all()
        short.inputs = 0
        with pytest.raises(EngineError, match="memory of cuda:0 does not suffice for one input"):
            network.submit(batches[0]).result()
        short.inputs = 3
        assert (network.submit(batches[1]).result()["total"] == 60).all()


@pytest.mark.parametrize(
    ("rates", "chosen", "tried"),
    [
        ({32: 100, 64: 180, 128: 260, 256: 300}, 256, [32, 64, 128, 256]),
        ({32: 100, 64: 180, 128: 183, 256: 999}, 64, [32, 64, 128]),
        ({32: 100, 64: 60}, 32, [32, 64]),
        ({32: 100, 64: 180, 128: None}, 64, [32, 64, 128]),
        ({32: None, 16: None, 8: 10}, 8, [32, 16, 8]),
    ],
)
def test_the_batch_is_the_smallest_near_the_best_rate(
    rates: dict[int, float | None], chosen: int, tried: list[int]
) -> None:
    """`None` is a batch for which the memory does not suffice."""
    seen = []

    def rate(batch: int) -> float:
        seen.append(batch)
        measured = rates[batch]
        if measured is None:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return measured

    assert choose_batch(rate, first=32, most=256) == chosen
    assert seen == tried


def test_no_batch_is_chosen_where_one_input_does_not_fit() -> None:
    def rate(batch: int) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        choose_batch(rate, first=4, most=8)


def test_the_search_for_a_batch_ends_with_its_time() -> None:
    assert choose_batch(lambda batch: batch, first=1, most=1 << 20, seconds=0.0) == 1


class Mixed(nn.Module):
    """Weights of every kind that autocast meets: its own, tied ones, and those of a subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.words = nn.Embedding(7, 8)
        self.tied = nn.Linear(8, 7, bias=False)
        self.tied.weight = self.words.weight
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.standardised = Standardised(8, 8, 1)
        self.twice = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.twice.weight

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        x = self.standardised(self.norm(self.conv(x)).relu())
        rows = x.flatten(2).transpose(1, 2)
        rows = self.attend(rows, rows, rows)[0] + self.words.weight[:1]
        return [x.float(), self.again(self.twice(rows)).float(), self.tied(rows).float()]


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight - self.weight.mean()) / self.weight.std()
        return self._conv_forward(x, weight, self.bias)


def test_weights_in_bf16_give_what_autocast_gives() -> None:
    """To the bit; and the weights come back as they were, tied ones tied."""
    torch.manual_seed(0)
    module = Mixed().eval().requires_grad_(False)
    before = copy.deepcopy(module.state_dict())
    network = as_network(nn.Identity(), module, CPU, bf16=True)
    x = torch.randn(3, 3, 9, 9)
    with torch.inference_mode(), settings(CPU):
        expected = network(x)
        put_back = cast_weights(module)
        given = network(x)
    for a, b in zip(expected, given, strict=True):
        assert torch.equal(a, b)
    in_bf16 = {name for name, p in module.named_parameters() if p.dtype == torch.bfloat16}
    assert in_bf16 == {"conv.weight", "conv.bias", "twice.weight", "twice.bias", "again.bias"}
    assert module.again.weight is module.twice.weight
    put_back()
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert value.dtype == before[name].dtype
    assert module.tied.weight is module.words.weight
    assert module.again.weight is module.twice.weight


def test_the_shared_memory_of_an_array_is_found_through_its_views() -> None:
    memory = mmap.mmap(-1, 8192)
    array = np.frombuffer(memory, np.uint8, count=120, offset=4096).reshape(2, 4, 5, 3)
    assert block_of(array) is memory
    assert block_of(array.reshape(1, 2, 4, 5, 3)[0, 1:]) is memory
    assert block_of(array.copy()) is None
    assert block_of(np.frombuffer(bytes(8), np.uint8)) is None
