"""Planning a view: a model, its layers and the user's choices become a recipe and a wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vifex.engines import Engine, load_engine
from vifex.models import load_model
from vifex.pool import default_pooling, load_pooling, pooled_shape
from vifex.values import InputError, Model, Recipe, Sampling, Tap, TapSpec, Wish

__all__ = ["ViewPlan", "plan_view", "reopen_view"]

_DEFAULT_STEP = 2
_ROWS_PER_BATCH = 16


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """Everything that a run needs to fill one view."""

    name: str
    model: Model
    engine: Engine
    recipe: Recipe

    @property
    def taps(self) -> tuple[Tap, ...]:
        """Where the network is read."""
        return tuple(spec.tap for spec in self.recipe.taps)

    @property
    def wish(self) -> Wish:
        """What the decoders are to prepare."""
        return Wish(self.recipe.sampling, self.recipe.pixels)

    @property
    def window_frames(self) -> int | None:
        """Frames of a window that a network for pictures sees one by one; `None` for all else."""
        return self.recipe.sampling.frames_per_sample if self.recipe.time_pooling == "mean" else None

    @property
    def network_batch(self) -> int | None:
        """The batch to compile for; `None` leaves it to the engine."""
        frames = self.window_frames
        return None if frames is None else frames * max(1, _ROWS_PER_BATCH // frames)


def plan_view(
    name: str,
    model_name: str,
    *,
    layers: Sequence[str] = (),
    sampling: Sampling | None = None,
    pool: str | None = None,
    normalize: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    decode: Literal["fast", "exact"] = "fast",
    precision: str = "auto",
    name_by_model: bool = False,
) -> ViewPlan:
    """Resolve a user's choices once; what comes out says all of them.

    Raises:
        ModelError: If the model or a layer is unknown.
        InputError: If choices do not fit each other.
    """
    model = load_model(model_name)
    engine = load_engine(model.engine)
    taps = engine.resolve_taps(model, layers)
    sampling = _fit_sampling(model, sampling)
    if pool is not None:
        load_pooling(pool)  # a misspelt one is told even where only vectors are read
    clip_of_pictures = sampling.sampler == "clip" and model.card.frames is None
    recipe = Recipe(
        model=model.card.name,
        weights_sha256=model.weights_sha256,
        preprocess=_preprocess(model),
        pixels=model.card.pixel_spec(decode),
        sampling=sampling,
        taps=tuple(_tap_spec(t, pool, normalize, dtype) for t in taps),
        precision=engine.resolve_precision(precision),
        engine=model.engine,
        time_pooling="mean" if clip_of_pictures else "none",
    )
    _check_columns(recipe.taps)
    return ViewPlan(model.card.name if name_by_model else name, model, engine, recipe)


def reopen_view(name: str, recipe: Recipe, model: Model) -> ViewPlan:
    """Plan again what a stored recipe says, for the features of a query.

    Raises:
        InputError: If the model's weights are not the recipe's.
    """
    if model.weights_sha256 != recipe.weights_sha256:
        raise InputError(
            f"the model {model.card.name!r} has other weights than those that made the view.",
            todo="Give the model that made the store with --model.",
        )
    return ViewPlan(name, model, load_engine(recipe.engine), recipe)


def _fit_sampling(model: Model, sampling: Sampling | None) -> Sampling:
    frames = model.card.frames
    if frames is None:
        return sampling or Sampling()
    if sampling is None:
        return Sampling(sampler="clip", fps=None, clip_length=frames, frame_step=_DEFAULT_STEP)
    if sampling.sampler != "clip" or sampling.clip_length != frames:
        raise InputError(
            f"the model {model.card.name!r} takes clips of {frames} frames.",
            todo=f"Use --clip {frames}x{_DEFAULT_STEP}, or another step.",
        )
    return sampling


def _tap_spec(tap: Tap, pool: str | None, normalize: bool, dtype: Literal["float32", "float16"]) -> TapSpec:
    # A vector has nothing to pool: `--pool max` is meant for the maps among the layers.
    pooling = default_pooling(tap.kind) if pool is None or tap.kind == "vector" else pool
    return TapSpec(tap, pooling, pooled_shape(pooling, tap), normalize, dtype)


def _preprocess(model: Model) -> dict[str, object]:
    card = model.card
    return {
        "layout": card.layout,
        "scale": card.scale,
        "mean": list(card.mean),
        "std": list(card.std),
        "channel_order": card.channel_order,
    }


def _check_columns(taps: Sequence[TapSpec]) -> None:
    names: dict[str, str] = {}
    for spec in taps:
        if spec.column in names:
            raise InputError(
                f"the layers {names[spec.column]!r} and {spec.tap.name!r} would share one column.",
                of=spec.column,
                todo="Extract them into two views.",
            )
        names[spec.column] = spec.tap.name
