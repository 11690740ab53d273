"""Networks of all families whose names are similar to a word that the user gave as a model.

Names are read from the source files of the installed libraries, which takes a tenth of a second; importing
them would take several. For a library that is not installed, its best-known names are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from vifex.models.families.libraries.hf_catalogue import CATALOGUE

__all__ = ["nearby"]

_MOST: Final = 4
_PER_FAMILY: Final = 2
_LEAST: Final = 3
"""Fewest letters and digits of a word."""
_GUESSED: Final = 2
"""The first rank that is a guess; see `_ranked`."""
_REGISTERED: Final = re.compile(r"^@register_model.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
_TAGGED: Final = re.compile(r"^\s+['\"](\w+\.\w+)['\"]: *_\w*cfg\(", re.MULTILINE)
_OWN: Final = {"c3d": ["sports1m"], "i3d": ["rgb-kinetics400", "flow-kinetics400"]}
_KNOWN: Final = {
    "torchvision": "alexnet convnext_tiny convnext_base densenet121 efficientnet_b0 efficientnet_v2_s "
    "googlenet inception_v3 maxvit_t mc3_18 mnasnet1_0 mobilenet_v2 mobilenet_v3_small mvit_v2_s "
    "r2plus1d_18 r3d_18 regnet_y_400mf resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d s3d "
    "shufflenet_v2_x1_0 squeezenet1_1 swin3d_t swin_t swin_v2_t vgg11 vgg16 vgg19 vit_b_16 vit_b_32 vit_l_16 "
    "wide_resnet50_2",
    "timm": "beit_base_patch16_224 convnext_tiny convnextv2_tiny deit_tiny_patch16_224 densenet121 dla34 "
    "edgenext_small efficientnet_b0 eva02_base_patch14_448 ghostnet_100 hrnet_w18 inception_v3 levit_128s "
    "mixer_b16_224 mobilenetv2_100 mobilenetv3_large_100 mobilenetv4_conv_small mobilevit_s poolformer_s12 "
    "regnety_004 repvgg_a0 resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d seresnet50 "
    "swin_tiny_patch4_window7_224 vgg16 vit_base_patch16_224 vit_base_patch14_dinov2 vit_small_patch16_224 "
    "vit_tiny_patch16_224 xception41",
    "open_clip": "RN50 ViT-B-16 ViT-B-16-SigLIP ViT-B-32 ViT-H-14 ViT-L-14 ViT-L-14-336 ViT-bigG-14 "
    "coca_ViT-B-32 convnext_base_w",
}


def nearby(word: str, *, guess: bool = True) -> list[str]:
    """Return full names (`PREFIX/NAME`) of networks that a word may mean, the most similar first.

    Args:
        word: What was given as a model, e.g. `resnet50`, `ViT-B/32` or `openai/clip-vit-base-patch32`.
        guess: Whether names count that are only spelt alike or hold the word, not only those that are the
            word or begin with it.

    Returns:
        At most four names, and at most two of a family.
    """
    wanted = _plain(word)
    if len(wanted) < _LEAST:
        return []
    found: list[tuple[int, int, str]] = []
    for order, (prefix, names) in enumerate(_families(tagged="." in word)):
        own = {_plain(f"{prefix}/{name}" if prefix in _OWN else name): name for name in reversed(names)}
        # The second part of a repository ORG/NAME alone is a word too.
        own |= {_plain(n.rpartition("/")[2]): n for n in reversed(names)} if prefix == "hf" else {}
        ranked = [r for r in _ranked(wanted, list(own)) if guess or r[0] < _GUESSED]
        found += [(rank, order, f"{prefix}/{own[plain]}") for rank, plain in ranked[:_PER_FAMILY]]
    found.sort(key=lambda entry: entry[:2])
    if not found and "." in word:  # without a library installed no tags of its weights are known
        return nearby(word.partition(".")[0], guess=False)
    best = found[0][0] if found else 0
    # What is named exactly so needs no guesses beside it.
    return list(dict.fromkeys(name for rank, _, name in found if best or not rank))[:_MOST]


def _ranked(wanted: str, known: list[str]) -> list[tuple[int, str]]:
    """Rank names: 0 equal, 1 begins with the word, 2 holds it, 3 spelt nearly so."""
    if wanted in known:
        return [(0, wanted)]
    begins = sorted((k for k in known if k.startswith(wanted)), key=len)
    holds = sorted((k for k in known if wanted in k[1:]), key=len) if len(wanted) > 3 else []
    close = get_close_matches(wanted, known, n=_PER_FAMILY, cutoff=0.8)
    ranked = [(1, k) for k in begins] + [(2, k) for k in holds] + [(3, k) for k in close]
    return list({k: (rank, k) for rank, k in reversed(ranked)}.values())[::-1]


def _families(*, tagged: bool) -> Iterator[tuple[str, list[str]]]:
    for prefix in ("torchvision", "timm", "open_clip"):
        yield prefix, _installed(prefix, tagged=tagged) or _KNOWN[prefix].split()
    yield "hf", [name for name, _, _, _ in CATALOGUE]
    yield from _OWN.items()


def _installed(library: str, *, tagged: bool) -> list[str]:
    """Read a library's names of networks from its files; none if it is not installed."""
    spec = find_spec(library)
    places = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    if library == "open_clip":
        return sorted(path.stem for place in places for path in place.glob("model_configs/*.json"))
    folders = ["models"] if library == "timm" else ["models", "models/video"]
    names: dict[str, None] = {}
    for path in sorted(
        path for place in places for folder in folders for path in place.glob(f"{folder}/*.py")
    ):
        text = path.read_text(encoding="utf-8", errors="replace")
        names |= dict.fromkeys(_REGISTERED.findall(text))
        if tagged:
            names |= dict.fromkeys(_TAGGED.findall(text))
    return list(names)


def _plain(name: str) -> str:
    """Remove what may be spelt in several ways: case, and all but letters, digits and a tag's dot."""
    return re.sub(r"[^a-z0-9.]+", "", name.lower())
