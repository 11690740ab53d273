"""Compare two stores of the same media: which rows, times, features and outcomes differ.

    python scripts/compare_stores.py OLD NEW [--view main] [--cosine 0.9999 | --exact] [--json FILE]

A row is known by its medium's name and its ordinal. Times and frame numbers must be equal, features must
have at least the stated cosine, or with `--exact` the same bits. Each medium that differs is one entry: what
differs, and what both ledgers say. With `--only-rows` the words of the ledgers do not count. Exit status: 0
where nothing differs, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

import vifex

TIMES = ("frame_index", "pts", "time_base", "t_s", "t_start_s", "t_end_s", "x0", "y0", "x1", "y1")
FACTS = ("key", "medium_id", "uri", "name", "label", "split", "ordinal", *TIMES)

Row = dict[str, Any]


def rows_of(store: Any) -> dict[str, list[Row]]:
    """Give the rows of each medium, by its name, in their order."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in store.to_arrow().to_pylist():
        found[row["name"]].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row["ordinal"])
    return found


def cosine(one: list[float], other: list[float]) -> float:
    """Give the cosine of two vectors; 1 for two vectors of zeros."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norms if norms else float(not (a.any() or b.any()))


def same_bits(one: list[float], other: list[float]) -> bool:
    """Return whether two vectors are equal to the bit; equal NaNs count as equal."""
    return np.asarray(one, np.float32).tobytes() == np.asarray(other, np.float32).tobytes()


def differences(old: list[Row], new: list[Row], least: float | None) -> list[str]:
    """Say what differs between the rows of one medium."""
    if len(old) != len(new):
        return [f"{len(old)} -> {len(new)} rows"]
    said = []
    moved = [c for c in TIMES if any(a[c] != b[c] for a, b in zip(old, new, strict=True))]
    if moved:
        said.append(f"other {', '.join(moved)}")
    for column in [c for c in (old[0] if old else {}) if c not in FACTS]:
        if least is None:
            n_other = sum(not same_bits(a[column], b[column]) for a, b in zip(old, new, strict=True))
            said += [f"{column}: {n_other} rows of other bits"] if n_other else []
            continue
        worst = min(cosine(a[column], b[column]) for a, b in zip(old, new, strict=True))
        if worst < least:
            said.append(f"{column}: cosine down to {worst:.4f}")
    return said


def compare(
    old_path: Path, new_path: Path, view: str, least: float | None, *, only_rows: bool
) -> list[dict[str, Any]]:
    """Give one entry for each medium that differs: its name, what differs, and both ledgers' words."""
    with vifex.open(old_path, view=view) as old, vifex.open(new_path, view=view) as new:
        rows = rows_of(old), rows_of(new)
        ledgers = [{e["name"]: e for e in store.ledger().to_pylist()} for store in (old, new)]
    found = []
    for name in sorted(ledgers[0].keys() | ledgers[1].keys()):
        entries = [ledger.get(name) for ledger in ledgers]
        said = differences(rows[0].get(name, []), rows[1].get(name, []), least)
        words = [f"{e['status']}: {e['reason']}" if e else "not in the store" for e in entries]
        if words[0] != words[1] and not only_rows:
            said.append("other outcome")
        if said:
            found.append({"name": name, "differs": said, "old": words[0], "new": words[1]})
    return found


def main() -> int:
    """Compare, print, and give the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--view", default="main")
    parser.add_argument("--cosine", type=float, default=0.9999)
    parser.add_argument("--exact", action="store_true", help="features must be equal to the bit")
    parser.add_argument("--only-rows", action="store_true", help="ledgers may differ in their words")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    found = compare(
        words.old, words.new, words.view, None if words.exact else words.cosine, only_rows=words.only_rows
    )
    for entry in found:
        print(f"{entry['name']}: {'; '.join(entry['differs'])}\n  old  {entry['old']}\n  new  {entry['new']}")
    print(f"{len(found)} media differ")
    if words.json:
        words.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
