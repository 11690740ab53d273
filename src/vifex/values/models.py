"""Networks as values: card, files, and the layers where features are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from vifex.values.audio import AudioInput
from vifex.values.errors import ModelError
from vifex.values.pixels import NO_PIXELS, Interpolation, PixelSpec, Resize
from vifex.values.processors import Processor
from vifex.values.rows import ROW_NAMES

__all__ = [
    "AXES",
    "CHANNELS",
    "RESERVED_COLUMNS",
    "Builder",
    "Layer",
    "LayerKind",
    "LayerSpec",
    "Model",
    "ModelCard",
    "ModelRef",
    "wrong_channels",
]

LayerKind = Literal["vector", "map", "tokens", "sequence", "volume", "attention"]

AXES: Final[dict[LayerKind, int]] = {
    "vector": 1,  # [D]
    "map": 3,  # [C, H, W]
    "tokens": 2,  # [N, D]
    "sequence": 2,  # [T, D]
    "volume": 4,  # [C, T, H, W]
    "attention": 3,  # [heads, N, N]
}

CHANNELS: Final = 3
"""Channels of every image and frame that a network is given: red, green and blue."""

_LANCE: Final = ("_rowid", "_rowaddr", "_rowoffset", "_distance", "_score")
_LANCE_VERSIONS: Final = ("_row_created_at_version", "_row_last_updated_at_version")
RESERVED_COLUMNS: Final = frozenset((*ROW_NAMES, *_LANCE, *_LANCE_VERSIONS))
"""Columns that every view has, and names with a meaning in Lance."""


def wrong_channels(channels: int, *, of: str, todo: str = "") -> ModelError:
    """Make the error for a network whose input has another number of channels than an image.

    Args:
        channels: Of the network's input.
        of: The network's name or file.
        todo: What works instead; by default, to export the network again with three channels.
    """
    return ModelError(
        f"the network takes {channels} {'channel' if channels == 1 else 'channels'}, and every image and "
        f"frame has {CHANNELS} (RGB).",
        of=of,
        todo=todo
        or f"Use a network that takes RGB, or export this one with an input of {CHANNELS} channels.",
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """A place in a backbone where features are read."""

    name: str
    """Node of the model graph, e.g. `stages.3`."""
    kind: LayerKind
    """Axes for one input: vector `[D]`, map `[C, H, W]`, tokens `[N, D]`, sequence `[T, D]`, volume
    `[C, T, H, W]` or attention `[heads, N, N]`."""
    shape: tuple[int, ...]
    """Sizes of those axes, without the batch."""

    def __post_init__(self) -> None:
        if len(self.shape) != AXES[self.kind]:
            raise ValueError(
                f"layer {self.name!r}: a {self.kind} has {AXES[self.kind]} axes, got {self.shape}"
            )

    @property
    def size(self) -> int:
        """Numbers that the layer gives for one input."""
        return math.prod(self.shape)


@lru_cache(maxsize=256)  # each batch asks for it
def _column_of(layer: str) -> str:
    import re

    name = re.sub(r"[^A-Za-z0-9_]+", "_", layer)
    return f"{name}_" if name.lower() in RESERVED_COLUMNS else name


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """A layer as a store keeps it: where it is read, and what is done before it is stored."""

    layer: Layer
    pooling: str
    """Name in the pooling registry, e.g. `avg`, `max`, `gem`, `tokens`, `flatten`, `none`."""
    shape: tuple[int, ...]
    """What one row holds after pooling, before it is laid flat in a column."""
    normalized: bool
    dtype: Literal["float32", "float16"]

    @property
    def column(self) -> str:
        """Name of the layer's column: every run of characters outside `[A-Za-z0-9_]` becomes `_`.

        A name that a column of every view has already, in any case, gets a `_` behind it: `label_`.
        """
        return _column_of(self.layer.name)

    @property
    def size(self) -> int:
        """How many numbers one row holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a network is and what input it takes; the file is `MODEL.vifex.toml` beside the weights."""

    name: str
    """Name with version, e.g. `vifex-small-1`."""
    height_px: int
    width_px: int
    frames: int | None = None
    """Frames per input for a network that takes windows; `None` for images."""
    layout: str = "NCHW"
    """Of the network's own input: `NCHW`, `NHWC`, `NCTHW`, `NTCHW` or `NTHWC`; `NS` for samples of sound."""
    scale: float = 255.0
    """Pixels 0 to 255 are divided by this before mean and std are applied."""
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    channel_order: Literal["RGB", "BGR"] = "RGB"
    resize: Resize = "stretch"
    resize_px: int | None = None
    interpolation: Interpolation = "bilinear"
    default_layers: tuple[str, ...] = ()
    """Layers that are extracted where the user names none."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Short name of a layer to its node in the graph."""
    licence: str = "unknown"
    provenance: str = ""
    """Where the weights come from and what they were trained on."""
    sha256: str = ""
    """Hash of the weights; checked at loading if it is given."""
    resize_hw_px: tuple[int, int] | None = None
    """Height and width after `stretch_crop`'s resize, before its centre crop."""
    crop_down: bool = False
    """Whether the centre crop's corner is rounded down, see `PixelSpec`."""
    audio: AudioInput | None = None
    """For a network of sound: what it takes. Its layout is `NS`, its height and width are 0."""
    fusion: str | None = None
    """Of a network that is read at several scales: method, layers and sizes, in words."""
    frame_step: int | None = None
    """Step between the frames of a window where the user says none."""
    shared_frames: int = 0
    """Frames that a window shares with its next where the user says no hop: 1 for a network that looks from
    each frame to the one behind it."""
    processor: Processor | None = None
    """The library's own, where it is run because no words of a card give its pixels; see `PixelSpec`."""
    ready: Literal["float32"] | None = None
    """`float32` where a transform of the user's makes the network's own input, in the card's layout: then a
    batch is not uint8, and nothing is normalized. No file says this."""

    @property
    def takes_numbers(self) -> bool:
        """Whether a batch is float32, sound or ready input, and not uint8 pixels."""
        return self.audio is not None or self.ready is not None

    def input_shape(self, batch: int) -> tuple[int, ...]:
        """The shape of the network's own input for a batch, in the order of `layout`.

        Args:
            batch: Inputs per batch.

        Returns:
            E.g. `(batch, 3, height_px, width_px)` for `NCHW`, `(batch, samples)` for `NS`.
        """
        sizes = {"N": batch, "C": CHANNELS, "T": self.frames or 1, "H": self.height_px, "W": self.width_px}
        if self.audio is not None:
            sizes["S"] = self.audio.window_samples
        return tuple(sizes[axis] for axis in self.layout)

    def pixels_shape(self, batch: int) -> tuple[int, ...]:
        """The shape of a batch as an engine takes it; the engine turns pixels into the network's own input.

        Args:
            batch: Inputs per batch.

        Returns:
            `(batch, height_px, width_px, 3)` for images, `(batch, frames, height_px, width_px, 3)` for
            clips; `input_shape(batch)` for sound and for input that is ready.
        """
        if self.takes_numbers:
            return self.input_shape(batch)
        frames = () if self.frames is None else (self.frames,)
        return (batch, *frames, self.height_px, self.width_px, CHANNELS)

    def pixel_spec(self, decode: Literal["fast", "exact"] = "fast") -> PixelSpec:
        """The ready pixels that this network takes."""
        if self.audio is not None:
            return NO_PIXELS
        return PixelSpec(
            height_px=self.height_px,
            width_px=self.width_px,
            resize=self.resize,
            resize_px=self.resize_px,
            interpolation=self.interpolation,
            decode=decode if self.processor is None else "exact",
            resize_hw_px=self.resize_hw_px,
            crop_down=self.crop_down,
            processor=self.processor,
        )


