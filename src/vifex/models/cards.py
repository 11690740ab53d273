"""Model cards: reading, checking and writing `MODEL.vifex.toml`, which is beside a model's file.

A card says how pixels or sound must be prepared for a network, what its layers are called and where its
weights come from.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, get_args

from vifex.values import AudioInput, ModelCard, ModelError
from vifex.values.audio import AudioTail
from vifex.values.pixels import Interpolation, Resize
from vifex.values.registry import near

__all__ = ["LAYOUTS", "card_path", "format_card", "make_card", "parse_card", "read_card"]

LAYOUTS: Final = ("NCHW", "NHWC", "NCTHW", "NTHWC", "NTCHW", "NS")
"""Orders of the axes of a network's input; with `T` it takes clips, with `NS` samples of sound."""

_CARD_BYTES: Final = 1 << 20
"""Longest card; a card is one page of text."""
_LARGEST: Final = 1 << 30
"""Largest size or count in a card."""
_MOST_PIXELS: Final = 1 << 29
"""Most pixels of one input, all its frames together."""
_SHOWN: Final = 80
"""Characters of a value in a message."""
_SIZES: Final = ("height_px", "width_px")
_REQUIRED: Final = ("name", *_SIZES)


def card_path(graph: Path) -> Path:
    """Return the place of a model file's card: `net.onnx` -> `net.vifex.toml`."""
    return graph.with_suffix(".vifex.toml")


