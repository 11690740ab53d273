"""Attention without fused kernels, where a layer reads the attention weights.

A fused kernel returns the attended values but not the weights. Where a layer reads weights, this module
turns off the switch for fused attention that modules have (`fused_attn` of timm), and replaces torch's two
attention functions by their formula, softmax(q k^T * scale + mask) v. All other attention stays fused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["OpenAttention", "unfused"]


@contextmanager
def unfused(module: nn.Module) -> Iterator[None]:
    """Turn off fused attention in every module that has a switch for it, and turn it on again afterwards."""
    switched = [m for m in module.modules() if getattr(m, "fused_attn", None) is True]
    for part in switched:
        part.fused_attn = False
    try:
        yield
    finally:
        for part in switched:
            part.fused_attn = True


class OpenAttention(TorchFunctionMode):
    """A mode in which torch's attention functions also report their weights.

    Args:
        report: Called with the weights `[B, heads, N, M]` of each attention when they are computed.
    """

    def __init__(self, report: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._report = report

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function; attention by its formula."""
        kwargs = dict(kwargs or {})
        if func is functional.scaled_dot_product_attention:
            out, weights = _attend(*args, **kwargs)
            self._report(weights)
            return out
        if func is functional.multi_head_attention_forward:
            wanted, average = kwargs.get("need_weights", True), kwargs.get("average_attn_weights", True)
            kwargs |= {"need_weights": True, "average_attn_weights": False}
            out, weights = func(*args, **kwargs)
            self._report(weights)
            return out, (weights.mean(dim=1) if average else weights) if wanted else None
        return func(*args, **kwargs)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor]:
    """Compute attention as `scaled_dot_product_attention` documents it, without dropout."""
    if enable_gqa:
        groups = query.size(-3) // key.size(-3)
        key, value = (t.repeat_interleave(groups, dim=-3) for t in (key, value))
    factor = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, -math.inf)
    if attn_mask is not None:
        masked = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -math.inf) if masked else scores + attn_mask
    weights = scores.softmax(dim=-1).to(value.dtype)
    return weights @ value, weights
