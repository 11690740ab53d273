"""The sections of a configuration. Each key has a type, a default and a sentence that says what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "METHODS",
    "Augment",
    "Config",
    "Data",
    "Imbalance",
    "Loss",
    "Network",
    "Optimizer",
    "Run",
    "Schedule",
]

METHODS: Final = (
    "none",
    "class-weights",
    "effective-number",
    "focal",
    "balanced-sampling",
    "sqrt-sampling",
    "logit-adjustment",
)
"""Remedies for imbalance."""


def _key(default: Any, text: str, *, choices: tuple[str, ...] = (), least: float | None = None) -> Any:
    """Define a key: its default, what it does, the words that it takes, and its smallest value."""
    metadata = {"help": text, "choices": choices, "least": least}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Data:
    """[data]: the examples, and which of them are for training, validation and test."""

    train: tuple[str, ...] = _key((), "Folders by class, manifests, Parquet files or stores to train on.")
    val: tuple[str, ...] = _key((), "The same for validation; without it, a share of the training examples.")
    test: tuple[str, ...] = _key((), "The same for the test after training.")
    val_share: float = _key(0.1, "Share of the training examples for validation.", least=0.0)
    label: str = _key("label", "Column of the labels in Parquet files.")
    image: str = _key("image", "Column of the images in Parquet files.")
    group: str = _key("", "Column whose values are kept together by a split, e.g. source.")
    groups: str = _key("", "CSV with uri and the column of the groups, for sources that have none.")
    view: str = _key("main", "View of a store of features.")
    column: str = _key("", "Column of the features in a view; it may be empty if there is one.")
    size_px: int = _key(32, "Side of the images that the network takes, in pixels.", least=1)
    decode_px: int = _key(0, "Side of the decoded images, from which crops are taken; 0: size_px.", least=0)
    resize: str = _key(
        "shortest",
        "How images get that size: shortest (then a centre crop) or stretch.",
        choices=("shortest", "stretch"),
    )
    mean: tuple[float, ...] = _key((), "Mean of each channel, 0 to 1; empty: measured on the training set.")
    std: tuple[float, ...] = _key((), "Standard deviation of each channel; empty: measured.")
    cache_mb: int = _key(
        4096, "Decoded images are kept if they need at most this; 0: always decode.", least=0
    )
    limit: int = _key(0, "Use at most so many training examples; 0: all of them.", least=0)
    workers: int = _key(0, "Threads that decode; 0: one for each core.", least=0)
    frames: int = _key(16, "Frames of a clip, for videos.", least=1)
    frame_step: int = _key(1, "Step between the frames of a clip.", least=1)
    clips: int = _key(1, "Clips of a video in validation.", least=1)


@dataclass(frozen=True, slots=True)
class Network:
    """[network]: which network is trained, and from which weights."""

    name: str = _key("resnet9", "A network of Vifex, timm/NAME or torchvision/NAME.")
    options: Mapping[str, Any] = _key({}, "Options of the network, e.g. { width = 64 }.")
    weights: str = _key(
        "", "Initial weights: pretrained, a .safetensors file or the folder of a run; empty: random."
    )
    freeze: tuple[str, ...] = _key((), "Patterns of weights that stay as they are, e.g. layer1.*")
    probe_epochs: int = _key(0, "Epochs in which only the classifier is trained, at the start.", least=0)
    unfreeze_epochs: int = _key(
        0, "Gradual unfreezing: one more stage, from the last, each so many epochs; 0: no.", least=0
    )
    lora_rank: int = _key(0, "Rank of LoRA's additions to linear layers; 0: no LoRA.", least=0)
    lora_targets: tuple[str, ...] = _key((), "Patterns of the layers that LoRA changes; empty: all linear.")
    teacher: str = _key("", "A model whose outputs or features are distilled; empty: no distillation.")


@dataclass(frozen=True, slots=True)
class Optimizer:
    """[optimizer]: how a step changes the weights."""

    name: str = _key("sgd", "sgd (with Nesterov momentum) or adamw.", choices=("sgd", "adamw"))
    lr: float = _key(0.1, "Learning rate at its highest.", least=0.0)
    momentum: float = _key(0.9, "Momentum of sgd.", least=0.0)
    nesterov: bool = _key(True, "Whether sgd takes Nesterov's momentum.")
    beta1: float = _key(0.9, "First decay of adamw.", least=0.0)
    beta2: float = _key(0.999, "Second decay of adamw.", least=0.0)
    weight_decay: float = _key(5e-4, "Weight decay; biases and normalisations have none.", least=0.0)
    decay_all: bool = _key(False, "Whether biases and normalisations decay too.")
    layer_decay: float = _key(1.0, "Factor of the rate from each stage to the one before it.", least=0.0)
    head_factor: float = _key(1.0, "Factor of the rate of the classifier.", least=0.0)
    clip_norm: float = _key(0.0, "Largest norm of the gradient; 0: no limit.", least=0.0)
    accumulate: int = _key(1, "Batches whose gradients are summed before a step.", least=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """[schedule]: the learning rate over time."""

    name: str = _key(
        "one-cycle",
        "one-cycle, cosine, step or constant.",
        choices=("one-cycle", "cosine", "step", "constant"),
    )
    warmup: float = _key(0.2, "Share of the steps in which the rate rises.", least=0.0)
    final: float = _key(0.0, "Rate at the end, as a share of the highest.", least=0.0)
    milestones: tuple[float, ...] = _key((0.5, 0.75), "Of step: shares of the steps after which it falls.")
    gamma: float = _key(0.1, "Of step: the factor by which it falls.", least=0.0)


@dataclass(frozen=True, slots=True)
class Augment:
    """[augment]: random changes of the training images, drawn for each image."""

    crop_px: int = _key(0, "Pixels of border from which a random crop is cut; 0: none.", least=0)
    scale: tuple[float, ...] = _key(
        (), "Smallest and largest share of the area of a random crop, e.g. [0.3, 1]."
    )
    flip: bool = _key(False, "Mirror half of the images.")
    rotate_deg: float = _key(0.0, "Largest rotation, in degrees.", least=0.0)
    zoom: float = _key(0.0, "Largest relative change of the size, e.g. 0.1.", least=0.0)
    brightness: float = _key(0.0, "Largest relative change of the brightness.", least=0.0)
    contrast: float = _key(0.0, "Largest relative change of the contrast.", least=0.0)
    saturation: float = _key(0.0, "Largest relative change of the saturation.", least=0.0)
    blur: float = _key(0.0, "Share of the images that are blurred.", least=0.0)
    erase: float = _key(0.0, "Share of the images from which a rectangle is erased.", least=0.0)
    cutout_px: int = _key(0, "Side of a square that is erased from each image; 0: none.", least=0)
    rand_augment: int = _key(0, "Operations of RandAugment for each image; 0: none.", least=0)
    magnitude: int = _key(9, "Magnitude of RandAugment, 0 to 30.", least=0)
    mixup: float = _key(0.0, "Alpha of mixup; 0: none.", least=0.0)
    cutmix: float = _key(0.0, "Alpha of CutMix; 0: none.", least=0.0)
    temporal_jitter: int = _key(0, "Largest shift of a clip's start, in frames.", least=0)
    speed: tuple[float, ...] = _key((), "Smallest and largest speed of a clip, e.g. [0.8, 1.25].")


@dataclass(frozen=True, slots=True)
class Loss:
    """[loss]: what a step makes smaller."""

    name: str = _key("cross-entropy", "Name of the loss; which there are depends on the task.")
    label_smoothing: float = _key(0.0, "Share of the target that is spread over all classes.", least=0.0)
    options: Mapping[str, Any] = _key({}, "Options of the loss, e.g. { margin = 0.2 }.")
    distill_weight: float = _key(1.0, "Weight of the distillation beside the loss of the labels.", least=0.0)
    distill_temperature: float = _key(4.0, "Temperature of the distilled scores.", least=0.0)
    distill_on: str = _key(
        "logits",
        "What is distilled: logits, features or similarity.",
        choices=("logits", "features", "similarity"),
    )


@dataclass(frozen=True, slots=True)
class Imbalance:
    """[imbalance]: remedies for classes of different sizes."""

    method: str = _key(
        "none",
        "none, class-weights, effective-number, focal, balanced-sampling, sqrt-sampling or logit-adjustment.",
        choices=METHODS,
    )
    beta: float = _key(0.999, "Of effective-number: beta (Cui 2019).", least=0.0)
    gamma: float = _key(2.0, "Of focal: gamma (Lin 2017).", least=0.0)
    tau: float = _key(1.0, "Of logit-adjustment: tau (Menon 2021).", least=0.0)
    ratio: float = _key(0.0, "Make the training set imbalanced by this ratio, for trials; 0: no.", least=0.0)


@dataclass(frozen=True, slots=True)
class Run:
    """[run]: how long, on what, and what is written."""

    task: str = _key("image", "What is learned: image, or another task's name.")
    epochs: int = _key(10, "Passes over the training examples; 0 only judges the initial weights.", least=0)
    batch: int = _key(256, "Examples of a batch.", least=1)
    eval_batch: int = _key(0, "Examples of a batch in validation; 0: as in training.", least=0)
    seed: int = _key(0, "Seed of weights, order and augmentation.", least=0)
    device: str = _key("auto", "auto, cpu, cuda or mps.")
    devices: int = _key(1, "How many devices.", least=1)
    precision: str = _key("auto", "fp32, bf16, fp16 or auto.", choices=("auto", "fp32", "bf16", "fp16"))
    channels_last: bool = _key(True, "Whether the channels lie last in memory, which is faster for images.")
    threads: int = _key(0, "Threads of torch; 0: one for each core.", least=0)
    ema: float = _key(0.0, "Decay of the averaged weights, e.g. 0.999; 0: no average.", least=0.0)
    validate_every: int = _key(1, "Epochs from one validation to the next.", least=1)
    patience: int = _key(0, "Validations without a gain after which training stops; 0: never.", least=0)
    best: str = _key(
        "", "Figure of validation that chooses the weights, e.g. accuracy; empty: the task's own."
    )
    keep: str = _key(
        "last",
        "Whether the weights of the last or of the best validation are the result.",
        choices=("last", "best"),
    )
    flip_tta: bool = _key(False, "Whether validation averages the scores of an image and its mirror image.")
    checkpoint_s: float = _key(120.0, "Seconds from one checkpoint to the next.", least=0.0)
    log: tuple[str, ...] = _key(("tensorboard",), "Loggers: tensorboard, wandb, mlflow.")
    hardest: int = _key(24, "Errors that the report shows.", least=0)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration of a run."""

    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    loss: Loss = field(default_factory=Loss)
    imbalance: Imbalance = field(default_factory=Imbalance)
    run: Run = field(default_factory=Run)
