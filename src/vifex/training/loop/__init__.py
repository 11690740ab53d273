"""The loop: steps of optimizers on one or several devices, schedules, averages and checkpoints."""

from __future__ import annotations

from vifex.training.loop.trainer import Trained, Trainer

__all__ = ["Trained", "Trainer"]
