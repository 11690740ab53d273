"""Processors of transformers: Vifex's pixels against each class's own, by default and with options varied.

`processors.py PHOTOS_FOLDER` prints a line for each class as JSON. No network and no weights are needed.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from one import images
from PIL import Image

from vifex.media.decode.images.image import StillImage
from vifex.models.families.libraries.hf_check import checked_pixels
from vifex.values import ModelCard, ModelError

__all__ = [
    "OPTIONS",
    "PROCESSORS",
    "Verdict",
    "judge",
    "judge_class",
    "keeps",
    "samples",
    "summed",
    "variants",
]

Pixels = npt.NDArray[Any]
Verdict = dict[str, Any]

OPTIONS: dict[str, tuple[Any, ...]] = {
    "do_resize": (False,),
    "size": (
        {"height": 48, "width": 48},
        {"height": 48, "width": 64},
        {"shortest_edge": 48},
        {"shortest_edge": 48, "longest_edge": 80},
        {"longest_edge": 64},
        {"max_height": 64, "max_width": 48},
    ),
    "default_to_square": (True, False),
    "do_center_crop": (True, False),
    "crop_size": ({"height": 40, "width": 40}, {"height": 33, "width": 40}, {"height": 700, "width": 700}),
    "crop_pct": (0.8, 1.0),
    "do_pad": (True, False),
    "pad_size": ({"height": 320, "width": 320},),
    "size_divisor": (16,),
    "pad_size_divisor": (64,),
    "keep_aspect_ratio": (True,),
    "ensure_multiple_of": (16,),
    "resample": (0, 1, 2, 3, 4, 5),
    "do_rescale": (False,),
    "rescale_factor": (1 / 127.5,),
    "rescale_offset": (True, False),
    "offset": (True, False),
    "do_normalize": (True, False),
    "image_mean": ([0.1, 0.2, 0.3],),
    "image_std": ([0.4, 0.5, 0.6],),
    "include_top": (True, False),
    "do_convert_rgb": (True, False),
    "do_flip_channel_order": (True, False),
    "do_grayscale": (True,),
    "do_thumbnail": (True, False),
    "do_align_long_axis": (True, False),
    "do_crop_margin": (True, False),
    "do_image_splitting": (True, False),
    "do_pan_and_scan": (True,),
    "crop_to_patches": (True, False),
    "do_reduce_labels": (True,),
}
"""What is varied, one option at a time, where a class has it; the rest stays as the class has it by default,
but that sizes of more than 400 pixels are made smaller."""

PROCESSORS = (
    "DPTImageProcessor",
    "JanusImageProcessor",
    "LevitImageProcessor",
    "LlavaImageProcessor",
    "MobileViTImageProcessor",
    "PerceiverImageProcessor",
    "PoolFormerImageProcessor",
    "VideoMAEVideoProcessor",
)
"""A few classes that stand for all: tests judge these anew."""

_LARGE_PX = 400

OWN_STEPS = 0.51
"""At most, in steps of 255, where the processor itself makes the pixels."""
CARD_STEPS, CARD_SHARE = 10.0, 0.001
"""By a card's words: Pillow and torch run the two passes of a filter in another order, and round and clamp
between them. Nearly all numbers are a step away at most; single ones, at hard edges, a few."""


def class_names() -> list[str]:
    """Every class of transformers that makes pixels of images or videos for some kind of network."""
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING_NAMES

    known = [*IMAGE_PROCESSOR_MAPPING_NAMES.values(), *VIDEO_PROCESSOR_MAPPING_NAMES.values()]
    return sorted({kinds.get("torchvision") or kinds["pil"] for kinds in known if kinds})


def samples(photographs: list[Image.Image]) -> list[Image.Image]:
    """Photographs in sizes and shapes that are not those of the check at loading."""
    sizes = ((500, 333), (301, 452), (97, 64), (630, 90), (224, 224))
    return [
        photographs[i % len(photographs)].resize(size, Image.Resampling.BICUBIC)
        for i, size in enumerate(sizes)
    ]


def judge_class(name: str, photographs: list[Image.Image]) -> dict[str, Verdict]:
    """Judge a class with its defaults and with each variant: name of the variant to its verdict."""
    import transformers

    kind = getattr(transformers, name)
    found = {}
    for variant, settings in variants(kind):
        try:
            processor = kind(**settings)
        except Exception as exc:  # whatever a class raises: there is no such processor then
            found[variant] = {"how": "none", "why": f"{type(exc).__name__}: {str(exc)[:120]}"}
            continue
        found[variant] = judge(processor, photographs)
    return found


def variants(kind: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the defaults of a class and each option that it knows with each of its values."""
    base: dict[str, Any] = {}
    if kind.__name__ == "TimmWrapperImageProcessor":
        import timm

        base = {"pretrained_cfg": timm.get_pretrained_cfg("test_vit.r160_in1k").to_dict()}
    yield "default", base
    if base:
        return  # it has no other settings
    known = getattr(getattr(kind, "valid_kwargs", None), "__annotations__", {})
    base = _smaller(kind)
    for option, values in OPTIONS.items():
        if option in known or hasattr(kind, option):
            for value in values:
                if value != getattr(kind, option, None):
                    yield f"{option}={json.dumps(value)}", {**base, option: value}


