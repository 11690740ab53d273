"""Distillation: a network learns to give what another one gives for the same images."""

from __future__ import annotations

from vifex.training.distilling.task import distilled

__all__ = ["distilled"]
