"""The report of a run: one HTML page that loads nothing from elsewhere, and the curves as files."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vifex.evaluation.plots import draw_svg, line_plot, plot_bytes
from vifex.evaluation.plots.plot import Plot
from vifex.evaluation.report.report_style import REPORT_STYLE
from vifex.training.config import to_toml
from vifex.training.loop.files import write_whole
from vifex.training.loop.trainer import Trained
from vifex.training.run_folder.folder import RunFolder
from vifex.training.tasks import Task
from vifex.values.pages import page_head

__all__ = ["curves", "write_report"]

_STYLE: Final = (
    REPORT_STYLE
    + """
figure { margin: 1rem 0; } .plot { margin-inline: 0; } table { width: auto; } pre { overflow-x: auto; }
.errors { display: flex; flex-wrap: wrap; gap: .8rem; } .error { width: 8.5rem; margin: 0; font-size: .8rem; }
.error img { width: 100%; image-rendering: pixelated; }
"""
)


def curves(history: Sequence[Mapping[str, float]]) -> dict[str, Plot]:
    """Return a plot of each figure over the epochs, training and validation together.

    Args:
        history: Figures of each epoch, as `metrics.csv` has them.
    """
    names = list(dict.fromkeys(name for row in history for name in row if "_" in name))
    figures = list(dict.fromkeys(name.partition("_")[2] for name in names))
    made = {}
    for figure in figures:
        lines: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
        for kind, words in (("train", "training"), ("val", "validation")):
            rows = [row for row in history if f"{kind}_{figure}" in row]
            if rows:
                lines[words] = (
                    [row["epoch"] + 1 for row in rows],
                    [row[f"{kind}_{figure}"] for row in rows],
                )
        title = figure.replace("_", " ")
        made[figure] = line_plot(title.capitalize(), "epoch", title, lines)
    return made


def write_report(folder: RunFolder, task: Task, trained: Trained, summary: Mapping[str, Any]) -> None:
    """Write `report.html`, and each curve as SVG and PNG into `curves`.

    Args:
        folder: Of the run.
        task: It adds its own parts.
        trained: What the run gave.
        summary: The figures at the top.
    """
    plots = curves(trained.history)
    (folder.path / "curves").mkdir(exist_ok=True)
    for name, plot in plots.items():
        for kind in ("svg", "png"):
            write_whole(folder.path / "curves" / f"{name}.{kind}", plot_bytes(plot, kind))
    parts = [
        f"<h1>{html.escape(folder.path.name)}</h1>",
        _table(summary),
        "<h2>Curves</h2>",
        *(f"<figure>{draw_svg(plot)}</figure>" for plot in plots.values()),
        *task.report(trained.validation, folder.path),
        _problems(task.problems()),
        f'<h2>Configuration</h2>\n<pre tabindex="0" role="region" '
        f'aria-label="Configuration">{html.escape(to_toml(folder.config))}</pre>',
    ]
    body = "\n".join(parts)
    page = page_head(folder.path.name, _STYLE) + f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    write_whole(folder.path / "report.html", page.encode("utf-8", "backslashreplace"))


def _table(summary: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th><td>{html.escape(_shown(value))}</td></tr>"
        for name, value in summary.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _problems(problems: Sequence[tuple[str, str]]) -> str:
    if not problems:
        return ""
    listed = "".join(f"<li>{html.escape(name)}: {html.escape(why)}</li>" for name, why in problems[:100])
    return f"<h2>Examples with problems</h2>\n<p>{len(problems)} of them.</p><ul>{listed}</ul>"
