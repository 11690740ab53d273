"""`vifex cache`: what is kept of compiled and converted networks, where, and removing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vifex.cli.options import Flag, Json, helped
from vifex.cli.output import clean, print_json, print_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vifex.engines.cache_maintenance import Entry

__all__ = ["cache"]

_GIB = 1 << 30
_WORDS = {
    "graph": "compiled graphs",
    "converted": "converted networks",
    "archive": "indexes of archives",
    "leftover": "leftovers of killed runs",
}


@helped
def cache(
    *, prune: Flag = False, limit: float | None = None, dry_run: Flag = False, json: Json = False
) -> int:
    """Show the folder and the size of the cache; --prune removes its content.

    The cache holds compiled graphs, converted networks and indexes of archives, which are made again when
    they are needed. Its folder is VIFEX_CACHE, or the system's folder for caches. Its size stays below
    VIFEX_CACHE_LIMIT (in GiB, default 10; 0 sets no limit): what was used longest ago is removed first.
    Published weights are in the caches of the libraries that download them.

    Parameters
    ----------
    prune
        Remove everything that no running process uses, or with --limit as much as is needed.
    limit
        With --prune, the size in GiB that may stay.
    dry_run
        With --prune, print what would be removed and remove nothing.
    """
    from vifex.engines.cache import cache_folder
    from vifex.engines.cache_maintenance import entries, limit_bytes
    from vifex.engines.cache_maintenance import prune as remove
    from vifex.values import InputError

    if not prune and (limit is not None or dry_run):
        raise InputError("`limit=` and `dry_run=` belong to `prune=`.", todo="Add `prune=True`.")
    if limit is not None and not 0 <= limit < float("inf"):
        raise InputError(f"takes a number of GiB from 0 on, got {limit:g}.", option="limit")
    folder, most = cache_folder(), limit_bytes()
    gone = remove(folder, int((limit or 0.0) * _GIB), dry_run=dry_run) if prune else []
    left = entries(folder)
    if json:
        removed = None if not prune else {"dry_run": dry_run, **_totals(gone)}
        print_json({"folder": str(folder), "limit_bytes": most, **_totals(left), "removed": removed})
        return 0
    _print(folder, most, left)
    if prune:
        done = "would be removed" if dry_run else "removed"
        print_line(f"{_count(gone)} {done}, {_size(sum(e.size_bytes for e in gone))}")
    return 0


def _totals(found: Sequence[Entry]) -> dict[str, object]:
    kinds = {
        kind: {
            "entries": sum(e.kind == kind for e in found),
            "size_bytes": sum(e.size_bytes for e in found if e.kind == kind),
        }
        for kind in _WORDS
    }
    return {"size_bytes": sum(e.size_bytes for e in found), "kinds": kinds}


def _print(folder: Path, most: int | None, found: Sequence[Entry]) -> None:
    limit = "no limit" if most is None else f"limit {_size(most)}"
    print_line(f"{clean(folder)}: {_size(sum(e.size_bytes for e in found))} ({limit})")
    for kind, words in _WORDS.items():
        of_kind = [e for e in found if e.kind == kind]
        if of_kind:
            print_line(f"  {len(of_kind):>5} {words}, {_size(sum(e.size_bytes for e in of_kind))}")


def _count(found: Sequence[Entry]) -> str:
    return f"{len(found)} entr{'y' if len(found) == 1 else 'ies'}"


def _size(size_bytes: int) -> str:
    if size_bytes >= _GIB:
        return f"{size_bytes / _GIB:.2f} GiB"
    return f"{size_bytes / (1 << 20):.1f} MiB"
