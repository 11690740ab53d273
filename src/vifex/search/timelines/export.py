"""Moments as a file: `.edl`, `.otio` or `.csv`, by its suffix."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vifex.search.files import check_names_file, written_whole
from vifex.search.timelines.edl import write_edl
from vifex.search.timelines.otio import write_otio
from vifex.search.timelines.sources import sources_of
from vifex.values import InputError

if TYPE_CHECKING:
    from vifex.search.moments.moment import Moment

__all__ = ["MOMENT_FORMATS", "check_moments_file", "export_moments"]

MOMENT_FORMATS = ("csv", "edl", "otio")

_COLUMNS = ("rank", "score", "name", "uri", "start_s", "end_s", "rows", "best_s", "key", "label", "split")


def check_moments_file(path: str | os.PathLike[str]) -> str:
    """Return the format that the suffix of a file names.

    Raises:
        InputError: If it names none.
    """
    check_names_file(path)
    to = Path(path).suffix.lower().lstrip(".")
    if to not in MOMENT_FORMATS:
        raise InputError(
            "the suffix names no format of moments.",
            of=os.fspath(path),
            todo="End it in .csv, .edl or .otio.",
        )
    return to


def export_moments(
    path: str | os.PathLike[str], moments: Sequence[Moment], *, title: str, overwrite: bool = False
) -> list[str]:
    """Write moments to one file. The file appears complete or not at all.

    Images, which have no times, and media whose file cannot be read stand in `.csv` alone.

    Args:
        path: The file; `.edl`, `.otio` or `.csv`.
        moments: In the order to write.
        title: The title of an EDL or a timeline.
        overwrite: Whether an existing file may be replaced.

    Returns:
        Sentences on what was left out.

    Raises:
        InputError: If the suffix names no format or the file cannot be written.
    """
    to = check_moments_file(path)
    with written_whole(path, overwrite=overwrite) as aside:
        if to == "csv":
            _write_csv(aside, moments)
            return []
        sources, notes = sources_of(moments)
        timed = [moment for moment in moments if moment.start_s is not None]
        kept = [moment for moment in timed if moment.uri in sources]
        if len(timed) < len(moments):
            notes.append(f"{len(moments) - len(timed)} images have no times and were left out.")
        write = write_edl if to == "edl" else write_otio
        return notes + write(aside, title, kept, sources)


def _write_csv(path: Path, moments: Sequence[Moment]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for m in moments:
            best = m.best
            times = (m.start_s, m.end_s)
            writer.writerow(
                [m.rank, m.score, m.name, m.uri, *times, m.rows, best.t_s, best.key, best.label, best.split]
            )
