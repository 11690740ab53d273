"""Plans of views that another process can run: without what lives in this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vifex.engines import EngineOptions, load_engine
from vifex.extraction.planning.view_plan import ViewPlan
from vifex.models.held import is_held
from vifex.values import InputError, Model, ModelRef, Recipe

__all__ = ["PortablePlan", "portable"]


@dataclass(frozen=True, slots=True)
class PortablePlan:
    """A `ViewPlan` whose engine is loaded where the plan is run."""

    name: str
    model: Model
    recipe: Recipe
    ref: ModelRef
    options: EngineOptions
    engine_choice: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> ViewPlan:
        """Load the engine.

        Raises:
            EngineError: If this process lacks the device.
        """
        engine = load_engine(self.model.engine, self.options)
        return ViewPlan(
            self.name, self.model, engine, self.recipe, self.ref, self.engine_choice, self.options
        )


def portable(plan: ViewPlan, device: str | None = None) -> PortablePlan:
    """Make a plan portable.

    Args:
        plan: Of a view.
        device: Where its network runs, if torch runs it and the plan names no other device.

    Raises:
        InputError: If the network is an object of this process.
    """
    model = plan.model
    if is_held(model):
        raise InputError(
            "is for networks that other processes can load, and this one is an object.",
            option="shards",
            of=model.card.name,
            todo="Load it by a name or a file, or leave `shards` out.",
        )
    if model.builder is not None:
        model = replace(model, builder=replace(model.builder, made=[]))
    options = plan.options
    is_free = options.device in (None, "cuda", device) or device is None
    if device is not None and model.engine == "torch" and is_free:
        options = replace(options, device=device)
    return PortablePlan(plan.name, model, plan.recipe, plan.ref, options, plan.engine_choice)
