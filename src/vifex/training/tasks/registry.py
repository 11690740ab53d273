"""Registry of tasks: name -> `module:attribute`, a function `Setting -> Task`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from vifex.training.tasks.base import Setting, Task
from vifex.values.registry import load

__all__ = ["GROUP", "TASKS", "make_task"]

GROUP: Final = "vifex.tasks"
"""Entry point group for tasks of other packages."""

TASKS: Final[Mapping[str, str]] = {
    "features": "vifex.training.tasks.features:FeatureTask",
    "fusion": "vifex.training.tasks.fusion:FusionTask",
    "gan": "vifex.training.tasks.gan:GanTask",
    "image": "vifex.training.tasks.image:ImageTask",
    "metric": "vifex.training.tasks.metric:MetricTask",
    "vae": "vifex.training.tasks.autoencoder:AutoencoderTask",
    "video": "vifex.training.tasks.video:VideoTask",
}


def make_task(setting: Setting) -> Task:
    """Make the task that a configuration names.

    Raises:
        InputError: If there is no such task; the message offers similar names.
    """
    make = load(TASKS, setting.config.run.task, group=GROUP, what="task")
    task = cast(Task, make(setting))
    if not setting.config.network.teacher:
        return task
    from vifex.training.distilling import distilled

    return distilled(task, setting.config)
