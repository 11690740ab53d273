"""The whole of a compression: surgery, statistics, recovery, int8, figures and files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vifex.compression.figures import Compression
from vifex.compression.images import Images, halves, load_images
from vifex.compression.measuring import Contender, judge
from vifex.compression.outputs import Subject, open_subject, read_outputs, reading
from vifex.compression.surgery.counting import multiplications
from vifex.compression.surgery.low_rank import factorise_network, input_sizes
from vifex.compression.surgery.pruning import prune
from vifex.compression.surgery.statistics import reestimate
from vifex.compression.writing import check_output, move_into_place, write_card, write_graph
from vifex.engines import load_engine
from vifex.engines.cores import available_cores
from vifex.engines.int8.int8 import quantise, require_nncf
from vifex.engines.torch.layer_outputs import Pixels
from vifex.extraction.calibration.calibrate import SAMPLES
from vifex.models.files import load_file
from vifex.values import InputError, Model
from vifex.values.spread import evenly
from vifex.values.steps import step

__all__ = ["Method", "Plan", "compress"]

Method = Literal["prune", "low-rank"]

_HELD_OUT: Final = 0.1
"""Part of the images for recovery that is held out for the figures, where there are no others."""
_BATCH: Final = 64
_MEASURED: Final = 512
"""Images from which importance, sizes of inputs and statistics are measured."""
_BETTER: Final = 2.0
"""Labels are the network's own classes if it is so many times better than chance at them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is compressed."""

    method: Method | None
    fraction: float = 1.0
    """Multiplications to keep, as a part of all."""
    int8: bool = False
    recover: str | None = None
    """Source of the images for recovery; see `load_images`."""
    test: str | None = None
    """Source of the images for the figures; by default a tenth of those for recovery."""
    epochs: int = 5
    """Epochs of recovery; 0 only estimates statistics again."""
    lr: float | None = None
    """Highest learning rate of recovery; `None` chooses by the kind of network."""
    seed: int = 0
    seconds: float = 10.0
    """For the speed of each network."""
    rounds: int = 7

    def check(self) -> None:
        """Check the choices.

        Raises:
            InputError: If one is out of its range, or nothing would be done.
        """
        if self.method is None and not self.int8:
            raise InputError(
                "nothing says how to compress.", todo="Give `prune=0.5`, `low_rank=0.5` or `int8=True`."
            )
        if self.method is not None and not 0 < self.fraction < 1:
            raise InputError(
                "takes the part of the multiplications that stays, above 0 and below 1, got "
                f"{self.fraction:g}.",
                option="prune" if self.method == "prune" else "low_rank",
            )
        if self.int8 and self.recover is None and self.test is None:
            raise InputError(
                "needs images from which it learns the ranges of numbers.",
                option="int8",
                todo="Give a folder of images: `recover=FOLDER`.",
            )
        if self.epochs < 0:
            raise InputError(f"must be at least 0, got {self.epochs}.", option="epochs")
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise InputError(f"must be a number above 0, got {self.lr:g}.", option="lr")
        if self.seconds <= 0:
            raise InputError(f"must be above 0, got {self.seconds:g}.", option="seconds")

    @property
    def words(self) -> str:
        """What is done, for the card and the report."""
        done = []
        if self.method == "prune":
            done.append(f"pruned to {self.fraction:g} of its multiplications")
        elif self.method == "low-rank":
            done.append(f"factorised to {self.fraction:g} of its multiplications")
        return " and ".join([*done, *(["quantised to int8"] if self.int8 else [])])


@dataclass(frozen=True, slots=True)
class _Material:
    learn: Images | None
    judge: Images | None


def compress(
    model: Model, output: Path, plan: Plan, *, on_notice: Callable[[str], None] = lambda _: None
) -> Compression:
    """Compress a network and write it as a model file with its card and a report.

    Args:
        model: A network that torch runs; for int8 alone also a graph file.
        output: The `.xml` to write.
        plan: How.
        on_notice: Called with what the user should know, e.g. that labels do not fit.

    Raises:
        InputError: If a choice is wrong, or the images cannot be used.
        ModelError: If the network cannot be compressed in this way.
        MissingExtraError: If a library is missing.
    """
    plan.check()
    check_output(output)
    if plan.int8:
        require_nncf()
    material = _material(model, plan, on_notice)
    with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=f".{output.stem}-") as name:
        folder = Path(name)
        made = _Made(model, plan, material, folder, on_notice)
        checkpoints = _checkpoints(model, output, plan)
        made.run(output.stem, checkpoints)
        step("measuring")
        judged = judge(
            made.before,
            made.after,
            features=made.features,
            output=made.output,
            images=material.judge,
            seconds=plan.seconds,
            rounds=plan.rounds,
        )
        found = Compression(
            model=model.card.name,
            output=str(output),
            method=plan.words,
            before=judged.before,
            after=judged.after,
            fidelity=judged.fidelity,
            images=0 if material.judge is None else len(material.judge),
            epochs=made.epochs,
            cores=available_cores(),
            rounds=plan.rounds,
            changes=made.changes,
        )
        move_into_place(made.after.model.file, output, found.to_dict())
        shutil.rmtree(checkpoints, ignore_errors=True)
    return found


