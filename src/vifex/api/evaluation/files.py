"""The files of an evaluation: predictions, figures, the report and plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from vifex.evaluation.evaluation import Evaluation
from vifex.evaluation.plots import plot_bytes
from vifex.evaluation.report import RowImage, evaluation_plots, report_page
from vifex.evaluation.tables import predictions_table
from vifex.search.files import check_target, written_whole
from vifex.values import InputError
from vifex.values.registry import require

__all__ = ["PREDICTIONS", "check_output", "write_evaluation"]

PREDICTIONS: Final = "predictions.parquet"
_FIGURES: Final = "figures.json"
_REPORT: Final = "report.html"


def check_output(folder: Path, *, overwrite: bool, plots: bool) -> None:
    """Make the folder and check that the files of an evaluation may be written, before the work for them.

    Raises:
        InputError: If a file is taken and may not be replaced, or the folder cannot be made.
        MissingExtraError: If plots are wanted and matplotlib is not installed.
    """
    if plots:
        require("matplotlib", extra="train", needed_for="a plot as a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(f"the folder cannot be made ({exc.strerror}).", of=str(folder)) from exc
    for name in (PREDICTIONS, _FIGURES, _REPORT):
        check_target(folder / name, overwrite=overwrite)


def write_evaluation(
    evaluation: Evaluation, folder: Path, *, image: RowImage | None, overwrite: bool, plots: bool
) -> dict[str, str]:
    """Write the files of an evaluation; each appears complete or not at all.

    Args:
        evaluation: What is written.
        folder: It exists.
        image: Gives the image of a row, for the report.
        overwrite: Whether files may be replaced.
        plots: Whether each plot becomes an SVG and a PNG file.

    Returns:
        What each file is to its path.
    """
    import pyarrow.parquet as pq

    paths = {"predictions": PREDICTIONS, "figures": _FIGURES, "report": _REPORT}
    with written_whole(folder / PREDICTIONS, overwrite=overwrite) as aside:
        pq.write_table(predictions_table(evaluation.predictions), aside)
    with written_whole(folder / _FIGURES, overwrite=overwrite) as aside:
        text = json.dumps(evaluation.to_dict(), indent=2, ensure_ascii=True, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")
    with (
        written_whole(folder / _REPORT, overwrite=overwrite) as aside,
        aside.open("w", encoding="utf-8") as file,
    ):
        file.writelines(report_page(evaluation, image=image))
    if plots:
        for name, plot in evaluation_plots(evaluation).items():
            for kind in ("svg", "png"):
                paths[f"{name}.{kind}"] = f"{name}.{kind}"
                with written_whole(folder / f"{name}.{kind}", overwrite=overwrite) as aside:
                    aside.write_bytes(plot_bytes(plot, "svg" if kind == "svg" else "png"))
    return {what: str(folder / name) for what, name in paths.items()}
