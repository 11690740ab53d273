"""Names of layers: from the user's words to layers, for every engine.

A word is, in this order:

1. the layer of that name;
2. an alias of the model's card, which may name anything below;
3. another name of a layer in the engine's graph;
4. `head`, `logits`, `penultimate` or `stem`, if the graph shows which layer that is (see `_GENERIC`);
5. a pattern. Names have parts between dots. `*`, `?` and `[...]` match characters of one part; if nothing
   matches, they cross dots, so `blocks.*` is every block and `layer*.conv2` finds `layer1.0.conv2` too. `**`
   matches any number of parts. A negative number counts a numbered family from its end: `blocks.-1` is the
   last block, `blocks.-1.attn*` what begins so in it.

A pattern gives layers in the order in which the network computes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from vifex.values import Layer, ModelCard, ModelError
from vifex.values.registry import near

__all__ = ["Named", "resolve_names"]

_HEADS: Final = ("head", "heads", "fc", "classifier", "linear", "logits", "last_linear", "predictions")
"""Parts of the usual names of classifiers."""
_STEMS: Final = (
    "stem",
    "patch_embed",
    "conv_stem",
    "conv_proj",
    "conv1",
    "features.0",
    "conv1a",
    "Conv3d_1a_7x7",
)
"""Usual names of the first stage; a whole stage comes before its first layer."""
_NUMBER: Final = re.compile(r"-[1-9][0-9]*")
_WILD: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Named:
    """The layers of a model and their other names."""

    layers: Sequence[Layer]
    """Layers in the order in which they are computed."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Other name of a layer to its name."""
    twins: Mapping[str, str] = field(default_factory=dict)
    """Name of a layer to the name of an earlier layer with the same tensor."""


def resolve_names(wanted: Sequence[str], named: Named, card: ModelCard) -> list[Layer]:
    """Find layers, in the given order, each once.

    Args:
        wanted: Words as above; without any, the card's default layers or the last vector.
        named: The model's layers.
        card: Its card, for its aliases and its name.

    Raises:
        ModelError: If there is no such layer, or no default.
    """
    words = list(wanted) or list(card.default_layers)
    if not words:
        vectors = [t for t in named.layers if t.kind == "vector"]
        if not vectors:
            raise ModelError(
                "the network has no vector to take by default.",
                of=card.name,
                todo=f"Name a layer: vifex layers {card.name} lists them.",
            )
        return vectors[-1:]
    return list(dict.fromkeys(layer for word in words for layer in _find(word, named, card)))


def _find(word: str, named: Named, card: ModelCard) -> list[Layer]:
    by_name = {t.name: t for t in named.layers}
    if word in by_name:
        return [by_name[word]]
    meant = card.aliases.get(word, word)
    if meant in by_name:
        return [by_name[meant]]
    if meant in named.others:
        return [by_name[named.others[meant]]]
    if meant in _GENERIC and (layer := _GENERIC[meant](named)) is not None:
        return [layer]
    found = _matching(meant, list(by_name))
    if found:
        return [by_name[name] for name in found]
    raise _unknown(word, named, card)


def _unknown(word: str, named: Named, card: ModelCard) -> ModelError:
    what = f"the model has no layer {word!r}"
    if _WILD.search(word):
        what = f"no layer of the model fits {word!r}"
    elif word in _GENERIC:
        what = f"the model does not say which of its layers is {word!r}"
    known = [t.name for t in named.layers] + list(card.aliases)
    return ModelError(
        f"{what}.",
        of=card.name,
        todo=f"{near(word, known)}vifex layers {card.name} lists all {len(named.layers)}.",
    )


# -- patterns ---------------------------------------------------------------------------------------


def _matching(word: str, names: list[str]) -> list[str]:
    """Return the names that match a pattern, in their order."""
    parts = word.split(".")
    if not _WILD.search(word) and not any(_NUMBER.fullmatch(p) for p in parts):
        return []
    split = {name: name.split(".") for name in names}
    found = {
        tuple(path) for path in _walk(parts, [], list(split.values()))
    }  # paths, with counted parts resolved
    hits = [name for name in names if tuple(split[name]) in found]
    if hits or any(_NUMBER.fullmatch(p) for p in parts):
        return hits
    return [name for name in names if fnmatchcase(name, word.replace("**", "*"))]


def _walk(parts: list[str], before: list[str], names: list[list[str]]) -> list[list[str]]:
    """Resolve the counted parts of a pattern among the names that begin with `before`."""
    if not parts:
        return [before]
    depth, part, rest = len(before), parts[0], parts[1:]
    below = [n for n in names if len(n) > depth and n[:depth] == before]
    if part == "**":
        deeper = {tuple(n[:to]) for n in below for to in range(depth, len(n) + 1)}
        return [path for start in sorted(deeper) for path in _walk(rest, list(start), names)]
    children = list(dict.fromkeys(n[depth] for n in below))
    if _NUMBER.fullmatch(part):
        numbered = sorted((c for c in children if c.isdigit()), key=int)
        children = numbered[int(part) :][:1] if len(numbered) >= -int(part) else []
    else:
        children = [c for c in children if c == part or fnmatchcase(c, part)]
    return [path for child in children for path in _walk(rest, [*before, child], below)]


# -- what every network has -------------------------------------------------------------------------


def _head(named: Named) -> Layer | None:
    """Return the last vector, if one part of its name is a classifier's."""
    vectors = [t for t in named.layers if t.kind == "vector"]
    if not vectors or not set(re.split(r"[./]", vectors[-1].name)) & set(_HEADS):
        return None
    return vectors[-1]


def _penultimate(named: Named) -> Layer | None:
    """Return the last vector before the head's, which is the input of the last layer."""
    head = _head(named)
    if head is None:
        return None
    first = named.twins.get(head.name, head.name)
    before: Layer | None = None
    for layer in named.layers:
        if layer.name == first:
            return before
        if layer.kind == "vector":
            before = layer
    return None


def _stem(named: Named) -> Layer | None:
    """Return the layer with a usual name of the first stage."""
    by_name = {t.name: t for t in named.layers}
    return next((by_name[name] for name in _STEMS if name in by_name), None)


_GENERIC: Final[Mapping[str, Callable[[Named], Layer | None]]] = {
    "head": _head,
    "logits": _head,
    "penultimate": _penultimate,
    "stem": _stem,
}
"""Names that most networks have; they are resolved if neither an alias nor a layer has the name."""
