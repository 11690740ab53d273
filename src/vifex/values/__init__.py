"""The value types that packages pass to each other: frozen, and checked once when they are made.

Nothing here opens a file, imports an engine or knows how a feature is made.
"""

from vifex.values.audio import AudioInput, AudioSpec
from vifex.values.errors import (
    EngineError,
    InputError,
    InstallationError,
    MediaError,
    MissingExtraError,
    ModelError,
    StoreError,
    TrainingError,
    UnknownViewError,
    VifexError,
)
from vifex.values.fusion import Fusion, FusionInput, Tree
from vifex.values.imported import Imported
from vifex.values.media import Box, Medium, Span
from vifex.values.models import Builder, Layer, LayerKind, LayerSpec, Model, ModelCard, ModelRef
from vifex.values.outcomes import Outcome, Status
from vifex.values.pixels import NO_PIXELS, PixelSpec
from vifex.values.processors import Processor
from vifex.values.recipes import Recipe
from vifex.values.sampling import DecodeReport, Limits, NothingDecoded, Regions, Sample, Sampling, ViewRequest

__all__ = [
    "NO_PIXELS",
    "AudioInput",
    "AudioSpec",
    "Box",
    "Builder",
    "DecodeReport",
    "EngineError",
    "Fusion",
    "FusionInput",
    "Imported",
    "InputError",
    "InstallationError",
    "Layer",
    "LayerKind",
    "LayerSpec",
    "Limits",
    "MediaError",
    "Medium",
    "MissingExtraError",
    "Model",
    "ModelCard",
    "ModelError",
    "ModelRef",
    "NothingDecoded",
    "Outcome",
    "PixelSpec",
    "Processor",
    "Recipe",
    "Regions",
    "Sample",
    "Sampling",
    "Span",
    "Status",
    "StoreError",
    "TrainingError",
    "Tree",
    "UnknownViewError",
    "ViewRequest",
    "VifexError",
]
