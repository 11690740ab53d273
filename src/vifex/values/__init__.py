"""The values that rooms hand to each other: frozen, checked once, and free of every other room.

Nothing here opens a file, imports an engine or knows how a feature is made.
"""

from vifex.values.errors import (
    EngineError,
    InputError,
    MediaError,
    MissingExtraError,
    ModelError,
    StoreError,
    VifexError,
)
from vifex.values.media import Box, Medium, Span
from vifex.values.models import Asked, Builder, Model, ModelCard, Tap, TapKind, TapSpec
from vifex.values.outcomes import Outcome, Status
from vifex.values.pixels import PixelSpec
from vifex.values.recipes import Recipe
from vifex.values.sampling import Limits, Regions, Sample, Sampling, Seen, Wish

__all__ = [
    "Asked",
    "Box",
    "Builder",
    "EngineError",
    "InputError",
    "Limits",
    "MediaError",
    "Medium",
    "MissingExtraError",
    "Model",
    "ModelCard",
    "ModelError",
    "Outcome",
    "PixelSpec",
    "Recipe",
    "Regions",
    "Sample",
    "Sampling",
    "Seen",
    "Span",
    "Status",
    "StoreError",
    "Tap",
    "TapKind",
    "TapSpec",
    "VifexError",
    "Wish",
]
