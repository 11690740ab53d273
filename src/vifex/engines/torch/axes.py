"""The meaning of a tensor's axes, followed through the functions of a module while it runs.

Letters: `N` batch, `C` channels, `T` time, `H` and `W` space, `L` cells in a row, `S` steps of a
one-dimensional convolution (time in a network for clips, cells in one for images). Convolutions,
poolings and batch norms are channels-first by definition, so the letters are known after each of them.
Permutations, reductions and elementwise functions keep them. A tensor that cannot be followed has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode

from vifex.values import ModelCard

__all__ = ["FollowAxes", "axes_of", "mark"]

_ATTRIBUTE: Final = "_vifex_axes"
_FIRST: Final = ("conv", "max_pool", "avg_pool", "adaptive_", "lp_pool", "batch_norm", "instance_norm",
                 "group_norm", "local_response_norm", "pixel_", "_max_pool", "_avg_pool")  # fmt: skip
"""Beginnings of the names of functions that are channels-first by definition."""
_BY_RANK: Final = {3: "NCS", 4: "NCHW", 5: "NCTHW"}
_CELLS: Final = {"NCL": ("NCHW", "NCTHW"), "NLC": ("NHWC", "NTHWC")}
_PERMUTING: Final = frozenset({"permute", "transpose", "transpose_", "swapaxes", "swapdims", "movedim",
                               "moveaxis", "t", "adjoint"})  # fmt: skip
_RESIZING: Final = frozenset({"reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as",
                              "reshape_as", "select"})  # fmt: skip
_REDUCING: Final = frozenset({"mean", "sum", "amax", "amin", "logsumexp", "norm", "std", "var"})
_LAST: Final = frozenset({"linear", "layer_norm", "rms_norm"})
_MIXING: Final = _LAST | {"matmul", "__matmul__", "bmm", "baddbmm"}
_SLICING: Final = frozenset({"__getitem__", "narrow"})
_LOSING: Final = frozenset({"einsum", "tensordot", "gather", "cdist", "diagonal"})


def axes_of(tensor: Any) -> str | None:
    """Return a tensor's letters, one per axis, batch included; `None` where they are not known."""
    letters: str | None = getattr(tensor, _ATTRIBUTE, None)
    return letters if letters is not None and len(letters) == tensor.dim() else None


def mark(tensor: Any, letters: str | None) -> None:
    """Note a tensor's letters on it."""
    setattr(tensor, _ATTRIBUTE, letters)


