"""What a user may choose for each view, and how that becomes a plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, cast

import numpy as np

from vifex.api.arguments import check_options
from vifex.api.models.loaded import LoadedModel
from vifex.api.notices import tell_licence
from vifex.engines import EngineOptions
from vifex.extraction.planning.audio_options import SoundChoice
from vifex.extraction.planning.budget import MachineUse
from vifex.extraction.planning.options import make_regions, make_sampling
from vifex.extraction.planning.presets import load_preset
from vifex.extraction.planning.shard_plan import split_devices
from vifex.extraction.planning.view_plan import ViewPlan, plan_view
from vifex.models import load_model
from vifex.values import InputError, Limits, Model
from vifex.values.audio import AudioTail
from vifex.values.registry import near
from vifex.values.sampling import Pages, RegionMethod, Tail

__all__ = [
    "Choices",
    "RunOptions",
    "ViewOptions",
    "joined_choices",
    "plan_run",
    "plan_views",
    "take_devices",
    "wanted_views",
]

_SAMPLERS = ("fps", "every", "uniform", "times_s", "frames", "keyframes", "per_shot", "clip")
_LEFT_OUT = ("max_frames", "changed_only")
_SAMPLING = (*_SAMPLERS, *_LEFT_OUT, "hop", "tail", "centre", "start_s", "end_s", "assume_fps")
_REGIONS = ("regions", "grid", "overlap", "bins", "sampling_ratio", "aligned")
_SOUND = {"window_s": "window_s", "window_hop_s": "hop_s", "window_tail": "tail"}
"""Choices for models of sound, and what `SoundChoice` calls them."""
_ENGINE = ("engine", "device", "compile")
_PLAN = ("layers", "pool", "normalize", "dtype", "decode", "precision", "pages")


class Choices(TypedDict, total=False):
    """What may be chosen for a view, beside its model; `vifex.extract` tells of each."""

    weights: str | None
    card: str | os.PathLike[str] | None
    trust_code: bool
    preset: str | None
    layers: Sequence[str]
    fps: float | None
    every: int | None
    uniform: int | None
    clip: str | None
    times_s: Sequence[float] | None
    frames: Sequence[int] | None
    keyframes: bool
    per_shot: int | None
    max_frames: int | None
    changed_only: float | None
    hop: int | None
    tail: Tail
    centre: bool
    start_s: float | None
    end_s: float | None
    assume_fps: float | None
    window_s: float | None
    window_hop_s: float | None
    window_tail: AudioTail | None
    pages: Pages
    pool: str | None
    normalize: bool
    dtype: Literal["float32", "float16"]
    decode: Literal["fast", "exact"]
    precision: Literal["auto", "fp32", "bf16", "int8"]
    engine: Literal["auto", "openvino", "torch"] | None
    device: str | None
    compile: bool | None
    regions: RegionMethod | None
    grid: str | None
    overlap: float
    bins: int
    sampling_ratio: int
    aligned: bool


class ViewOptions(Choices, total=False):
    """Choices for one view of several; what is left out is as for all views."""

    model: str | os.PathLike[str] | LoadedModel


class RunOptions(Choices, total=False):
    """What `vifex.extract`, `vifex.estimate` and `vifex.watch` take alike; `vifex.extract` tells of each."""

    model: str | os.PathLike[str] | LoadedModel | Sequence[str] | None
    view: str | None
    views: Mapping[str, ViewOptions] | None
    workers: int | None
    cores: int | None
    memory: int | None
    limits: Limits | None
    shards: int | None


_OF_RUN: Final = frozenset(RunOptions.__annotations__) - frozenset(Choices.__annotations__)


def plan_views(
    views: Sequence[tuple[str | None, ViewOptions]],
    common: Choices,
    on_notice: Callable[[str], None] | None,
) -> list[ViewPlan]:
    """Plan every view.

    Args:
        views: Name and own choices of each; a view without a name is called after its model.
        common: Choices for all views, where a view does not choose by itself.
        on_notice: Told what a user must know of a model.

    Raises:
        VifexError: If a choice is unknown or does not fit the others.
    """
    if not views:
        raise InputError("no view was asked for.", todo="Leave `views` out for one view.")
    plans = [_plan(name, joined_choices(own, common), on_notice) for name, own in views]
    _check_kinds(plans, [own for _, own in views], common)
    return plans


def plan_run(
    options: RunOptions, on_notice: Callable[[str], None] | None
) -> tuple[list[ViewPlan], MachineUse]:
    """Plan the views of a run, and say what it may use of the machine.

    Args:
        options: As a user gives them.
        on_notice: Told what a user must know of a model.

    Raises:
        VifexError: If an option is unknown, has another type, or does not fit the others.
    """
    of_run = {n: v for n, v in options.items() if n not in Choices.__annotations__}
    check_options(of_run, RunOptions, words=("model",))
    choices = cast(Choices, {n: v for n, v in options.items() if n not in _OF_RUN})
    devices = take_devices(choices)
    wanted = wanted_views(options.get("model"), options.get("view"), options.get("views"))
    use: MachineUse = {
        "workers": options.get("workers"),
        "cores": options.get("cores"),
        "memory_bytes": options.get("memory"),
        "limits": options.get("limits"),
        "shards": options.get("shards"),
        "devices": devices,
    }
    return plan_views(wanted, choices, on_notice), use


def take_devices(choices: Choices) -> tuple[str, ...]:
    """Take a list of devices out of the choices for views, which are planned for the first one."""
    devices = split_devices(choices.get("device"))
    if devices:
        choices["device"] = devices[0]
    return devices


def wanted_views(
    model: str | os.PathLike[str] | LoadedModel | Sequence[str] | None,
    view: str | None,
    views: Mapping[str, ViewOptions] | None,
) -> list[tuple[str | None, ViewOptions]]:
    """Name and own choices of each view; without a name where it is called after its model."""
    if views is not None:
        if model is not None or view is not None:
            raise InputError(
                "views were given beside a model or a view.", todo="Name the model inside the view."
            )
        return list(views.items())
    single = not isinstance(model, Iterable) or isinstance(model, str | bytes | Mapping)
    models: list[Any] = [] if model is None else [model] if single else list(cast("Sequence[str]", model))
    if model is not None and not models:
        raise InputError("no model was given.", todo="Leave `model` out for the embedded one.")
    if len(models) < 2:
        own: ViewOptions = {"model": models[0]} if models else {}
        return [(view or "main", own)]
    if view is not None:
        raise InputError("one view cannot hold several models.", todo="Leave the view's name out.")
    return [(None, {"model": name}) for name in models]


def _check_kinds(plans: Sequence[ViewPlan], own: Sequence[ViewOptions], common: Choices) -> None:
    """Check that each choice for images or for sound meets a view that it is for."""
    views = [(plan.recipe.audio is not None, dict(words)) for plan, words in zip(plans, own, strict=True)]
    of_images = (*_SAMPLERS, "changed_only", "preset", "regions", "grid")
    for of_sound, words, todo in (
        (True, tuple(_SOUND), 'Name a model of sound, e.g. `model="hf/laion/clap-htsat-unfused"`.'),
        (False, of_images, "Use `window_s=` and `window_hop_s=` for sound."),
    ):
        for word in words:
            misplaced = any(_is_given(v, word) and is_sound != of_sound for is_sound, v in views)
            unmet = all(is_sound != of_sound for is_sound, _ in views)
            if misplaced or (unmet and _is_given(common, word)):
                wanted = "models of sound" if of_sound else "models of images and videos"
                raise InputError(f"is for {wanted}, and no view has one.", option=word, todo=todo)


def _is_given(choices: Mapping[str, object], word: str) -> bool:
    value = choices.get(word)
    return value is not None and value is not False


def joined_choices(own: ViewOptions, common: Choices) -> dict[str, Any]:
    """Return all choices of a view: its own ones, and the common ones where it does not choose by itself.

    Raises:
        InputError: If a choice is unknown.
    """
    known = sorted({*Choices.__annotations__, *ViewOptions.__annotations__})
    for word in (*own, *common):
        if word not in known:
            raise InputError(
                f"there is no choice {word!r} for a view.",
                todo=f"{near(word, known)}Known: {', '.join(known)}.",
            )
    check_options({**common, **own}, ViewOptions, words=("precision", "engine"))
    shared: dict[str, Any] = dict(common)
    if any(s in own for s in (*_SAMPLERS, "preset")):  # a way of sampling of its own replaces the common one
        shared = {k: v for k, v in shared.items() if k not in _SAMPLING}
    # A recipe is written as JSON, which knows no numbers of NumPy.
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in {**shared, **own}.items()}


def _load(wanted: str | os.PathLike[str], chosen: Mapping[str, Any]) -> Model:
    card = chosen.get("card")
    return load_model(
        wanted,
        weights=chosen.get("weights"),
        card=None if card is None else Path(card),
        trust_code=bool(chosen.get("trust_code", False)),
    )


def _of_loaded(loaded: LoadedModel, chosen: Mapping[str, Any]) -> Model:
    given = [word for word in ("weights", "card") if chosen.get(word) is not None]
    if given:
        raise InputError(
            f"{' and '.join(given)} were given beside a loaded model.", todo="Give them to vifex.load_model."
        )
    if loaded.card.ready is not None:
        raise InputError(
            "the model has a transform of its own, which decoder processes do not run.",
            of=loaded.card.name,
            todo="Load the module with card= in place of transform=, or call encode or features.",
        )
    return loaded.model


def _plan(name: str | None, chosen: dict[str, Any], on_notice: Callable[[str], None] | None) -> ViewPlan:
    sampling = make_sampling(**{k: chosen[k] for k in _SAMPLING if k in chosen})
    options = {k: chosen[k] for k in _PLAN if k in chosen}
    if isinstance(options.get("layers"), str):  # a text is a sequence too, of letters
        options["layers"] = [options["layers"]]
    preset = load_preset(chosen["preset"]) if chosen.get("preset") else None
    if preset is not None:
        if sampling is not None:
            raise InputError(
                f"the preset {preset.name!r} says how to sample.",
                todo="Leave out `fps=`, `clip=` and the other options of sampling.",
            )
        sampling = preset.sampling
        options |= {"decode": preset.decode, "layers": options.get("layers") or preset.layers}
    wanted = chosen.get("model") or (preset.model if preset else "default")
    engine = EngineOptions(**{k: chosen[k] for k in _ENGINE if k in chosen})
    if isinstance(wanted, LoadedModel):
        model = _of_loaded(wanted, chosen)
        engine = engine.or_else(wanted.options)
        options.setdefault("precision", wanted.precision)
    else:
        model = _load(wanted, chosen)
        tell_licence(model.card, on_notice)
    regions = make_regions(**{k: chosen[k] for k in _REGIONS if k in chosen})
    return plan_view(
        name or model.card.name,
        model,
        sampling=sampling,
        regions=regions,
        preset=preset.name if preset else None,
        options=engine,
        sound=SoundChoice(**{_SOUND[k]: chosen[k] for k in _SOUND if k in chosen}),
        **options,
    )
