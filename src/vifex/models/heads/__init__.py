"""Temporal heads: features of frames `[B, T, D]` become one vector per clip, `[B, D']`.

A head is a torch module with a size `out_features`; heads that keep a state per frame give it at their layer
`states`, a sequence `[T, D']`. They know neither networks nor files. `make_head` loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vifex.models.heads.registry import GROUP, HEADS
from vifex.values import InputError
from vifex.values.registry import load, names, require

if TYPE_CHECKING:
    from torch import nn

__all__ = ["head_names", "make_head"]


def head_names() -> list[str]:
    """Return every name that `make_head` takes, sorted."""
    return names(HEADS, group=GROUP)


def make_head(name: str, in_features: int, *, standardise: bool = False, **options: Any) -> nn.Module:
    """Make a head with its initial weights, in training mode.

    Args:
        name: In the registry, e.g. `lstm`.
        in_features: Numbers per frame, D.
        standardise: Whether the head sees standardised features; see `StandardisedHead`.
        **options: The head's own, e.g. `hidden=512`; each head's class says which.

    Returns:
        A module that maps `[B, T, D]` to `[B, out_features]`.

    Raises:
        InputError: If there is no such head, or it does not take an option.
        MissingExtraError: If torch is not installed.
    """
    require("torch", extra="torch", needed_for=f"the head {name!r}")
    make = load(HEADS, name, group=GROUP, what="head")
    try:
        head: nn.Module = make(in_features, **options)
    except TypeError as exc:
        raise InputError(
            f"the head {name!r} does not take {', '.join(sorted(options)) or 'that'}: {exc}.",
            todo=f"See the options of {make.__qualname__}.",
        ) from exc
    except ValueError as exc:
        raise InputError(f"the head {name!r} cannot be made: {exc}.") from exc
    if standardise:
        from vifex.models.heads.standardised import StandardisedHead

        return StandardisedHead(in_features, head)
    return head