def read_card(path: Path) -> ModelCard:
    """Read and check a card.

    Raises:
        ModelError: If the file is missing, is not valid TOML, or is not a valid card.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_CARD_BYTES + 1)
        text = data.decode() if len(data) <= _CARD_BYTES else " " * len(data)
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ModelError(f"the model card cannot be read: {why}.", of=str(path)) from exc
    return parse_card(text, of=str(path))


def parse_card(text: str, *, of: str) -> ModelCard:
    """Check a card's text.

    Args:
        text: TOML.
        of: The card's file, for messages.

    Raises:
        ModelError: If a key or a value is wrong; the message says which, and what would be right.
    """
    if len(text) > _CARD_BYTES:
        raise ModelError(f"the model card is longer than {_CARD_BYTES} bytes.", of=of, todo="Shorten it.")
    try:
        data = tomllib.loads(text)
    except RecursionError as exc:
        raise ModelError("the model card's brackets are nested too deep.", of=of, todo="Correct it.") from exc
    except ValueError as exc:  # from TOML, or from a number with thousands of digits
        raise ModelError(
            f"the model card is not valid TOML: {_short(str(exc))}.", of=of, todo="Correct it there."
        ) from exc
    return make_card(data, of=of)


def make_card(data: Mapping[str, Any], *, of: str) -> ModelCard:
    """Check the contents of a card.

    Args:
        data: Keys and values as TOML gives them.
        of: The card's file, for messages.

    Raises:
        ModelError: If a key or a value is wrong; the message says which, and what would be right.
    """
    known = list(_CHECKS)
    for key in data:
        if key not in _CHECKS:
            raise ModelError(
                f"the model card has an unknown key {_short(repr(key))}.",
                of=of,
                todo=f"{near(key[:_SHOWN], known)}Known: {', '.join(known)}.",
            )
    if "audio" in data:  # a network for sound has no size in pixels
        data = {"height_px": 0, "width_px": 0, "layout": "NS", **data}
    for key in _REQUIRED:
        if key not in data:
            raise ModelError(f"the model card has no {key!r}.", of=of, todo=f"Add {key}: {_CHECKS[key][1]}.")
    unchecked = _SIZES if "audio" in data else ()
    values = {k: v if k in unchecked else _checked(k, v, of) for k, v in data.items()}
    _check_together(values, of)
    return ModelCard(**values)


def format_card(card: ModelCard) -> str:
    """Write a card as TOML; `parse_card` gives an equal card back."""
    lines = []
    tables = []
    for field in fields(card):
        value = getattr(card, field.name)
        if isinstance(value, AudioInput):
            value = value.to_dict()
        if card.audio is not None and field.name in _SIZES:
            continue
        if isinstance(value, Mapping):
            if value:
                rows = (f"{_toml(k)} = {_toml(v)}" for k, v in value.items())
                tables.append("\n".join(["", f"[{field.name}]", *rows]))
        elif value is not None:
            lines.append(f"{field.name} = {_toml(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        # Every control character has the \uXXXX form in TOML.
        return '"' + "".join(c if c.isprintable() or c == " " else _escape(c) for c in escaped) + '"'
    return repr(value)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _checked(key: str, value: Any, of: str) -> Any:
    convert, wanted = _CHECKS[key]
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise ModelError(
            f"the model card's {key!r} is {_short(repr(value))}.", of=of, todo=f"It must be {wanted}."
        ) from exc


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


def _check_together(values: dict[str, Any], of: str) -> None:
    layout, frames = values.get("layout", "NCHW"), values.get("frames")
    if (layout == "NS") != ("audio" in values):
        raise ModelError(
            f"the model card's layout {layout!r} and its [audio] do not fit.",
            of=of,
            todo="A network for sound has an [audio] table and the layout NS; others have neither.",
        )
    if ("T" in layout) != (frames is not None):
        raise ModelError(
            f"the model card's layout {layout!r} and frames {frames!r} do not fit.",
            of=of,
            todo="A layout with T needs frames; one without T takes single images and has no frames.",
        )
    if values.get("shared_frames", 0) >= (frames or 1):
        raise ModelError(
            f"the model card's shared_frames {values['shared_frames']} and frames {frames!r} do not fit.",
            of=of,
            todo="A clip must share fewer frames with the next one than it has.",
        )
    pixels = values["height_px"] * values["width_px"] * (frames or 1)
    if pixels > _MOST_PIXELS:
        raise ModelError(
            f"one input of the model card has {pixels} pixels.",
            of=of,
            todo=f"At most {_MOST_PIXELS} are run.",
        )
    try:
        # PixelSpec checks resize, resize_px and the size together.
        ModelCard(**values).pixel_spec()
    except ValueError as exc:
        raise ModelError(
            f"the model card contradicts itself: {_short(str(exc))}.", of=of, todo="Correct it."
        ) from exc


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def _name(value: Any) -> str:
    if not _text(value):
        raise ValueError
    return _text(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if not 1 <= value <= _LARGEST:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _count(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def _positive(value: Any) -> float:
    if _number(value) <= 0:
        raise ValueError
    return float(value)


def _three(each: Callable[[Any], float]) -> Callable[[Any], tuple[float, ...]]:
    def convert(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list) or len(value) != 3:
            raise TypeError
        return tuple(each(v) for v in value)

    return convert


def _one_of(*choices: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return convert


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_name(v) for v in value)


def _size(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError
    return _count(value[0]), _count(value[1])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _audio(value: Any) -> AudioInput:
    if not isinstance(value, dict) or set(value) - {"sample_rate_hz", "window_s", "max_window_s", "tail"}:
        raise TypeError
    said = dict(value)
    said["sample_rate_hz"] = _count(said.get("sample_rate_hz"))
    for key in ("window_s", "max_window_s"):
        if key in said or key == "window_s":
            said[key] = _positive(said.get(key))
    if "tail" in said:
        said["tail"] = _one_of(*get_args(AudioTail))(said["tail"])
    return AudioInput(**said)


def _text_map(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError
    return {_name(k): _name(v) for k, v in value.items()}


def _digest(value: Any) -> str:
    text = _text(value).lower()
    if text and (len(text) != 64 or set(text) - set("0123456789abcdef")):
        raise ValueError
    return text


def _choice(*choices: str) -> tuple[Callable[[Any], Any], str]:
    return _one_of(*choices), " or ".join(f'"{c}"' for c in choices)


_CHECKS: Final[dict[str, tuple[Callable[[Any], Any], str]]] = {
    "name": (_name, 'a text with the version, e.g. "resnet50-imagenet-1"'),
    "height_px": (_count, "a whole number of pixels of at least 1"),
    "width_px": (_count, "a whole number of pixels of at least 1"),
    "frames": (_count, "a whole number of frames per window of at least 1"),
    "layout": _choice(*LAYOUTS),
    "scale": (_positive, "a number above 0: pixels 0 to 255 are divided by it"),
    "mean": (_three(_number), "a list of three numbers, one per channel in the network's order"),
    "std": (_three(_positive), "a list of three numbers above 0, one per channel in the network's order"),
    "channel_order": _choice("RGB", "BGR"),
    "resize": _choice(*(how for how in get_args(Resize) if how != "processor")),
    "resize_px": (_count, "a whole number of pixels: the shorter side before the crop"),
    "interpolation": _choice(*get_args(Interpolation)),
    "default_layers": (_texts, "a list of names of layers or aliases"),
    "aliases": (_text_map, "a table of short name = node name, both texts"),
    "licence": (_text, "a text"),
    "provenance": (_text, "a text"),
    "sha256": (_digest, "64 hexadecimal digits"),
    "resize_hw_px": (_size, "a list of two whole numbers of pixels: height and width before the crop"),
    "crop_down": (_flag, "true or false"),
    "fusion": (_text, "a text: which layers became one vector, and how"),
    "frame_step": (_count, "a whole number of frames of at least 1, from one of a window to its next"),
    "shared_frames": (_whole, "a whole number of frames, fewer than a window has"),
    "audio": (
        _audio,
        "a table with sample_rate_hz and window_s, and maybe max_window_s and tail (drop, pad or repeat)",
    ),
}
