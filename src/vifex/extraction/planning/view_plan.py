"""Planning a view: a model, its layers and the user's choices become a recipe and a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vifex.engines import Engine, EngineChoice, EngineOptions, load_engine, settle
from vifex.engines.choosing import check_file
from vifex.engines.int8.int8 import with_graph
from vifex.engines.precision import is_int8
from vifex.extraction.planning.audio_options import SoundChoice, fit_sound, with_window
from vifex.media.decode.colour.hdr import HDR_RULE
from vifex.models import load_model
from vifex.pool import default_pooling, load_pooling, pooled_shape
from vifex.values import (
    EngineError,
    InputError,
    Layer,
    LayerSpec,
    Model,
    ModelRef,
    Recipe,
    Regions,
    Sampling,
    ViewRequest,
)
from vifex.values.sampling import Pages

__all__ = ["ViewPlan", "plan_view", "reopen_view"]

_DEFAULT_STEP = 2
_ROWS_PER_BATCH = 16


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """Everything that a run needs to fill one view."""

    name: str
    model: Model
    """As its engine runs it: a network that is code may have become a converted file."""
    engine: Engine
    recipe: Recipe
    ref: ModelRef
    """The words that load the model again."""
    engine_choice: Mapping[str, Any] = field(default_factory=dict)
    """For the run's record: which engine, and how equal a converted network is to its original."""
    options: EngineOptions = field(default_factory=EngineOptions)
    """By which the engine was loaded."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Where the network is read."""
        return tuple(spec.layer for spec in self.recipe.layers)

    @property
    def request(self) -> ViewRequest:
        """What the decoders are to prepare."""
        return ViewRequest(self.recipe.sampling, self.recipe.pixels, self.recipe.regions, self.recipe.audio)

    @property
    def window_frames(self) -> int | None:
        """Frames of a window that a network for images sees one by one; `None` for all else."""
        return self.recipe.sampling.frames_per_sample if self.recipe.time_pooling == "mean" else None

    @property
    def network_batch(self) -> int | None:
        """The batch to compile for; `None` leaves it to the engine."""
        frames = self.window_frames
        return None if frames is None else frames * max(1, _ROWS_PER_BATCH // frames)


def plan_view(
    name: str,
    model: str | Model,
    *,
    layers: Sequence[str] = (),
    sampling: Sampling | None = None,
    pool: str | None = None,
    normalize: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    decode: Literal["fast", "exact"] = "fast",
    precision: str = "auto",
    regions: Regions | None = None,
    preset: str | None = None,
    sound: SoundChoice | None = None,
    pages: Pages = "first",
    options: EngineOptions | None = None,
) -> ViewPlan:
    """Resolve a user's choices once; what comes out says all of them.

    Args:
        name: Of the view.
        model: A model, or its name or file.
        layers: Names, aliases or patterns of layers.
        sampling: Of videos; by default what the model wants.
        pool: How maps and tokens become vectors.
        normalize: Scale each vector to length 1.
        dtype: What is stored.
        decode: How files are decoded.
        precision: Of the arithmetic.
        regions: How boxes become rows; by default a manifest's boxes are cut out.
        preset: Name of the protocol that these choices replay, for the recipe.
        sound: Windows of a network for sound; of `sampling` it takes start and end, of the choices for
            images none.
        pages: Of images with several pages, whether each gets a row.
        options: Which engine runs the network, and on which device.

    Raises:
        ModelError: If the model or a layer is unknown.
        InputError: If choices do not fit each other.
    """
    if isinstance(model, str):
        model = load_model(model)
    model, audio = fit_sound(model, sound, sampling)
    if audio is not None and pages == "all":
        raise InputError("is for models of images and videos.", option="pages", todo="Leave it out.")
    if audio is not None:
        # The logarithm of quiet sound does not survive numbers of eight bits.
        precision = "fp32" if precision == "auto" else precision
        sampling = regions = preset = None
    resolved = load_engine(model.engine, options).resolve_layers(model, layers)
    choice = settle(model, resolved, options=options)
    engine = load_engine(choice.model.engine, options)
    if is_int8(precision):
        _check_int8(model, choice)
    sampling = _fit_sampling(model, sampling)
    if pages == "all":
        sampling = replace(sampling, pages=pages)
    if pool is not None:
        load_pooling(pool)  # a misspelt one is told even where only vectors are read
    clip_of_images = sampling.sampler == "clip" and model.card.frames is None
    recipe = Recipe(
        model=model.card.name,
        weights_sha256=model.weights_sha256,
        preprocess=_preprocess(model),
        pixels=model.card.pixel_spec(decode),
        sampling=sampling,
        layers=tuple(_layer_spec(t, pool, normalize, dtype, regions) for t in resolved),
        precision=engine.resolve_precision(precision),
        engine=choice.model.engine,
        time_pooling="mean" if clip_of_images else "none",
        regions=regions,
        preset=preset,
        audio=audio,
        hdr=HDR_RULE if audio is None else None,
    )
    _check_regions(recipe)
    _check_columns(recipe.layers)
    return ViewPlan(
        name=name,
        model=choice.model,
        engine=engine,
        recipe=recipe,
        ref=model.ref or ModelRef(model.address),
        engine_choice=choice.to_dict(),
        options=options or EngineOptions(),
    )


def reopen_view(
    name: str,
    recipe: Recipe,
    model: Model,
    graph: Path | None = None,
    *,
    options: EngineOptions | None = None,
) -> ViewPlan:
    """Plan again what a stored recipe says, for the features of a query.

    Args:
        name: Of the view.
        recipe: As it is stored.
        model: The one that made the view.
        graph: The view's quantised graph, where the recipe names one.
        options: The device for the query. The recipe names the engine.

    Raises:
        InputError: If the model's weights, or what its card does to pixels, are not the recipe's.
        EngineError: If the engine that made the view cannot run it here.
    """
    if model.weights_sha256 != recipe.weights_sha256:
        raise InputError(
            f"the model {model.card.name!r} has other weights than those that made the view.",
            todo="Give the model that made the store as `model=`.",
        )
    differing = [k for k, v in _preprocess(model).items() if recipe.preprocess.get(k, v) != v]
    if differing:
        raise InputError(
            f"the card has another {' and '.join(differing)} than the one that made the view.",
            of=model.card.name,
            todo="Give the card that made the view as `card=`.",
        )
    model = with_window(model, recipe.audio)
    ref = model.ref or ModelRef(model.address)
    if recipe.graph_sha256 is not None and graph is not None:
        quantised = with_graph(model, graph, recipe.graph_sha256)
        check_file(quantised, options or EngineOptions())
        return ViewPlan(name, quantised, load_engine(recipe.engine), recipe, ref)
    layers = [spec.layer for spec in recipe.layers]
    choice = settle(model, layers, options=options, made_by=recipe.engine)
    return ViewPlan(name, choice.model, load_engine(recipe.engine, options), recipe, ref)


def _fit_sampling(model: Model, sampling: Sampling | None) -> Sampling:
    frames = model.card.frames
    if frames is None:
        return sampling or Sampling()
    step = model.card.frame_step or _DEFAULT_STEP
    if sampling is None:
        sampling = Sampling(sampler="clip", fps=None, clip_length=frames, frame_step=step)
    if sampling.sampler != "clip" or sampling.clip_length != frames:
        raise InputError(
            f"the model {model.card.name!r} takes clips of {frames} frames.",
            todo=f'Use `clip="{frames}x{step}"`, or another step.',
        )
    if sampling.hop is None and not sampling.centre and model.card.shared_frames:
        shared = model.card.shared_frames * (sampling.frame_step or 1)
        return replace(sampling, hop=sampling.window_hop - shared)
    return sampling


def _layer_spec(
    layer: Layer,
    pool: str | None,
    normalize: bool,
    dtype: Literal["float32", "float16"],
    regions: Regions | None,
) -> LayerSpec:
    # A vector has nothing to pool: `pool="max"` is meant for the maps among the layers.
    pooling = default_pooling(layer.kind) if pool is None or layer.kind == "vector" else pool
    if regions is None or not regions.on_maps:
        return LayerSpec(layer, pooling, pooled_shape(pooling, layer), normalize, dtype)
    if layer.kind != "map":
        raise InputError(
            f"regions are read off maps, and the layer {layer.name!r} is a {layer.kind}.",
            todo='Name layers that are maps (vifex layers MODEL), or use `regions="crop"`.',
        )
    bins = Layer(layer.name, "map", (layer.shape[0], regions.output_size, regions.output_size))
    return LayerSpec(layer, pooling, pooled_shape(pooling, bins), normalize, dtype)


def _check_regions(recipe: Recipe) -> None:
    if recipe.regions is not None and recipe.regions.on_maps and recipe.pixels.processor is not None:
        raise InputError(
            "regions on maps must be found in the network's pixels, and the model's own processor "
            f"({recipe.pixels.processor.kind}) makes those without saying what went where.",
            todo='Use `regions="crop"`.',
        )
    windows = recipe.sampling.frames_per_sample is not None
    if recipe.regions is not None and recipe.regions.on_maps and windows:
        raise InputError(
            "regions on maps are for single frames, not for clips.",
            todo='Leave out `clip=`, or use `regions="crop"`.',
        )


def _check_int8(model: Model, choice: EngineChoice) -> None:
    """Say for which networks there is no int8."""
    if model.card.audio is not None:
        raise EngineError(
            "int8 is for networks of images and clips, and this one hears.",
            of=model.card.name,
            todo="Use fp32 for it.",
        )
    if choice.model.engine != "openvino":
        why = f" ({choice.why})" if choice.why else ""
        raise EngineError(
            f"int8 is for networks that OpenVINO runs, and this one runs in {choice.model.engine}{why}.",
            of=model.card.name,
            todo="Use auto, fp32 or bf16.",
        )


def _preprocess(model: Model) -> dict[str, object]:
    card = model.card
    if card.audio is not None:
        return {"layout": card.layout}
    return {
        "layout": card.layout,
        "scale": card.scale,
        "mean": list(card.mean),
        "std": list(card.std),
        "channel_order": card.channel_order,
    }


def _check_columns(layers: Sequence[LayerSpec]) -> None:
    names: dict[str, str] = {}
    for spec in layers:
        folded = spec.column.lower()  # as SQL folds it
        if folded in names:
            raise InputError(
                f"the layers {names[folded]!r} and {spec.layer.name!r} would share one column.",
                of=spec.column,
                todo="Extract them into two views: `view=NAME`.",
            )
        names[folded] = spec.layer.name
