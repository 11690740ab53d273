"""Random changes of a batch of images, drawn for each image from a generator of the step."""

from __future__ import annotations

from vifex.training.augment.pipeline import Augmenter

__all__ = ["Augmenter"]
