"""The edits: each changes the frames of a span, some change its speed or its encoding."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from edited.frames import Frame

__all__ = ["EDITS", "Edit"]

Change = Callable[[Image.Image, int], Image.Image]
"""Takes a frame and its number."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What one copy went through."""

    name: str
    change: Callable[[random.Random], Change] = lambda _: lambda image, _number: image
    speeds: tuple[float, ...] = (1.0,)
    crf: int = 23
    change_over: Callable[[random.Random, list[Frame]], Change] | None = None
    """Instead of `change` where another video shows as well."""

    def frames(
        self, frames: list[Frame], chance: random.Random, backdrop: list[Frame]
    ) -> tuple[list[Frame], float]:
        """Return the frames after the edit, all of the size of the first, and the speed."""
        speed = chance.choice(self.speeds)
        change = self.change_over(chance, backdrop) if self.change_over else self.change(chance)
        count = int(len(frames) / speed)
        chosen = [frames[min(len(frames) - 1, int(k * speed))] for k in range(count)]
        return [np.asarray(change(Image.fromarray(f), k).convert("RGB")) for k, f in enumerate(chosen)], speed


def _crop(chance: random.Random) -> Change:
    share = chance.uniform(0.65, 0.8)
    x, y = chance.random(), chance.random()

    def change(image: Image.Image, _number: int) -> Image.Image:
        width, height = round(image.width * share), round(image.height * share)
        left, top = round((image.width - width) * x), round((image.height - height) * y)
        return image.crop((left, top, left + width, top + height)).resize(image.size)

    return change


def _half_size(_chance: random.Random) -> Change:
    def change(image: Image.Image, _number: int) -> Image.Image:
        return image.resize((image.width // 2, image.height // 2)).resize(image.size)

    return change


def _mirror(_chance: random.Random) -> Change:
    return lambda image, _number: ImageOps.mirror(image)


def _text(chance: random.Random) -> Change:
    """A caption and a smaller line, each of its own words, place and colour."""
    lines = []
    for size, top in ((14, chance.uniform(0.75, 0.88)), (20, chance.uniform(0.02, 0.2))):
        words = ["".join(chance.choices("abcdeghilmnoprstu", k=chance.randint(2, 8))) for _ in range(3)]
        colour = chance.choice(["white", "yellow", "red", "cyan"])
        lines.append((" ".join(words), size, chance.uniform(0.02, 0.3), top, colour))

    def change(image: Image.Image, _number: int) -> Image.Image:
        draw = ImageDraw.Draw(image)
        for text, size, left, top, colour in lines:
            font = ImageFont.load_default(size=max(9, image.width // size))
            place = (image.width * left, image.height * top)
            draw.text(place, text, fill=colour, font=font, stroke_width=1, stroke_fill="black")
        return image

    return change


def _inset(chance: random.Random, backdrop: list[Frame]) -> Change:
    """Half the width, in a corner of another video."""
    corner = chance.choice([(0.04, 0.04), (0.46, 0.04), (0.04, 0.46), (0.46, 0.46)])

    def change(image: Image.Image, number: int) -> Image.Image:
        whole = Image.fromarray(backdrop[number % len(backdrop)]).resize(image.size)
        small = image.resize((image.width // 2, image.height // 2))
        whole.paste(small, (round(image.width * corner[0]), round(image.height * corner[1])))
        return whole

    return change


def _letterbox(chance: random.Random) -> Change:
    upright = chance.random() < 0.3
    share = chance.uniform(0.65, 0.8)

    def change(image: Image.Image, _number: int) -> Image.Image:
        width, height = image.size
        size = (round(width * share), height) if upright else (width, round(height * share))
        whole = Image.new("RGB", image.size)
        whole.paste(image.resize(size), ((width - size[0]) // 2, (height - size[1]) // 2))
        return whole

    return change


_TONES = {gain: [min(255, round(value * gain)) for value in range(256)] for gain in (0.75, 1.25)}


def _colour(chance: random.Random) -> Change:
    kind = chance.choice(["grey", "bright", "dark", "warm", "contrast"])

    def change(image: Image.Image, _number: int) -> Image.Image:
        if kind == "grey":
            return ImageOps.grayscale(image).convert("RGB")
        if kind == "bright":
            return ImageEnhance.Brightness(image).enhance(1.4)
        if kind == "dark":
            return ImageEnhance.Brightness(image).enhance(0.6)
        if kind == "contrast":
            return ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(1.6)).enhance(1.3)
        red, green, blue = image.split()
        return Image.merge("RGB", (red.point(_TONES[1.25]), green, blue.point(_TONES[0.75])))

    return change


def _soft(_chance: random.Random) -> Change:
    return lambda image, _number: image.filter(ImageFilter.GaussianBlur(1))


EDITS = (
    Edit("cut"),
    Edit("re-encoded", _half_size, crf=36),
    Edit("cropped", _crop),
    Edit("mirrored", _mirror),
    Edit("faster", speeds=(1.1, 1.15, 1.2, 1.25)),
    Edit("slower", speeds=(0.8, 0.85, 0.9)),
    Edit("text over it", _text),
    Edit("picture in picture", change_over=_inset),
    Edit("letterboxed", _letterbox),
    Edit("colours changed", _colour),
    Edit("blurred", _soft, crf=30),
)
