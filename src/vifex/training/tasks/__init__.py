"""Tasks: what is learned. Each one knows its examples, its networks, its loss and its figures."""

from __future__ import annotations

from vifex.training.tasks.base import Batch, Setting, Task, Validation
from vifex.training.tasks.registry import GROUP, TASKS, make_task

__all__ = ["GROUP", "TASKS", "Batch", "Setting", "Task", "Validation", "make_task"]
