"""The folder of a run: configuration, environment, metrics, curves, weights, card and report."""

from __future__ import annotations

from vifex.training.run_folder.folder import RunFolder

__all__ = ["RunFolder"]