def _checkpoints(model: Model, output: Path, plan: Plan) -> Path:
    """Return the folder for the checkpoints of a recovery: beside the output, the same for the same call."""
    digest = hashlib.sha256(f"{model.weights_sha256} {replace(plan, seconds=1, rounds=1)}".encode())
    return output.with_name(f".{output.stem}-recovery-{digest.hexdigest()[:12]}")


def _material(model: Model, plan: Plan, on_notice: Callable[[str], None]) -> _Material:
    """Load the images for recovery and for the figures."""
    learn = test = None
    if plan.recover is not None:
        step("decoding the images for recovery")
        learn = load_images(plan.recover, model.card, on_notice=on_notice)
    if plan.test is not None:
        step("decoding the images for the figures")
        test = load_images(plan.test, model.card, on_notice=on_notice)
    elif learn is not None:
        if len(learn) < 2:
            raise InputError(
                "it gives one image, and recovery and figures need different ones.",
                of=plan.recover,
                todo="Give more images.",
            )
        learn, test = halves(learn, _HELD_OUT)
    elif plan.int8:
        raise InputError("int8 needs images.", todo="Give `recover=FOLDER`.")
    return _Material(learn, test)


class _Made:
    """The networks before and after, as graph files in a folder."""

    before: Contender
    after: Contender
    features: tuple[str, ...]
    output: str | None
    changes: dict[str, Any]
    epochs: int = 0

    def __init__(
        self,
        model: Model,
        plan: Plan,
        material: _Material,
        folder: Path,
        on_notice: Callable[[str], None],
    ) -> None:
        self._model, self._plan, self._material = model, plan, material
        self._folder, self._on_notice = folder, on_notice
        self.changes = {}

    def run(self, stem: str, checkpoints: Path) -> None:
        """Compress the network; the result is `STEM.xml` in the folder."""
        self._checkpoints = checkpoints
        made = self._folder / "made"
        made.mkdir()
        first = made if not self._plan.int8 else self._folder / "float"
        first.mkdir(exist_ok=True)
        if self._model.engine == "torch":
            self._from_torch(first / f"{stem}.xml")
        else:
            self._from_graph()
        if self._plan.int8:
            self._quantise(made, stem)

    def _from_torch(self, graph: Path) -> None:
        subject = open_subject(self._model)
        self.features = tuple(spot.layer.name for spot in subject.features)
        self.output = None if subject.output is None else subject.output.layer.name
        step("converting the network")
        original = self._folder / "before.xml"
        before = write_graph(subject.module, subject.card, original, default_layers=self.features)
        self.before = _contender(before, subject.module, subject)
        if self._plan.method is None:
            self.after = self.before
            return
        module = self._operated(subject)
        card = replace(
            subject.card,
            name=f"{subject.card.name}-{graph.stem}",
            provenance=self._provenance(),
            sha256="",
        )
        step("converting the compressed network")
        after = write_graph(module, card, graph, default_layers=self.features)
        self.after = _contender(after, module, subject)

    def _from_graph(self) -> None:
        if self._plan.method is not None:
            open_subject(self._model)  # raises: a graph file cannot be changed
        engine = load_engine("openvino")
        self.features = tuple(layer.name for layer in engine.resolve_layers(self._model, []))
        self.output = self.features[0] if len(self.features) == 1 else None
        self.before = self.after = Contender(self._model, None, None)

    def _operated(self, subject: Subject) -> nn.Module:
        """Prune or factorise the network and repair its statistics."""
        batches = _batches(subject, self._material.learn)
        if self._plan.method == "prune":
            step("pruning")

            def run(module: nn.Module) -> Sequence[Tensor]:
                with torch.no_grad(), reading(subject, module) as reader:
                    outputs: Sequence[Tensor] = reader(subject.example(2))
                    return outputs

            gradients = _gradients(subject, self._material.learn)
            pruned = prune(
                subject.module,
                subject.example(),
                self._plan.fraction,
                run,
                gradients=gradients,
                of=subject.card.name,
            )
            self.changes = {"channels": pruned.removed}
            module = pruned.module
        else:
            step("factorising")
            sizes = input_sizes(subject.module, batches) if batches else None
            factorised = factorise_network(
                subject.module, subject.example(), self._plan.fraction, sizes=sizes, of=subject.card.name
            )
            self.changes = {"ranks": factorised.ranks}
            module = factorised.module
        if batches:
            step("estimating statistics")
            reestimate(module, batches)
        return self._recovered(subject, module, batches)

    def _recovered(self, subject: Subject, module: nn.Module, batches: Sequence[Tensor]) -> nn.Module:
        """Let the network learn from the uncompressed one, if there are images and epochs for it."""
        learn, judge, plan = self._material.learn, self._material.judge, self._plan
        if learn is None or judge is None or not plan.epochs:
            return module
        from vifex.compression.recovery import Recovery, recover

        step("preparing recovery")
        self._checkpoints.mkdir(exist_ok=True)
        self.epochs = plan.epochs
        module = recover(
            subject,
            module,
            learn,
            judge,
            recovery=Recovery(plan.epochs, plan.lr, seed=plan.seed),
            with_labels=self._fits(subject, learn),
            folder=self._checkpoints,
        )
        if batches:
            reestimate(module, batches)
        return module

    def _fits(self, subject: Subject, learn: Images) -> bool:
        """Return whether the labels serve for recovery; say so if they are left out."""
        if learn.labels is None or labels_fit(subject, learn):
            return learn.labels is not None
        self._on_notice(
            "the labels are not the network's classes in their order, so recovery does not use them."
        )
        return False

    def _quantise(self, folder: Path, stem: str) -> None:
        step("learning the ranges of int8")
        images = self._material.learn or self._material.judge
        assert images is not None  # checked by Plan
        samples = images.pixels[evenly(range(len(images)), SAMPLES)]
        model = self.after.model
        engine = load_engine("openvino")
        names = [*self.features, *([self.output] if self.output else [])]
        layers = engine.resolve_layers(model, list(dict.fromkeys(names)))
        made = quantise(model, layers, np.ascontiguousarray(samples), folder, name=stem)
        card = replace(
            model.card,
            name=f"{self._model.card.name}-{stem}",
            default_layers=self.features,
            provenance=self._provenance(),
        )
        write_card(card, made.graph)
        self.after = replace(self.after, model=load_file(made.graph))

    def _provenance(self) -> str:
        card = self._model.card
        return f"{card.name}, {self._plan.words} by vifex compress. {card.provenance}".strip()


