"""Checkpoints: what may open, what may not, and weights of another network."""

from __future__ import annotations

import argparse
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vifex.models.families.shared.weights import apply_state, load_state, seed_of, seeded, state_sha256
from vifex.values import ModelError


class Code:
    """A pickle that runs a command when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def linear() -> dict[str, torch.Tensor]:
    return nn.Linear(2, 3).state_dict()


def test_a_published_checkpoint_opens_and_loses_its_prefix(shared_models: Path) -> None:
    """`{best_prec1, state_dict}` with `module.` keys, from a GPU; its safetensors are the oracle."""
    published = load_state(shared_models / "resnet20-12fca82f.th")
    expected = load_state(shared_models / "cifar10-resnet20.safetensors")
    assert published.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(published[name], value)
        assert published[name].device.type == "cpu"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3, "best": np.float64(0.7), "args": argparse.Namespace(lr=0.1)},
        lambda s: {"model": {f"module.{k}": v for k, v in s.items()}, "optimizer": {"state": {}}},
        lambda s: {"net": {"state_dict": {f"_orig_mod.module.{k}": v for k, v in s.items()}}},
    ],
)
def test_tensors_in_their_usual_wrappings_open(tmp_path: Path, wrap: Any, zipped: bool) -> None:
    state = linear()
    torch.save(wrap(state), tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    found = load_state(tmp_path / "w.pt")
    assert list(found) == ["weight", "bias"]
    assert all(torch.equal(found[k], state[k]) for k in state)


@pytest.mark.parametrize("form", ["zip", "old", "raw"])
def test_code_is_refused_and_not_run(tmp_path: Path, form: str) -> None:
    marker = tmp_path / "ran"
    content = {"state_dict": linear(), "extra": Code(marker)}
    if form == "raw":
        (tmp_path / "w.pth").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(ModelError, match=r"a pickle with code in it .* so it is refused\. .*safetensors"):
        load_state(tmp_path / "w.pth")
    assert not marker.exists()


def test_a_pickled_module_is_refused_with_its_class(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"code in it \(torch\.nn\.modules\.linear\.Linear\)"):
        load_state(tmp_path / "w.pt")


def test_what_is_no_checkpoint_is_told(tmp_path: Path, shared_models: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"a": torch.ones(1), "b": "text"}, tmp_path / "mixed.pt")
    (tmp_path / "junk.pt").write_bytes(b"hello world" * 50)
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("resnet20-12fca82f.th", "cifar10-resnet20.safetensors"):
        raw = (shared_models / name).read_bytes()
        (tmp_path / name).write_bytes(raw[: len(raw) // 2])
    for name, message in {
        "none.pt": r"no such file of weights",
        "list.pt": r"not a mapping from names to tensors \(it holds list\)\. Save module\.state_dict\(\)",
        "mixed.pt": r"not a mapping from names to tensors \(it holds a, b\)",
        "junk.pt": r"not a complete checkpoint: it is in no known format",
        "empty.pt": r"not a complete checkpoint: it ends too early",
        "resnet20-12fca82f.th": r"not a complete checkpoint: unexpected EOF",
        "cifar10-resnet20.safetensors": r"not a complete safetensors file",
    }.items():
        with pytest.raises(ModelError, match=message):
            load_state(tmp_path / name)


def test_weights_of_another_network_are_counted_and_named() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), nn.BatchNorm1d(4))
    state = dict(module.state_dict())
    del state["2.num_batches_tracked"]  # old checkpoints have none
    apply_state(module, state, of="w.pt")
    del state["0.bias"], state["1.weight"]
    state |= {"1.bias": torch.ones(5), "head.weight": torch.ones(1)}
    with pytest.raises(
        ModelError,
        match=r"w\.pt: .*2 of its 9 keys are missing \(0\.bias, 1\.weight\); 1 of the file's 7 keys is "
        r"unknown to it \(head\.weight\); 1 of its 9 keys is of another shape \(1\.bias \[5\], not \[4\]\)",
    ):
        apply_state(module, state, of="w.pt")


def test_weights_are_applied_in_the_module_s_own_dtype() -> None:
    module = nn.Linear(2, 3)
    state = {k: v.half() for k, v in linear().items()}
    apply_state(module, state, of="x")
    assert module.weight.dtype == torch.float32
    assert torch.equal(module.weight, state["weight"].float())


def test_a_seed_gives_one_network_and_leaves_the_generators_alone() -> None:
    def make() -> nn.Module:
        module = nn.Linear(3, 3)
        module.noise = nn.Parameter(torch.from_numpy(np.random.rand(2)) + random.random())
        return module

    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    first, second, other = seeded(7, make), seeded(7, make), seeded(8, make)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())
    digests = [state_sha256(m, "net") for m in (first, second, other)]
    assert digests[0] == digests[1] != digests[2]
    assert state_sha256(first, "net") != state_sha256(first, "other net")


def test_the_hash_sees_every_bit_and_any_dtype() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).bfloat16()
    before = state_sha256(module, "n")
    module[1].running_mean[0] += 1
    assert state_sha256(module, "n") != before


@pytest.mark.parametrize("word", ["random", "random:", "random:-1", "random:x", "random:1.5"])
def test_a_seed_must_be_a_number(word: str) -> None:
    with pytest.raises(ModelError, match=r"has no seed\. Write random:SEED"):
        seed_of(word)
    assert (seed_of("random:12"), seed_of("pretrained"), seed_of("w.pt")) == (12, None, None)


def test_a_network_may_draw_parts_of_its_own_from_a_seed() -> None:
    import torch

    part = seeded(3, lambda: torch.nn.Linear(4, 4))
    both = seeded(
        0, lambda: torch.nn.Sequential(torch.nn.Linear(4, 4), seeded(3, lambda: torch.nn.Linear(4, 4)))
    )
    torch.testing.assert_close(both[1].weight, part.weight, rtol=0, atol=0)
