"""The kind of a module's output: vector, map, tokens, sequence, volume or attention, or no layer."""

from __future__ import annotations

from typing import Final, NamedTuple

from vifex.values import LayerKind, ModelCard

__all__ = ["LayerForm", "kind_of"]

_ATTENTION_WORDS: Final = ("attn", "attention", "softmax", "prob")


class LayerForm(NamedTuple):
    """An output as a layer: its kind, and the order of its axes."""

    kind: LayerKind
    order: tuple[int, ...] | None
    """Permutation, batch included, into the promised order of axes; `None` if none is needed."""


def kind_of(
    sizes: tuple[int, ...],
    letters: str | None,
    card: ModelCard,
    *,
    path: str,
    weights: bool = False,
    is_output: bool = False,
) -> LayerForm | None:
    """Return what kind of layer an output is, from its sizes and what is known of its axes.

    Args:
        sizes: Of one input, without the batch.
        letters: One per axis, batch included (see `axes`), where they are known.
        card: Of the network.
        path: The module's name; decides whether an unknown square is attention.
        weights: Whether these are the weights of an attention.
        is_output: Whether the whole network gives it: then unknown axes are those of the card's input.

    Returns:
        `None` for what no kind of layer fits, e.g. queries and keys `[heads, N, D]`.
    """
    rank = len(sizes)
    if weights:
        return LayerForm("attention", None) if rank == 3 and sizes[1] == sizes[2] else None
    if rank == 1:
        return LayerForm("vector", None)
    if rank == 2:
        return _row(sizes, letters, card)
    if rank == 3:
        square = sizes[1] == sizes[2] and any(word in path.lower() for word in _ATTENTION_WORDS)
        if letters is None and square:
            return LayerForm("attention", None)
        return _ordered("map", letters or _of_input(card, "HW", is_output), "NCHW")
    if rank == 4:
        return _ordered("volume", letters or _of_input(card, "THW", is_output), "NCTHW")
    return None


def _row(sizes: tuple[int, ...], letters: str | None, card: ModelCard) -> LayerForm:
    """Decide between tokens and a sequence.

    Steps are time where the axis is known to be, where a one-dimensional convolution runs along it in a
    network for clips or sound, and where it is unknown and as long as the clip. All else are tokens.
    """
    order = None if letters is None or letters[1] != "C" else (0, 2, 1)
    axis = "L" if letters is None else letters[1 if order is None else 2]
    clips = card.frames is not None or card.audio is not None
    timed = axis == "T" or (clips and axis == "S") or (clips and axis == "L" and sizes[0] == card.frames)
    return LayerForm("sequence" if timed else "tokens", order)


def _of_input(card: ModelCard, axes: str, is_output: bool) -> str | None:
    if not is_output:
        return None
    return f"N{axes}C" if card.layout.endswith("C") else f"NC{axes}"


def _ordered(kind: LayerKind, letters: str | None, promised: str) -> LayerForm | None:
    if letters is None or sorted(letters) != sorted(promised) or letters[0] != "N":
        return None
    order = tuple(letters.index(axis) for axis in promised)
    return LayerForm(kind, None if order == tuple(range(len(order))) else order)