def _contender(model: Model, module: nn.Module, subject: Subject) -> Contender:
    parameters = sum(p.numel() for p in module.parameters())
    return Contender(model, parameters, multiplications(module, subject.example()))


def _batches(subject: Subject, images: Images | None) -> list[Tensor]:
    """Return batches of an even spread of the images as inputs of the network, `[_BATCH, ...]` each."""
    if images is None or subject.fixed_batch:
        return []
    prepare = Pixels(subject.card)
    places = evenly(range(len(images)), _MEASURED)
    chunks = (places[i : i + _BATCH] for i in range(0, len(places), _BATCH))
    return [prepare(torch.from_numpy(images.pixels[chunk])) for chunk in chunks if len(chunk) > 1]


def labels_fit(subject: Subject, images: Images) -> bool:
    """Return whether the labels of images are the classes of a network: it is far better than chance."""
    if images.labels is None or subject.output is None:
        return False
    if subject.output.layer.size != len(images.classes):
        return False
    right = total = 0
    for inputs, labels in _labelled(subject, images):
        with torch.no_grad(), reading(subject, subject.module) as reader:
            logits = read_outputs(subject, reader, inputs).logits
        assert logits is not None
        right += int((logits.argmax(dim=1) == labels).sum())
        total += len(labels)
    return right / total >= min(_BETTER / len(images.classes), 0.9)


def _labelled(subject: Subject, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    prepare = Pixels(subject.card)
    assert images.labels is not None
    places = evenly(range(len(images)), _MEASURED)
    for start in range(0, len(places), _BATCH):
        chunk = places[start : start + _BATCH]
        yield prepare(torch.from_numpy(images.pixels[chunk])), torch.from_numpy(images.labels[chunk])


def _gradients(subject: Subject, images: Images | None) -> dict[str, Tensor] | None:
    """Return the gradients of the labels' loss for the importance; `None` without labels that fit."""
    if images is None or not labels_fit(subject, images):
        return None
    copy = deepcopy(subject.module).requires_grad_(True)
    for inputs, labels in _labelled(subject, images):
        with reading(subject, copy) as reader:
            logits = read_outputs(subject, reader, inputs).logits
        assert logits is not None
        functional.cross_entropy(logits, labels, reduction="sum").backward()
    return {name: p.grad for name, p in copy.named_parameters() if p.grad is not None}
