"""The learning rate over time, as a factor of its highest value."""

from __future__ import annotations

import math

from vifex.training.config import Schedule

__all__ = ["rate_factor"]


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return the learning rate of a step, relative to the highest.

    Args:
        schedule: `one-cycle` rises and falls in straight lines; `cosine` falls along half a cosine; `step`
            falls at its milestones; `constant` stays. All but `one-cycle` rise first, if there is a `warmup`.
        step: From 0.
        steps: Of the whole run.
    """
    done = (step + 0.5) / steps
    if schedule.warmup and done < schedule.warmup:
        return done / schedule.warmup
    left = (done - schedule.warmup) / max(1e-12, 1.0 - schedule.warmup)
    if schedule.name == "one-cycle":
        return 1.0 + (schedule.final - 1.0) * left
    if schedule.name == "cosine":
        return schedule.final + (1.0 - schedule.final) * 0.5 * (1.0 + math.cos(math.pi * left))
    if schedule.name == "step":
        return schedule.gamma ** sum(done >= milestone for milestone in schedule.milestones)
    return 1.0