class FollowAxes(TorchFunctionMode):
    """A mode in which every function of torch marks its results with their letters.

    Args:
        card: Of the network. Where the letters are lost (reshapes that cut and join windows), a layer on the
            last axis finds them again if the other axes are the image divided by one whole stride.
    """

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self._card = card

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function and mark its results."""
        kwargs = kwargs or {}
        given = _tensors(args, kwargs)
        # Some functions work in place: sizes and letters are taken before.
        before = [(axes_of(t), tuple(t.shape)) for t in given]
        out = func(*args, **kwargs)
        if given:
            for tensor in out if isinstance(out, (tuple, list)) else (out,):
                if isinstance(tensor, torch.Tensor):
                    name = getattr(func, "__name__", "")
                    letters = _follow(name, before, args, kwargs, tensor)
                    if letters is None and name in _LAST:
                        letters = _grid(tuple(tensor.shape), self._card)
                    mark(tensor, letters)
        return out


def _follow(
    name: str, before: list[tuple[str | None, tuple[int, ...]]], args: Any, kwargs: Any, out: Any
) -> str | None:
    letters, sizes = before[0]
    shape = tuple(out.shape)
    if name in _LOSING:
        return None
    if name.startswith(_FIRST):
        return letters if letters in ("NCT", "NCL") and len(shape) == 3 else _BY_RANK.get(len(shape))
    if name in _PERMUTING:
        return _permuted(name, letters, args, kwargs)
    if name in _REDUCING and letters is not None:
        return _reduced(letters, shape, args, kwargs)
    if name in _SLICING and letters is not None and len(shape) == len(sizes):
        return letters if all(a <= b for a, b in zip(shape, sizes, strict=True)) else None
    if name in _RESIZING or name in _SLICING:
        return _resized(letters, sizes, shape)
    if name in _MIXING:
        # These make a new last axis and keep all others.
        return letters if letters is not None and sizes[:-1] == shape[:-1] else None
    return next((known for known, size in before if known and len(size) == len(shape)), None)


def _permuted(name: str, letters: str | None, args: Any, kwargs: Any) -> str | None:
    if letters is None:
        return None
    words = list(args[1:]) + list(kwargs.values())
    places = list(range(len(letters)))
    if name == "permute":
        places = list(words[0] if isinstance(words[0], (tuple, list, torch.Size)) else words)
    elif name in ("movedim", "moveaxis"):
        source, target = ([w] if isinstance(w, int) else list(w) for w in words)
        rest = [i for i in places if i not in {s % len(places) for s in source}]
        for at, axis in sorted(zip((t % len(places) for t in target), source, strict=True)):
            rest.insert(at, axis)
        places = rest
    else:
        a, b = (0, 1) if name == "t" else (-2, -1) if name == "adjoint" else words[:2]
        places[a], places[b] = places[b], places[a]
    return "".join(letters[i] for i in places)


def _reduced(letters: str, shape: tuple[int, ...], args: Any, kwargs: Any) -> str | None:
    if len(shape) == len(letters):
        return letters  # its axes were kept
    dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if dims is None:
        return None
    gone = {d % len(letters) for d in ([dims] if isinstance(dims, int) else dims)}
    return "".join(letter for i, letter in enumerate(letters) if i not in gone)


def _resized(letters: str | None, before: tuple[int, ...], after: tuple[int, ...]) -> str | None:
    if letters is None or before == after:
        return letters
    kept = [(letter, n) for letter, n in zip(letters, before, strict=True) if n != 1]
    if [n for _, n in kept] == [n for n in after if n != 1]:
        return _squeezed(letters, before, after)
    for row, spread in _CELLS.items():
        at = row.index("L")
        for full in spread:
            axes = slice(at, at + len(full) - 2)
            # A map whose cells are laid in a row, or a row laid out as a map.
            if letters == full and after == (*before[:at], math.prod(before[axes]), *before[axes.stop :]):
                return row
            if letters == row and len(after) == len(full) and before == (
                *after[:at], math.prod(after[axes]), *after[axes.stop :]
            ):  # fmt: skip
                return full
    return None


def _grid(shape: tuple[int, ...], card: ModelCard) -> str | None:
    """Return whether channels-last data is a grid of the image's cells: its size by one whole stride."""
    if card.audio is not None or len(shape) not in (4, 5) or (len(shape) == 5 and card.frames is None):
        return None
    height, width = shape[-3], shape[-2]
    whole = card.height_px % height == 0 and card.width_px % width == 0
    if not whole or card.height_px // height != card.width_px // width:
        return None
    return "NHWC" if len(shape) == 4 else "NTHWC"


def _squeezed(letters: str, before: tuple[int, ...], after: tuple[int, ...]) -> str | None:
    """Follow axes of size 1 that came or went, from the left; `None` where a new one has no letter."""
    if len(after) > len(before):
        return None
    kept = []
    at = 0
    for letter, size in zip(letters, before, strict=True):
        if at < len(after) and size == after[at]:
            kept.append(letter)
            at += 1
    return "".join(kept) if at == len(after) else None


def _tensors(args: Any, kwargs: Any) -> list[Any]:
    found: list[Any] = []
    for value in (*args, *kwargs.values()):
        inner = value if isinstance(value, (tuple, list)) else (value,)
        found.extend(v for v in inner if isinstance(v, torch.Tensor))
    return found
