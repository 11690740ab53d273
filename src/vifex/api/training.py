"""`vifex.train`: a network is trained as a configuration says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vifex.api.arguments import checked
from vifex.api.progress import clock, drawn
from vifex.training.progress import TrainingMoment
from vifex.training.running import TrainingResult

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vifex.training.config import Config

__all__ = ["compare_remedies", "resolve_config", "train"]


@checked("config")
def train(
    config: str | os.PathLike[str] | Mapping[str, Mapping[str, Any]],
    folder: str | os.PathLike[str],
    *,
    settings: Iterable[str] = (),
    progress: bool = False,
    on_step: Callable[[TrainingMoment], None] | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainingResult:
    """Train a network. The same call again resumes; on a CPU it ends in the same weights to the bit.

    The folder is then a model: `vifex.extract(..., model=folder)`.

    Args:
        config: A TOML file, or its sections as a mapping, e.g. `{"data": {"train": ["photos/"]}}`.
        folder: Of the run; made if absent.
        settings: Changes of the configuration, `section.key=value` each.
        progress: Show on standard error how far the run is.
        on_step: Called after each step.
        on_epoch: Called with the figures of each epoch.

    Returns:
        The figures of the finished run.

    Raises:
        InputError: If the configuration or the examples cannot be used.
        TrainingError: If the folder holds another run, the loss is not finite, or a file cannot be written.
        ModelError: If the initial weights belong to another network.
        MissingExtraError: If a library is not installed.
    """
    from vifex.training.running import run

    resolved = resolve_config(config, settings)
    with _shown(progress) as show:
        return run(resolved, Path(folder), on_step=_both(show, on_step), on_epoch=on_epoch)


def compare_remedies(
    config: str | os.PathLike[str] | Mapping[str, Mapping[str, Any]],
    folder: str | os.PathLike[str],
    *,
    settings: Iterable[str] = (),
    progress: bool = False,
) -> dict[str, TrainingResult]:
    """Train once with each remedy for imbalance; see `train` for the arguments and the errors.

    Returns:
        Name of each remedy to its result.
    """
    from vifex.training import running

    resolved = resolve_config(config, settings)
    with _shown(progress) as show:
        return running.compare_remedies(resolved, Path(folder), on_step=show)


def resolve_config(
    config: str | os.PathLike[str] | Mapping[str, Mapping[str, Any]], settings: Iterable[str]
) -> Config:
    """Read a configuration and change it.

    Args:
        config: A file, or sections as a mapping.
        settings: `section.key=value` each.

    Raises:
        InputError: If a section, key or value is wrong.
    """
    from vifex.training.config import config_of, load_config, with_settings

    read = config_of(config) if isinstance(config, Mapping) else load_config(Path(config))
    return with_settings(read, settings)


def _both(
    one: Callable[[TrainingMoment], None] | None, other: Callable[[TrainingMoment], None] | None
) -> Callable[[TrainingMoment], None] | None:
    if one is None or other is None:
        return one or other

    def call(moment: TrainingMoment) -> None:
        one(moment)
        other(moment)

    return call


class _Display:
    """What a terminal shows while a network is trained."""

    def __init__(self) -> None:
        self._step = "starting"
        self._moment: TrainingMoment | None = None

    def step(self, what: str) -> None:
        self._step = what

    def take(self, moment: TrainingMoment) -> None:
        self._moment = moment

    def line(self) -> str:
        moment = self._moment
        if self._step or moment is None:
            return self._step or "the first step"
        figures = "".join(f", {name} {value:.4g}" for name, value in moment.figures.items())
        left = "" if moment.left_s is None else f", about {clock(moment.left_s)} left"
        return (
            f"epoch {moment.epoch + 1} of {moment.epochs}, step {moment.step} of {moment.steps}{figures}; "
            f"{moment.examples_per_s:,.0f} examples/s{left}"
        )

    def render(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        moment = self._moment
        if self._step or moment is None:
            return Text(self.line(), no_wrap=True)
        from rich.progress_bar import ProgressBar

        row = Table.grid(padding=(0, 2))
        done = moment.epoch * moment.steps + moment.step
        row.add_row(
            ProgressBar(total=moment.epochs * moment.steps, completed=done, width=24),
            Text(self.line(), no_wrap=True, overflow="crop"),
        )
        return row


@contextmanager
def _shown(is_wanted: bool) -> Iterator[Callable[[TrainingMoment], None] | None]:
    if not is_wanted:
        yield None
        return
    display = _Display()
    with drawn(display):
        yield display.take
