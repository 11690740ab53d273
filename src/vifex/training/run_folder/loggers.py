"""Loggers by name: TensorBoard, Weights & Biases, MLflow. Each one takes the figures of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from vifex.values import InputError
from vifex.values.registry import near, require

__all__ = ["LOGGERS", "Logger", "open_loggers"]


class Logger(Protocol):
    """Takes figures."""

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """Take the figures of an epoch."""

    def close(self) -> None:
        """Write what is left."""


class TensorBoard:
    """Writes event files into `tensorboard` in the folder of the run.

    Args:
        folder: Of the run.
        config: The configuration as a flat mapping.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        require("tensorboard", extra="train", needed_for="the logger tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        # A resumed run logs its finished epochs again; the older values are dropped.
        self._writer: Any = SummaryWriter(log_dir=str(folder / "tensorboard"), purge_step=0)

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """Take the figures of an epoch."""
        for name, value in figures.items():
            if name != "epoch":
                kind, _, rest = name.partition("_")
                self._writer.add_scalar(f"{rest}/{kind}" if rest else name, value, epoch)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class WandB:
    """Sends figures to Weights & Biases, as its own environment variables say.

    Args:
        folder: Of the run.
        config: The configuration as a flat mapping.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        wandb: Any = require("wandb", extra="wandb", needed_for="the logger wandb")
        self._run = wandb.init(
            dir=str(folder), name=folder.name, id=folder.name, resume="allow", config=dict(config)
        )

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """Take the figures of an epoch."""
        self._run.log(dict(figures), step=epoch)

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()


class MLflow:
    """Sends figures to MLflow, as its own environment variables say.

    Args:
        folder: Of the run.
        config: The configuration as a flat mapping.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._mlflow: Any = require("mlflow", extra="mlflow", needed_for="the logger mlflow")
        self._mlflow.start_run(run_name=folder.name)
        self._mlflow.log_params({key: str(value)[:250] for key, value in config.items()})

    def log(self, figures: Mapping[str, float], epoch: int) -> None:
        """Take the figures of an epoch."""
        self._mlflow.log_metrics(dict(figures), step=epoch)

    def close(self) -> None:
        """Write what is left."""
        self._mlflow.end_run()


LOGGERS: Final[dict[str, type[Any]]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}


def open_loggers(names: tuple[str, ...], folder: Path, config: Mapping[str, Any]) -> list[Logger]:
    """Open loggers by their names.

    Raises:
        InputError: If there is no such logger; the message offers similar names.
        MissingExtraError: If its library is not installed.
    """
    for name in names:
        if name not in LOGGERS:
            known = list(LOGGERS)
            raise InputError(
                f"there is no logger {name!r}.", todo=f"{near(name, known)}Known: {', '.join(known)}."
            )
    return [LOGGERS[name](folder, config) for name in names]