def _smaller(kind: Any) -> dict[str, Any]:
    """Sizes for a class of large images: parts of its own, so that a variant takes little time."""
    sizes = {option: getattr(kind, option, None) for option in ("size", "crop_size", "pad_size")}
    sizes = {option: dict(size) for option, size in sizes.items() if isinstance(size, dict)}
    longest = max((n for size in sizes.values() for n in size.values() if isinstance(n, int)), default=0)
    if longest <= _LARGE_PX:
        return {}
    part = _LARGE_PX / 2 / longest
    return {
        option: {side: max(32, round(n * part / 16) * 16) if n else n for side, n in size.items()}
        for option, size in sizes.items()
    }


def judge(processor: Any, photographs: list[Image.Image]) -> Verdict:
    """Say how Vifex makes a processor's pixels, and how far they are from its own.

    Returns:
        `how`: `card` (its settings in a card's words), `processor` (itself) or `refused`; with
        `difference`, the largest of any number, in steps of 255 before normalisation, and `share`, how many
        of them are more than a step away; or `why`.
    """
    try:
        card = ModelCard("x", **checked_pixels(processor, of="x"))
    except ModelError as exc:
        return {"how": "refused", "why": exc.what.partition(": ")[2].rstrip(".")}
    worst, beyond, count = 0.0, 0, 0
    for image in photographs:
        ready = StillImage(image, image.size, 1).ready(card.pixel_spec("exact"), None)
        ours = (_ordered(ready, card).astype(np.float64) / card.scale - card.mean) / card.std
        apart = np.abs(ours - _own(processor, image)) * card.std * card.scale
        worst = max(worst, float(apart.max()))
        beyond, count = beyond + int((apart > 1.01).sum()), count + apart.size
    how = "card" if card.processor is None else "processor"
    return {"how": how, "difference": round(worst, 2), "share": float(f"{beyond / count:.1g}")}


def summed(verdicts: dict[str, Verdict]) -> dict[str, Any]:
    """Lay alike verdicts of a class together.

    Returns:
        `default`: its verdict; `card` and `processor`: the largest `difference` and `share` of the other
        variants that are made so, and their names in `variants`, where there are any; `refused` and `none`:
        each reason with the names of its variants.
    """
    others = {name: verdict for name, verdict in verdicts.items() if name != "default"}
    found: dict[str, Any] = {"default": verdicts["default"]}
    for how in ("card", "processor"):
        some = {name: v for name, v in others.items() if v["how"] == how}
        if some:
            most = {key: max(v[key] for v in some.values()) for key in ("difference", "share")}
            found[how] = {"how": how, **most, "variants": list(some)}
    for how in ("refused", "none"):
        reasons: dict[str, list[str]] = {}
        for name, verdict in others.items():
            if verdict["how"] == how:
                reasons.setdefault(verdict["why"], []).append(name)
        found[how] = reasons
    return found


def keeps(verdict: Verdict) -> bool:
    """Whether pixels are the processor's own to within rounding, or refused with a reason."""
    if "difference" not in verdict:
        return bool(verdict["why"])
    if verdict["how"] == "processor":
        return bool(verdict["difference"] <= OWN_STEPS)
    return bool(verdict["difference"] <= CARD_STEPS and verdict["share"] <= CARD_SHARE)


def _ordered(pixels: Pixels, card: ModelCard) -> Pixels:
    return pixels[..., ::-1] if card.channel_order == "BGR" else pixels


def _own(processor: Any, image: Image.Image) -> Pixels:
    """What the processor makes of an image when it is called as its documentation says, `[H, W, 3]`."""
    if type(processor).__name__.endswith("VideoProcessor"):
        made = processor(videos=[[image, image]], do_sample_frames=False, return_tensors="pt")
    else:
        made = processor(images=image, return_tensors="pt")
    pixels = made["pixel_values_videos" if "pixel_values_videos" in made else "pixel_values"].double().numpy()
    return np.asarray(pixels.reshape(-1, *pixels.shape[-3:])[0].transpose(1, 2, 0))


def main(folder: Path, only: list[str]) -> int:
    """Judge every class, or those that are named."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    photographs = samples(images(folder))
    for name in only or class_names():
        print(json.dumps({"name": name, **summed(judge_class(name, photographs))}), flush=True)
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
