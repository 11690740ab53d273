"""From the words of a user to a sampling and to regions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

from vifex.media.shots.shot import SHOT_RULE
from vifex.values import InputError, Regions, Sampling
from vifex.values.sampling import MOST_CHANGE, RegionMethod, Tail

__all__ = ["make_regions", "make_sampling"]

_SAMPLERS = {"times_s": "times", "per_shot": "shots"}
"""Samplers that are not called as the option that asks for them."""
_CLIP = re.compile(r"(\d+)x(\d+)")


def make_sampling(
    *,
    fps: float | None = None,
    every: int | None = None,
    uniform: int | None = None,
    clip: str | None = None,
    times_s: Sequence[float] | None = None,
    frames: Sequence[int] | None = None,
    keyframes: bool = False,
    per_shot: int | None = None,
    max_frames: int | None = None,
    changed_only: float | None = None,
    hop: int | None = None,
    tail: Tail = "drop",
    centre: bool = False,
    start_s: float | None = None,
    end_s: float | None = None,
    assume_fps: float | None = None,
) -> Sampling | None:
    """Return the sampling that the options mean; `None` where nothing was asked for.

    Args:
        fps: Samples per second; with `clip`, the rate at which the clip's frames are taken.
        every: Each N-th frame.
        uniform: N samples spread evenly.
        clip: Windows, `LENGTHxSTRIDE`: LENGTH frames, STRIDE from one to the next.
        times_s: Single frames, by the times in seconds at which they are on screen.
        frames: Single frames, by their numbers from 0.
        keyframes: The key frames.
        per_shot: So many frames of each shot.
        max_frames: Samples of one medium at most, spread evenly.
        changed_only: Compute frames alone that differ from the last computed one by more than this share of
            the contrast.
        hop: Frames from one window's first to the next window's first; with `fps`, times of that rate.
        tail: What becomes of a window that is not full.
        centre: Lay windows around frames, by default around every one.
        start_s: Where sampling starts, in seconds of the video.
        end_s: Where it ends.
        assume_fps: Frame rate for streams without any times.

    Raises:
        InputError: If two samplers are asked for at once, or a number makes no sense.
    """
    numbers = {"fps": fps, "start_s": start_s, "end_s": end_s, "assume_fps": assume_fps}
    _check_numbers({**numbers, "changed_only": changed_only})
    # `fps=2` and `fps=2.0` are one recipe.
    fps, start_s, end_s, assume_fps = (None if one is None else float(one) for one in numbers.values())
    _check_change(changed_only, clip)
    if end_s is not None and end_s <= (start_s or 0.0):
        raise InputError(
            f"is {end_s:g} s, which leaves nothing from {start_s or 0.0:g} s on.",
            option="end_s",
            todo="Give a later end.",
        )
    listed = {"times_s": times_s, "frames": frames}
    for option, values in listed.items():
        _check_listed(option, values)
    if max_frames is not None and not (isinstance(max_frames, Integral) and max_frames >= 1):
        todo = "Give a whole number from 1 on, such as 100."
        raise InputError(f"takes a number of frames, got {max_frames!r}.", option="max_frames", todo=todo)
    given = {"fps": fps, "every": every, "uniform": uniform, **listed, "clip": clip}
    given["keyframes"] = True if keyframes else None
    given["per_shot"] = per_shot
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1 and chosen != ["fps", "clip"]:
        raise InputError(
            f"{' and '.join(f'`{name}=`' for name in chosen)} were given together.",
            todo="Give one way of sampling per run and view.",
        )
    if hop is not None and clip is None:
        raise InputError("is for clips.", option="hop", todo="Give it together with `clip=LENGTHxSTRIDE`.")
    _check_per_shot(per_shot)
    if centre and (clip is None or tail == "repeat"):
        why = "is for clips." if clip is None else 'cannot fill both ends with `tail="repeat"`.'
        todo = 'Give it with `clip=LENGTHxSTRIDE` and `tail="drop"`, `"pad"` or `"zeros"`.'
        raise InputError(why, option="centre", todo=todo)
    length, step = _parse_clip(clip) if clip is not None else (None, None)
    sampler = chosen[-1] if chosen else "fps"
    if not chosen and (start_s, end_s, assume_fps, max_frames, changed_only) == (None,) * 5:
        return None
    try:
        return Sampling(
            sampler=_SAMPLERS.get(sampler, sampler),  # type: ignore[arg-type]
            fps=(1.0 if fps is None else fps) if sampler == "fps" else None,
            every=every,
            uniform=uniform,
            clip_length=length,
            frame_step=step,
            hop=hop,
            tail=tail,
            t_start_s=start_s,
            t_end_s=end_s,
            assume_fps=assume_fps,
            clip_fps=fps if sampler == "clip" else None,
            centre=centre,
            times_s=tuple(map(float, times_s or ())),
            frames=tuple(frames or ()),
            per_shot=per_shot,
            shot_rule=None if per_shot is None else SHOT_RULE,
            max_frames=None if max_frames is None else int(max_frames),
            changed_only=None if changed_only is None else float(changed_only),
        )
    except ValueError as exc:
        raise InputError(f"the sampling makes no sense: {exc}.", todo="Give positive numbers.") from exc


def _check_numbers(options: Mapping[str, object]) -> None:
    """Refuse NaN, infinity and what is no number, which a sampler would meet in each medium anew."""
    for option, value in options.items():
        if value is not None and not (isinstance(value, Real) and math.isfinite(value)):
            raise InputError(
                f"takes a number, got {value!r}.", option=option, todo="Give a number such as 2.5."
            )


def _check_per_shot(per_shot: int | None) -> None:
    if per_shot is not None and not (isinstance(per_shot, Integral) and per_shot >= 1):
        raise InputError(
            f"takes a number of frames from 1 on, got {per_shot!r}.",
            option="per_shot",
            todo="Give for example 3.",
        )


def _check_change(bound: float | None, clip: str | None) -> None:
    if bound is None:
        return
    if not 0 <= bound <= MOST_CHANGE:
        raise InputError(
            f"takes a share of the image's contrast from 0 to {MOST_CHANGE:g}, got {bound:g}.",
            option="changed_only",
            todo="It is no cosine. Give `changed_only=0.03`, or a larger one to compute fewer frames.",
        )
    if clip is not None:
        raise InputError(
            "is for single frames, not for clips.", option="changed_only", todo="Leave out one of the two."
        )


def _check_listed(option: str, values: Sequence[float] | None) -> None:
    """Refuse an empty list, and what is no time or number of a frame."""
    if values is None:
        return
    whole = option == "frames"
    fits = bool(values) and all(
        isinstance(value, Integral if whole else Real) and 0 <= value < math.inf for value in values
    )
    if not fits:
        what = "numbers of frames" if whole else "times in seconds"
        todo = "Give for example 0, 25, 50." if whole else "Give for example 0.5, 12, 90."
        raise InputError(f"takes {what} from 0 on, got {list(values)!r}.", option=option, todo=todo)


def make_regions(
    *,
    regions: RegionMethod | None = None,
    grid: str | None = None,
    overlap: float = 0.0,
    bins: int = 7,
    sampling_ratio: int = -1,
    aligned: bool = True,
) -> Regions | None:
    """Return the regions that the options mean; `None` where nothing was asked for.

    Args:
        regions: `crop`, `roi_align` or `roi_pool`.
        grid: `ROWSxCOLS` of boxes over each frame, instead of a manifest's boxes.
        overlap: Part of a grid box's side that it shares with its neighbour.
        bins: Bins per side that a box becomes on a map.
        sampling_ratio: Samples per bin and side for `roi_align`.
        aligned: For `roi_align`, shift boxes by half a cell.

    Raises:
        InputError: If a number makes no sense.
    """
    if regions is None and grid is None:
        return None
    match = _CLIP.fullmatch(grid.strip().lower()) if grid is not None else None
    if grid is not None and match is None:
        raise InputError(
            f"takes ROWSxCOLS, got {grid!r}.", option="grid", todo='Write for example `grid="3x3"`.'
        )
    try:
        return Regions(
            method=regions or "crop",
            grid=None if match is None else (int(match[1]), int(match[2])),
            overlap=overlap,
            output_size=bins,
            sampling_ratio=sampling_ratio,
            aligned=aligned,
        )
    except ValueError as exc:
        raise InputError(f"the regions make no sense: {exc}.", todo="Correct that option.") from exc


def _parse_clip(clip: str) -> tuple[int, int]:
    match = _CLIP.fullmatch(clip.strip().lower())
    if match is None:
        raise InputError(
            f"takes LENGTHxSTRIDE, got {clip!r}.",
            option="clip",
            todo='Write for example `clip="16x2"`: 16 frames, of every second one.',
        )
    return int(match[1]), int(match[2])
