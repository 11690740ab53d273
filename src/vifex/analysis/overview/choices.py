"""The choices of a view in words, from its recipe as plain values."""

from __future__ import annotations

from typing import Any, Final

from vifex.values.printing import clean

__all__ = [
    "choices_of",
    "fusion_words",
    "pixel_words",
    "sampling_words",
    "shape_words",
    "sound_words",
    "tree_words",
]

_LISTED: Final = 5
"""Times or frames that are named."""


def choices_of(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the choices that decide a view's rows, each with its name."""
    if recipe.get("audio"):
        return [("sound", sound_words(recipe["audio"]))]
    if recipe.get("fusion"):
        return [("fusion", fusion_words(recipe["fusion"]))]
    if recipe.get("tree"):
        return [("tree", tree_words(recipe["tree"]))]
    if not recipe.get("pixels"):  # rows that were imported
        return []
    return [("pixels", pixel_words(recipe["pixels"])), ("sampling", sampling_words(recipe["sampling"]))]


def shape_words(shape: list[int]) -> str:
    """Write the sizes of a shape."""
    return " x ".join(map(str, shape))


def sound_words(audio: dict[str, Any]) -> str:
    """Write how sound is windowed."""
    text = (
        f"{audio['channels']}, {audio['sample_rate_hz']} Hz, windows of {audio['window_s']:g} s every "
        f"{audio['hop_s']:g} s, tail {audio['tail']}"
    )
    return text + _between(audio)


def fusion_words(fusion: dict[str, Any]) -> str:
    """Write how views were fused."""
    inputs = [
        f"{i['view']}:{i['column']} [{i['size']}]{', mean of the medium' * (i['match'] == 'mean')}"
        for i in fusion["inputs"]
    ]
    if fusion["weights"]:
        inputs = [f"{w:g} x {i}" for w, i in zip(fusion["weights"], inputs, strict=True)]
    lengths = "each of length 1" if fusion["unit"] else "lengths as they are"
    return f"{fusion['method']} of {' + '.join(inputs)}; {lengths}; within {fusion['within_s']:g} s"


def tree_words(tree: dict[str, Any]) -> str:
    """Write how shots or scenes were found."""
    return (
        f"{tree['level']}s of {tree['view']}:{tree['column']}, {tree['pooling']}; cuts: radius "
        f"{tree['radius']}, factor {tree['factor']:g}, least {tree['least']:g}, shortest {tree['shortest']}; "
        f"scenes: similar {tree['similar']:g}"
    )


def pixel_words(pixels: dict[str, Any]) -> str:
    """Write how pixels are made."""
    how = pixels["resize"]
    if pixels.get("processor"):
        size = f"{pixels['width_px']} x {pixels['height_px']}"
        return f"{size}, by transformers' own {clean(pixels['processor']['kind'])}, decoded in full"
    if pixels["resize_px"]:
        how = f"shorter side to {pixels['resize_px']}, centre crop"
    elif pixels.get("resize_hw_px"):
        height_px, width_px = pixels["resize_hw_px"]
        how = f"stretch to {width_px} x {height_px}, centre crop"
    size = f"{pixels['width_px']} x {pixels['height_px']}"
    return f"{size}, {how}, {pixels['interpolation']}, {pixels['decode']} decoding"


def sampling_words(sampling: dict[str, Any]) -> str:
    """Write which frames are taken."""
    match sampling["sampler"]:
        case "fps":
            text = f"{sampling['fps']:g} per second"
        case "every":
            text = f"every {sampling['every']} frames"
        case "uniform":
            text = f"{sampling['uniform']} spread evenly"
        case "keyframes":
            text = "key frames"
        case "shots":
            text = (
                "1 frame of each shot"
                if sampling["per_shot"] == 1
                else f"{sampling['per_shot']} frames of each shot"
            )
        case "times" | "frames" as listed:
            values = sampling["times_s" if listed == "times" else "frames"]
            text = f"{listed} {', '.join(f'{v:g}' for v in values[:_LISTED])}"
            text += f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
        case _:
            centre = sampling.get("centre")
            hop = sampling["hop"] or (1 if centre else sampling["clip_length"] * sampling["frame_step"])
            rate = f" at {sampling['clip_fps']:g} per second" if sampling.get("clip_fps") else ""
            text = (
                f"clips of {sampling['clip_length']} frames{rate}, step {sampling['frame_step']}, "
                f"hop {hop}, {'centred, ' if centre else ''}tail {sampling['tail']}"
            )
    most = sampling.get("max_frames")
    text += f", {most:,} of each medium at most" if most else ""
    bound = sampling.get("changed_only")
    text += "" if bound is None else f", where changed by more than {bound:g} of the contrast"
    pages = ", a row for each page" if sampling.get("pages") == "all" else ""
    return text + _between(sampling) + pages


def _between(chosen: dict[str, Any]) -> str:
    start_s, end_s = chosen["t_start_s"], chosen["t_end_s"]
    text = "" if start_s is None else f", from {start_s:g} s"
    return text if end_s is None else f"{text}, to {end_s:g} s"