@dataclass(frozen=True, slots=True)
class Builder:
    """How a network that is code is made, in any process: `target(name, weights)` gives the module."""

    target: str
    """`module:attribute` of a function `(name, weights) -> torch.nn.Module`, in evaluation mode."""
    name: str
    """The family's own name of the network, e.g. `resnet18.a1_in1k`."""
    weights: str
    """`pretrained`, `random:SEED`, or the path of a file."""
    made: list[Any] = field(default_factory=list, compare=False, repr=False)
    """The module, if loading the model has made it: the engine that runs the network first takes it out."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """The words by which a model was loaded, so that it can be loaded again."""

    name: str
    """Its name, or the absolute path of its file."""
    weights: str | None = None
    """`random:SEED` or an absolute path; `None` for those that come with the name."""
    card: str | None = None
    """Absolute path of a card that was given by hand."""


@dataclass(frozen=True, slots=True)
class Model:
    """A network that an engine can run: a file with its graph, or a builder. It holds no open resource."""

    card: ModelCard
    graph: Path | None
    """The file that holds the graph: `.xml`, `.onnx` or `.tflite`; `None` where a builder makes it."""
    weights_sha256: str
    """Hash over everything that decides the network's numbers; the recipe has it."""
    engine: str = "openvino"
    """Name in the engine registry."""
    builder: Builder | None = None
    int8_sha256: str = ""
    """Where `graph` is one that was quantised to int8 for a view: the hash of its files."""
    ref: ModelRef | None = field(default=None, compare=False)
    """The words by which it was loaded, where its card and its file do not say them."""

    def __post_init__(self) -> None:
        if (self.graph is None) == (self.builder is None):
            raise ValueError(f"{self.card.name}: a model has a graph or a builder")

    @property
    def address(self) -> str:
        """The file or the name by which the model is found again."""
        if self.ref is not None:
            return self.ref.name
        return self.card.name if self.graph is None else str(self.graph)

    @property
    def file(self) -> Path:
        """The graph's file.

        Raises:
            ValueError: If a builder makes the network.
        """
        if self.graph is None:
            raise ValueError(f"{self.card.name}: made by a builder, not read from a file")
        return self.graph
