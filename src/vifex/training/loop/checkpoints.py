"""Checkpoints: the whole state of a run in one safetensors file.

Tensors are under `NAME.key` for each network, `average.key` for the moving average, and
`optimizer.I.state.P.key` for the optimizers. The metadata has the position, the history and
everything that is no tensor, as JSON. There is no state of random numbers: each step seeds them by
(seed, epoch, step).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vifex.training.loop.files import write_whole
from vifex.values import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CHECKPOINT", "Position", "State", "load_checkpoint", "save_checkpoint", "save_tensors"]

CHECKPOINT: Final = "checkpoint.safetensors"
FORMAT: Final = 1


@dataclass(slots=True)
class Position:
    """How far a run is."""

    epoch: int = 0
    step: int = 0
    """Steps of the epoch that are done."""
    done_s: float = 0.0
    """Seconds of training so far, all calls of the command together."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sums of this epoch's figures over its steps."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Figures of each finished epoch."""
    best: float | None = None
    best_epoch: int = -1
    updates: int = 0
    """Steps in the moving average."""
    is_finished: bool = False


@dataclass(slots=True)
class State:
    """What a checkpoint holds."""

    networks: dict[str, dict[str, Tensor]]
    average: dict[str, Tensor]
    optimizers: list[dict[str, Any]]
    position: Position


def save_checkpoint(folder: Path, state: State) -> None:
    """Write the checkpoint of a run; the one before it stays until the new one is whole.

    Raises:
        TrainingError: If it cannot be written, e.g. because the disk is full.
    """
    tensors: dict[str, Any] = {}
    for name, network in state.networks.items():
        tensors |= {f"network.{name}.{key}": value for key, value in network.items()}
    tensors |= {f"average.{key}": value for key, value in state.average.items()}
    optimizers = []
    for number, optimizer in enumerate(state.optimizers):
        others: dict[str, dict[str, Any]] = {}
        for place, values in optimizer["state"].items():
            for key, value in values.items():
                if hasattr(value, "detach"):
                    tensors[f"optimizer.{number}.{place}.{key}"] = value
                else:
                    others.setdefault(str(place), {})[key] = value
        optimizers.append({"groups": optimizer["param_groups"], "others": others})
    facts = {"format": FORMAT, "optimizers": optimizers, "position": asdict(state.position)}
    save_tensors(folder / CHECKPOINT, tensors, {"vifex": json.dumps(facts)})


def save_tensors(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors in one step.

    Raises:
        TrainingError: If the file cannot be written.
    """
    from safetensors.torch import save

    # Copies: safetensors refuses tensors that share memory or do not lie in C order.
    copies = {k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}
    write_whole(path, save(copies, dict(metadata or {})))


def load_checkpoint(folder: Path) -> State | None:
    """Read the checkpoint of a run; `None` if there is none.

    Raises:
        TrainingError: If it is damaged, or a newer version wrote it.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["vifex"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as exc:
        raise TrainingError(
            f"the checkpoint cannot be read: {exc}.",
            of=str(path),
            todo="Remove it to start from the beginning, or restore it from a copy.",
        ) from exc
    if facts["format"] > FORMAT:
        raise TrainingError(
            "a newer version of Vifex wrote the checkpoint.", of=str(path), todo="Upgrade Vifex."
        )
    networks: dict[str, dict[str, Any]] = {}
    average: dict[str, Any] = {}
    optimizers: list[dict[str, Any]] = [
        {"state": {int(p): dict(v) for p, v in o["others"].items()}, "param_groups": o["groups"]}
        for o in facts["optimizers"]
    ]
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "average":
            average[rest] = value
            continue
        first, _, rest = rest.partition(".")
        if kind == "network":
            networks.setdefault(first, {})[rest] = value
        else:
            place, _, name = rest.partition(".")
            optimizers[int(first)]["state"].setdefault(int(place), {})[name] = value
    return State(networks, average, optimizers, Position(**facts["position"]))
