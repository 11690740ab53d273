"""The training of a task: steps, validations, checkpoints; a killed run continues to the same weights."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from vifex.training.config import Config
from vifex.training.data.order import step_seed
from vifex.training.loop.averaging import Average
from vifex.training.loop.batches import batches
from vifex.training.loop.checkpoints import (
    Position,
    State,
    load_checkpoint,
    save_checkpoint,
    save_tensors,
)
from vifex.training.loop.devices import launch
from vifex.training.loop.optimizers import make_optimizer, set_rate
from vifex.training.loop.signals import Deferred, deferred_signals
from vifex.training.networks.lora import add_lora, merge_lora
from vifex.training.networks.parts import freeze
from vifex.training.progress import TrainingMoment
from vifex.training.tasks import Batch, Task, Validation
from vifex.values import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Trained", "Trainer"]

BEST: Final = "best.safetensors"
_MODEL_STREAM: Final = 1
"""Of the random numbers in the network, e.g. of dropout; those of the batch are stream 0."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run gave."""

    network: Any
    """The network `model` with its final weights, in evaluation mode on the CPU."""
    validation: Validation
    history: list[dict[str, float]]
    """Figures of each epoch."""
    best_epoch: int
    seconds: float
    examples: int
    """Examples that training saw, all epochs together."""
    why: str
    """Why it ended: `finished`, or `no gain` in the last validations."""


