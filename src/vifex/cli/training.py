"""`vifex train`: examples to a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from vifex.cli.arrow import keep_pandas_out
from vifex.cli.options import OUTPUT, SOURCE, Flag, Json, Quiet, helped
from vifex.cli.output import clean, print_json, print_line, print_table

__all__ = ["train"]

_CONFIG = Group.create_ordered("Configuration")


@helped
def train(
    config: Annotated[Path | None, Parameter(group=_CONFIG)] = None,
    /,
    *,
    set: Annotated[list[str] | None, Parameter(name=["--set", "-s"], negative=(), group=_CONFIG)] = None,
    init: Annotated[str | None, Parameter(group=_CONFIG)] = None,
    data: Annotated[list[str] | None, Parameter(name="--data", negative=(), group=SOURCE)] = None,
    val: Annotated[list[str] | None, Parameter(name="--val", negative=(), group=SOURCE)] = None,
    group: Annotated[str | None, Parameter(group=SOURCE)] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], group=OUTPUT)] = None,
    show_batch: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    imbalance_report: Annotated[Flag, Parameter(group=OUTPUT)] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Train a network; an interrupted run resumes.

    For example:
        vifex train --init image > run.toml
        vifex train run.toml -o runs/first
        vifex train run.toml -o runs/longer --set run.epochs=40 --set network.name=cifar-resnet20

    The same command again continues, and on a CPU ends in the same weights to the bit. The folder of the run
    is a model for every other command. It holds the configuration, the figures, the curves and report.html.

    Parameters
    ----------
    config
        A TOML file.
    set
        section.key=value: change one key of the configuration.
    init
        Print a commented configuration: image, video, metric, fusion, vae or gan.
    data
        Folders by class, manifests, Parquet files or stores to train on, instead of data.train.
    val
        The same for validation, instead of data.val.
    group
        Column whose values a split keeps together, instead of data.group.
    output
        Folder of the run (default: runs/ and the name of the configuration).
    show_batch
        Train nothing: write an image of the first batch, as the network gets it.
    imbalance_report
        Train once with each remedy for classes of different sizes, and compare them on the validation
        examples. Each run is a folder in the output.
    """
    keep_pandas_out()
    from vifex.api.training import resolve_config

    if init is not None:
        from vifex.training.config import template

        print_line(template(init).rstrip())
        return 0
    settings = [*(_list("data.train", data)), *_list("data.val", val), *(set or [])]
    if group is not None:
        settings.append(f"data.group={group}")
    given: Path | dict[str, dict[str, object]] = {} if config is None else config
    if show_batch is not None:
        from vifex.training.running import show_batch as write

        write(resolve_config(given, settings), show_batch)
        return 0
    if imbalance_report:
        return _compare(given, settings, output or _folder(config), json=json, quiet=quiet)
    return _train(given, settings, output or _folder(config), json=json, quiet=quiet)


def _compare(
    config: Path | dict[str, dict[str, object]], settings: list[str], folder: Path, *, json: bool, quiet: bool
) -> int:
    from vifex.api.training import compare_remedies

    found = compare_remedies(config, folder, settings=settings, progress=not quiet)
    if json:
        print_json({method: result.to_dict() for method, result in found.items()})
    else:
        print_table(
            ["remedy", "accuracy", "balanced accuracy"],
            [
                [m, f"{r.figures['val_accuracy']:.4f}", f"{r.figures['val_balanced_accuracy']:.4f}"]
                for m, r in found.items()
            ],
        )
    return max(result.exit_status for result in found.values())


def _train(
    config: Path | dict[str, dict[str, object]], settings: list[str], folder: Path, *, json: bool, quiet: bool
) -> int:
    import vifex

    result = vifex.train(
        config,
        folder,
        settings=settings,
        progress=not quiet,
        on_epoch=None if quiet or json else _print_epoch,
    )
    if not result.figures:  # one of several processes, and not the one that reports
        return 0
    if json:
        print_json(result.to_dict())
        return result.exit_status
    figures = [
        f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in result.figures.items()
        if name.startswith(("val_", "test_"))
    ]
    note = ", finished before" if result.was_finished else ""
    print_line(f"{', '.join(figures)} -> {clean(str(result.folder))}{note}")
    if result.problems:
        print_line(f"{result.problems} examples have problems: {clean(str(result.folder / 'problems.csv'))}")
    return result.exit_status


def _print_epoch(figures: dict[str, float]) -> None:
    told = [
        f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in figures.items()
        if name.startswith(("train_loss", "val_"))
    ]
    print_line(f"epoch {int(figures['epoch']) + 1}: {', '.join(told)}")


def _list(key: str, values: list[str] | None) -> list[str]:
    """Return a setting of a list of texts."""
    import json

    return [] if values is None else [f"{key}={json.dumps(values)}"]


def _folder(config: Path | None) -> Path:
    return Path("runs") / ("run" if config is None else config.stem)
