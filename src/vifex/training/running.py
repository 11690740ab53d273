"""One run from its configuration to its folder: what `vifex train` does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vifex.training.config import METHODS, Config
from vifex.training.progress import TrainingMoment
from vifex.values.registry import require
from vifex.values.steps import step

__all__ = ["TrainingResult", "compare_remedies", "run", "show_batch"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run gave."""

    folder: Path
    """It is a model, e.g. for `vifex.extract(..., model=FOLDER)`."""
    figures: Mapping[str, Any]
    """Of the finished run: those of validation, and of the test if there is one."""
    problems: int
    """Examples that were left out or are damaged; `problems.csv` lists them."""
    was_finished: bool = False
    """Whether the run was finished before this call."""

    @property
    def exit_status(self) -> int:
        """0, or 3 if some examples could not be used."""
        return 3 if self.problems else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "folder": str(self.folder),
            "figures": dict(self.figures),
            "problems": self.problems,
            "was_finished": self.was_finished,
        }


def run(
    config: Config,
    folder: Path,
    *,
    on_step: Callable[[TrainingMoment], None] | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainingResult:
    """Train a network, or continue a run that was interrupted.

    Args:
        config: Of the run.
        folder: Of the run; the same configuration and folder resume.
        on_step: Called with a `TrainingMoment` after each step.
        on_epoch: Called with the figures of each epoch.

    Raises:
        InputError: If the configuration or the examples cannot be used.
        TrainingError: If the folder holds another run, the loss is not finite, or a file cannot be written.
        MissingExtraError: If a library is not installed.
    """
    from vifex.training.run_folder import RunFolder

    if not (folder / "summary.json").is_file():
        _check_installed()
    place = RunFolder(folder, config)
    if (figures := place.summary) is not None:
        return TrainingResult(folder, figures, int(figures.get("problems", 0)), was_finished=True)
    step("loading torch")
    from vifex.training.loop.trainer import Trainer
    from vifex.training.run_folder.loggers import Logger, open_loggers
    from vifex.training.run_folder.report import write_report
    from vifex.training.tasks import Setting, make_task

    task = make_task(Setting(config, folder, step))
    place.write_problems(task.problems())
    step("making the network")
    loggers: list[Logger] = []
    history: list[dict[str, float]] = []

    def note(figures: dict[str, float]) -> None:
        if not trainer.fabric.is_global_zero:
            return
        history.append(figures)
        place.write_metrics(history)
        for logger in loggers:
            logger.log(figures, int(figures["epoch"]))
        if on_epoch is not None:
            on_epoch(figures)

    trainer = Trainer(task, config, folder, on_step=on_step, on_epoch=note)
    if trainer.fabric.is_global_zero:
        loggers += open_loggers(config.run.log, folder, _flat(config))
    place.write_environment(
        {"device": str(trainer.fabric.device), "precision": trainer.fabric.strategy.precision.precision}
    )
    step("")
    try:
        trained = trainer.fit()
    finally:
        for logger in loggers:
            logger.close()
    if not trainer.fabric.is_global_zero:  # one process of several writes
        return TrainingResult(folder, {}, 0)
    step("writing the model")
    place.write_model(trained.network, task.description(), task.card())
    found = task.problems()
    place.write_problems(found)
    summary = {
        **{f"val_{k}": float(v) for k, v in trained.validation.figures.items()},
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "seconds": round(trained.seconds, 3),
        "examples_per_s": round(trained.examples / max(trained.seconds, 1e-9), 1),
        "ended": trained.why,
        "problems": len(found),
    }
    summary |= _tested(task, trained.network)
    step("writing the report")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on fonts that lack a glyph of a class
        write_report(place, task, trained, summary)
    place.write_summary(summary)
    return TrainingResult(folder, summary, len(found))


def _tested(task: Any, network: Any) -> dict[str, float]:
    """Return the figures of the test examples, if the task has some and knows how to judge them."""
    test = getattr(task, "test", None)
    if test is None:
        return {}
    return {f"test_{k}": float(v) for k, v in test(network).items()}


def compare_remedies(
    config: Config,
    folder: Path,
    *,
    on_step: Callable[[TrainingMoment], None] | None = None,
    on_result: Callable[[str, TrainingResult], None] | None = None,
) -> dict[str, TrainingResult]:
    """Train once with each remedy for imbalance, and compare them on the validation examples.

    Args:
        config: Of the runs; each one has another `imbalance.method`.
        folder: Each run has a folder of its method's name in it; `imbalance.csv` has their figures.
        on_step: As for `run`.
        on_result: Called with the method and the result of each run.

    Returns:
        Method to result.
    """
    import csv

    found = {}
    for method in METHODS:
        changed = replace(config, imbalance=replace(config.imbalance, method=method))
        found[method] = run(changed, folder / method, on_step=on_step)
        if on_result is not None:
            on_result(method, found[method])
    names = [n for n in found["none"].figures if n.startswith(("val_", "test_"))]
    with (folder / "imbalance.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", *names])
        writer.writerows([m, *(r.figures[n] for n in names)] for m, r in found.items())
    return found


def show_batch(config: Config, path: Path) -> None:
    """Write an image of what the network sees: the first batch of training, changed as in training.

    Args:
        config: Of the run.
        path: Of the image; its suffix says the format.

    Raises:
        InputError: If the task has no images.
    """
    _check_installed()
    from vifex.training.run_folder.sheets import batch_sheet
    from vifex.training.tasks import Setting, make_task

    task = make_task(Setting(config, path.parent, step))
    step("")
    batch_sheet(task, path)


def _check_installed() -> None:
    """Raise an error if a library of training is not installed."""
    for module in ("torch", "torchvision", "lightning_fabric", "matplotlib"):
        require(module, extra="train", needed_for="training")


def _flat(config: Config) -> dict[str, Any]:
    return {f"{s}.{k}": v for s, values in asdict(config).items() for k, v in values.items()}
