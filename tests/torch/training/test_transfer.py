"""Freezing, rates of parts, LoRA and distillation change what they say and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vifex.models import load_model
from vifex.models.families.shared.weights import load_state
from vifex.models.trainable import NetworkDescription, build_network
from vifex.training.config import Config, with_settings
from vifex.training.distilling.losses import feature_loss, logit_loss, similarity_loss
from vifex.training.networks.lora import add_lora, merge_lora
from vifex.training.networks.parts import freeze, parameter_groups, stages
from vifex.training.running import run
from vifex.values import InputError

Configs = Callable[..., Any]


@pytest.fixture
def network() -> nn.Module:
    return build_network(NetworkDescription("resnet9", 3, {"width": 4}))


def section(*settings: str) -> Config:
    return with_settings(Config(), settings)


def learning(network: nn.Module) -> set[str]:
    return {name.partition(".")[0] for name, p in network.named_parameters() if p.requires_grad}


def test_stages_are_in_the_order_of_the_network(network: nn.Module) -> None:
    assert stages(network)[0] == "stem.0."
    assert stages(network)[-1] == "classifier."


def test_a_pattern_freezes_weights_and_their_normalisation(network: nn.Module) -> None:
    network.train()
    freeze(network, section("network.freeze=stem.*").network, 0)
    assert learning(network) == {"stage1", "stage2", "stage3", "classifier"}
    assert not network.get_submodule("stem.1").training
    assert network.get_submodule("stage2.0.1").training


def test_a_pattern_without_a_match_is_refused(network: nn.Module) -> None:
    with pytest.raises(InputError, match=r"'stm.0.weight' matches none.*Did you mean stem.0.weight"):
        freeze(network, section("network.freeze=stm.0.weight").network, 0)
    with pytest.raises(InputError, match="leaves nothing to learn"):
        freeze(network, section('network.freeze=["*"]').network, 0)


def test_a_probe_learns_the_classifier_first_then_one_stage_more_at_a_time(network: nn.Module) -> None:
    config = section("network.probe_epochs=2", "network.unfreeze_epochs=1").network
    found = []
    for epoch in (0, 1, 2, 3, 4, 20):
        freeze(network, config, epoch)
        found.append(learning(network))
    assert found[0] == found[1] == {"classifier"}
    assert found[2] == {"classifier"}
    assert found[3] == found[4] == {"stage3", "classifier"}
    assert found[5] == {"stem", "stage1", "stage2", "stage3", "classifier"}


def test_rates_fall_from_stage_to_stage_and_biases_do_not_decay(network: nn.Module) -> None:
    config = section("optimizer.layer_decay=0.5", "optimizer.head_factor=10", "optimizer.weight_decay=0.1")
    groups = parameter_groups(network, config.optimizer)
    assert sum(len(g["params"]) for g in groups) == len(list(network.parameters()))
    factor_of = {id(p): (g["factor"], g["weight_decay"]) for g in groups for p in g["params"]}
    depth = len(stages(network)) - 1
    named = dict(network.named_parameters())
    assert factor_of[id(named["classifier.weight"])] == (10.0, 0.1)
    assert factor_of[id(named["stem.0.weight"])] == (0.5**depth, 0.1)
    assert factor_of[id(named["stem.1.weight"])][1] == 0.0


def test_lora_learns_few_weights_and_becomes_part_of_the_network(network: nn.Module) -> None:
    images = torch.rand(2, 3, 16, 16)
    network.eval()
    before, keys = network(images), set(network.state_dict())
    config = section("network.lora_rank=2", "network.lora_targets=stage3.*").network
    add_lora(network, config, seed=0)
    torch.testing.assert_close(network(images), before)
    freeze(network, config, 0)
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    assert all(".lora_" in name or name == "classifier.weight" for name in names)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".lora_B" in name:
                parameter.add_(0.05)
    changed = network(images)
    assert not torch.allclose(changed, before)
    merge_lora(network)
    torch.testing.assert_close(network(images), changed)
    assert set(network.state_dict()) == keys
    with pytest.raises(InputError, match=r"'stage9.\*' matches no linear layer"):
        add_lora(network, section("network.lora_rank=2", "network.lora_targets=stage9.*").network, seed=0)


def test_a_run_with_lora_is_a_model(config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=1", "network.lora_rank=2"), tmp_path / "run")
    assert load_model(tmp_path / "run").weights_sha256


def test_a_run_starts_from_another(config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=1"), tmp_path / "one")
    run(
        config_for("run.epochs=1", f"network.weights={tmp_path / 'one'}", "network.probe_epochs=1"),
        tmp_path / "two",
    )
    one, two = (load_state(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    changed = {key for key in one if not torch.equal(one[key], two[key])}
    assert changed == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("on", ["logits", "features", "similarity"])
def test_a_network_learns_from_a_teacher(on: str, config_for: Configs, tmp_path: Path) -> None:
    run(config_for("run.epochs=3"), tmp_path / "teacher")
    config = config_for(
        "run.epochs=3", f"network.teacher={tmp_path / 'teacher'}", f"loss.distill_on={on}",
        "loss.distill_weight=5", "run.seed=1",
    )  # fmt: skip
    run(config, tmp_path / "student")
    lines = [line.split(",") for line in (tmp_path / "student" / "metrics.csv").read_text().splitlines()]
    place = lines[0].index("train_distance")
    assert float(lines[3][place]) < float(lines[1][place])
    assert load_model(tmp_path / "student").weights_sha256


def test_distances_to_a_teacher() -> None:
    """Equal outputs have none; by hand, orthogonal features have 1."""
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    assert float(logit_loss(scores, scores, 4.0)) == pytest.approx(0.0, abs=1e-6)
    one, other = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert float(feature_loss(one, one)) == pytest.approx(0.0)
    assert float(feature_loss(one, other)) == pytest.approx(1.0)
    assert float(similarity_loss(one, other)) == pytest.approx(0.0)
    assert float(similarity_loss(one, torch.ones(2, 2))) == pytest.approx(0.5)