class Trainer:
    """Trains the networks of a task.

    Args:
        task: What is learned.
        config: The whole configuration.
        folder: Of the run; the checkpoint is in it. If there is one, the run continues from it.
        on_step: Called after each step.
        on_epoch: Called with the figures of each epoch, those of earlier calls of the command included.
    """

    def __init__(
        self,
        task: Task,
        config: Config,
        folder: Path,
        *,
        on_step: Callable[[TrainingMoment], None] | None = None,
        on_epoch: Callable[[dict[str, float]], None] | None = None,
    ) -> None:
        self.task, self.config, self.folder = task, config, folder
        self._on_step, self._on_epoch = on_step, on_epoch
        self.fabric = launch(config.run)
        self.position = Position()
        self._modules = task.networks()
        if config.network.lora_rank:
            add_lora(self._modules["model"], config.network, seed=config.run.seed)
        if config.run.channels_last:
            for module in self._modules.values():
                if not any(p.ndim == 5 for p in module.parameters()):  # weights of 3-D convolutions
                    module.to(memory_format=torch.channels_last)
        freeze(self._modules["model"], config.network, 0)
        for module in self._modules.values():
            module.requires_grad_(True)  # DistributedDataParallel notes what learns when it is made
        self.networks = {name: self.fabric.setup_module(m) for name, m in self._modules.items()}
        self._optimizers = [
            self.fabric.setup_optimizers(make_optimizer([self._modules[n] for n in names], config))
            for names in task.optimized()
        ]
        self.average = Average(self._modules["model"], config.run.ema) if config.run.ema else None
        self._last_save_s = time.monotonic()

    def fit(self) -> Trained:
        """Train to the end.

        Raises:
            TrainingError: If the loss is not a finite number, or a checkpoint cannot be written or belongs to
                another network.
            KeyboardInterrupt: After an interrupt; a checkpoint is written first.
        """
        self._resume()
        run, position = self.config.run, self.position
        for figures in position.history:
            self._tell_epoch(figures)
        why = "finished"
        validation: Validation | None = None
        with deferred_signals() as deferred:
            while position.epoch < run.epochs and not position.is_finished:
                self._run_epoch(deferred)
                validation = self._end_epoch()
                since_best = position.epoch - 1 - position.best_epoch
                if run.patience and since_best >= run.patience * run.validate_every:
                    why = "no gain"
                    position.is_finished = True
                if deferred.came is not None:
                    deferred.raise_if_came()
            position.is_finished = True
            self._save()
        self._load_best()
        with self._averaged():
            if validation is None or run.keep == "best":
                validation = self._validate()
            state = {k: v.detach().cpu().clone() for k, v in self._modules["model"].state_dict().items()}
        return Trained(
            network=self._final(state),
            validation=validation,
            history=position.history,
            best_epoch=position.best_epoch,
            seconds=position.done_s,
            examples=position.epoch * self.task.steps * self.task.batch_size,
            why=why,
        )

    # Steps

    def _run_epoch(self, deferred: Deferred) -> None:
        position, run = self.position, self.config.run
        for module in self._modules.values():
            module.train()
        freeze(self._modules["model"], self.config.network, position.epoch)
        is_ahead = self.fabric.device.type != "cpu"
        began_s, first = time.monotonic(), position.step
        last_s = began_s
        for step, batch in batches(self.task, position.epoch, first, is_ahead=is_ahead):
            self._step(step, batch)
            position.step = step + 1
            now_s = time.monotonic()
            position.done_s += now_s - last_s
            last_s = now_s
            self._tell_step(now_s - began_s, position.step - first)
            if not self._is_last(step):
                continue  # gradients that wait for their step are in no checkpoint
            if deferred.came is not None:
                self._save()
                deferred.raise_if_came()
            if now_s - self._last_save_s >= run.checkpoint_s:
                self._save()

    def _step(self, step: int, batch: Batch) -> None:
        run, optimizer, position = self.config.run, self.config.optimizer, self.position
        torch.manual_seed(step_seed(run.seed, position.epoch, step, _MODEL_STREAM))
        mine = self._own_part(batch)
        moved = {k: self._to_device(v) if isinstance(v, torch.Tensor) else v for k, v in mine.items()}
        is_last = self._is_last(step)
        done = position.epoch * self.task.steps + step
        for turn, handle in enumerate(self._optimizers):
            rate = set_rate(handle.optimizer, self.config, done, run.epochs * self.task.steps)
            with self._unsynced(is_last):
                found = self.task.loss(self.networks, moved, turn)
                if found is None:
                    continue
                loss, figures = found
                value = float(loss.detach())
                if not math.isfinite(value):
                    self._stop_at(step, batch, value)
                self.fabric.backward(loss / optimizer.accumulate)
            name = "loss" if turn == 0 else f"loss_{turn + 1}"
            self._add({name: value, **figures, **({"lr": rate} if turn == 0 else {})})
            if is_last:
                self._update(handle, turn)
        if is_last and self.average is not None:
            self.average.update()

    def _own_part(self, batch: Batch) -> Batch:
        """Return the examples of a batch that this process computes; each of several has an equal part."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        if world == 1:
            return batch
        size = self.task.batch_size // world
        window = slice(rank * size, (rank + 1) * size)
        return {
            k: v[window] if isinstance(v, torch.Tensor) and len(v) == self.task.batch_size else v
            for k, v in batch.items()
        }

    def _is_last(self, step: int) -> bool:
        """Return whether the weights change after this batch."""
        return (step + 1) % self.config.optimizer.accumulate == 0 or step + 1 == self.task.steps

    def _update(self, handle: Any, turn: int) -> None:
        names = self.task.optimized()[turn]
        if self.config.optimizer.clip_norm:
            for name in names:
                self.fabric.clip_gradients(
                    self.networks[name],
                    handle,
                    max_norm=self.config.optimizer.clip_norm,
                    error_if_nonfinite=False,
                )
        handle.step()
        # What another optimizer's loss left in these networks goes too.
        for module in self._modules.values():
            module.zero_grad(set_to_none=True)

    def _unsynced(self, is_last: bool) -> contextlib.AbstractContextManager[Any]:
        """Leave out the exchange of gradients between devices where no step follows."""
        if is_last or self.fabric.world_size == 1:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[Any] = self.fabric.no_backward_sync(self.networks["model"])
        return context

    def _to_device(self, tensor: Tensor) -> Tensor:
        if self.config.run.channels_last and tensor.ndim == 4 and tensor.is_floating_point():
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        moved: Tensor = self.fabric.to_device(tensor)
        return moved

    def _add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.position.sums[name] = self.position.sums.get(name, 0.0) + value

    def _stop_at(self, step: int, batch: Batch, value: float) -> None:
        """Keep the batch whose loss is not finite, and raise."""
        path = self.folder / "bad-batch.safetensors"
        tensors = {k: v for k, v in batch.items() if isinstance(v, torch.Tensor)}
        save_tensors(path, tensors, {"epoch": str(self.position.epoch), "step": str(step)})
        raise TrainingError(
            f"the loss of step {step} of epoch {self.position.epoch} is {value}. The batch is kept in "
            f"{path.name}.",
            of=str(self.folder),
            todo="Lower optimizer.lr, set optimizer.clip_norm, or look at the batch.",
        )

    # Epochs

    def _end_epoch(self) -> Validation | None:
        position, run = self.position, self.config.run
        figures: dict[str, float] = {"epoch": position.epoch, "seconds": round(position.done_s, 3)}
        figures |= {f"train_{k}": v / self.task.steps for k, v in position.sums.items()}
        validation = None
        if (position.epoch + 1) % run.validate_every == 0 or position.epoch + 1 == run.epochs:
            with self._averaged():
                validation = self._validate()
                figures |= {f"val_{k}": float(v) for k, v in validation.figures.items()}
                self._note_best(validation)
        position.history.append(figures)
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
        self._save()
        self._tell_epoch(figures)
        return validation

    def _validate(self) -> Validation:
        for module in self._modules.values():
            module.eval()
        with torch.inference_mode():
            return self.task.validate(self.networks, self._to_device)

    def _note_best(self, validation: Validation) -> None:
        name = self.config.run.best or self.task.best
        if name.lstrip("-") not in validation.figures:
            raise TrainingError(
                f"validation has no figure {name.lstrip('-')!r}.",
                todo=f"run.best is one of {', '.join(validation.figures)}.",
            )
        value = float(validation.figures[name.lstrip("-")])
        score = -value if name.startswith("-") else value
        if self.position.best is None or score > self.position.best:
            self.position.best, self.position.best_epoch = score, self.position.epoch
            if self.config.run.keep == "best" and self.fabric.global_rank == 0:
                save_tensors(self.folder / BEST, self._modules["model"].state_dict())

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        with contextlib.nullcontext() if self.average is None else self.average.applied():
            yield

    def _load_best(self) -> None:
        """Give the network the best weights if the run keeps those; they are averaged already."""
        from vifex.models.families.shared.weights import apply_state, load_state

        if self.config.run.keep == "best" and (self.folder / BEST).is_file():
            apply_state(self._modules["model"], load_state(self.folder / BEST), of=BEST)
            self.average = None

    def _final(self, state: dict[str, Tensor]) -> Any:
        """Return the network with its final weights, as its description makes it."""
        network = self._modules["model"].to("cpu").eval().requires_grad_(False)
        network.load_state_dict(state)
        if self.config.network.lora_rank:
            merge_lora(network)
        return network

    # State

    def _save(self) -> None:
        self._last_save_s = time.monotonic()
        if self.fabric.global_rank != 0:
            return
        average = {} if self.average is None else self.average.state
        self.position.updates = 0 if self.average is None else self.average.updates
        save_checkpoint(
            self.folder,
            State(
                networks={name: module.state_dict() for name, module in self._modules.items()},
                average=dict(average),
                optimizers=[o.optimizer.state_dict() for o in self._optimizers],
                position=self.position,
            ),
        )

    def _resume(self) -> None:
        from vifex.models.families.shared.weights import apply_state

        state = load_checkpoint(self.folder)
        if state is None:
            return
        of = str(self.folder)
        if set(state.networks) != set(self._modules) or len(state.optimizers) != len(self._optimizers):
            raise TrainingError(
                f"the checkpoint has the networks {', '.join(state.networks)}, and this run has "
                f"{', '.join(self._modules)}.",
                of=of,
                todo="Choose another folder for this run.",
            )
        for name, module in self._modules.items():
            apply_state(module, state.networks[name], of=of)
        for handle, saved in zip(self._optimizers, state.optimizers, strict=True):
            handle.optimizer.load_state_dict(saved)
        if self.average is not None:
            self.average.load(state.average, state.position.updates)
        self.position = state.position

    # Display

    def _tell_step(self, elapsed_s: float, steps: int) -> None:
        if self._on_step is None:
            return
        p, run = self.position, self.config.run
        per_step_s = elapsed_s / max(1, steps)
        left = (run.epochs - p.epoch) * self.task.steps - p.step
        self._on_step(
            TrainingMoment(
                p.epoch, run.epochs, p.step, self.task.steps,
                self.task.batch_size / per_step_s if per_step_s else 0.0,
                left * per_step_s,
                {name: value / p.step for name, value in p.sums.items()},
            )
        )  # fmt: skip

    def _tell_epoch(self, figures: dict[str, float]) -> None:
        if self._on_epoch is not None:
            self._on_epoch(figures)
