"""Writing what a repair found: first the rows without their damaged parts, then a ledger that says so.

The order is that of every commit. A crash before the ledger's new version leaves the view as it was, and the
next repair begins again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.recovery import settle
from vifex.store.commit.synced_table import SyncedTable
from vifex.store.files.layout import ViewPaths
from vifex.store.files.sums import LEDGER
from vifex.store.ledger.head import Head
from vifex.store.ledger.sealing import FIRST, Seal, seal, with_checksum
from vifex.store.repairing.examining import Damage, rows_of_fragments
from vifex.store.schema import DELETED, LEDGER_SCHEMA, MEDIUM, RUN, Entries, maintenance_entry

__all__ = ["REASON", "mend"]

REASON: Final = "its entry in the ledger was damaged; the next extraction makes it again"
"""Of a medium whose rows were kept without being proved."""
_SEALED: Final = ("rows_version", "run", "commit", "checksum")


def mend(paths: ViewPaths, damage: Damage, recipe_hash: str, run: str, said: str) -> None:
    """Bring a view to the state that an examination found to be right.

    Args:
        paths: Where the view lies.
        damage: What was found, with the lock held.
        recipe_hash: Of the view.
        run: Facts of this run as JSON text, for the ledger.
        said: What is done, for the ledger.

    Raises:
        StoreError: If the view cannot be written. It is then as it was.
    """
    newest = damage.commits[-1] if damage.commits else None
    last = Seal(0, FIRST, 0)
    if newest is not None:
        # It is used where all commits are proved.
        last = Seal(newest.number, newest.entries.column("checksum")[0].as_py(), damage.rows.version)
    rows, ledger, _ = settle(paths, Head(damage.ledger, damage.rows, last, damage.broken))
    for file in paths.folder.glob("*.tmp"):
        file.unlink(missing_ok=True)
    if not damage.changes_ledger:
        return
    if damage.changes_rows:
        _remove_rows(rows, damage)
    new = _entries(rows.table, damage, recipe_hash, said)
    files = rows.take_sums() | damage.sums
    if not damage.replaces_ledger:
        files |= {LEDGER: ledger.sum_of_data()}
        batch, _ = seal(new, last, rows.table.version, files, run_text=run)
        fragments = ledger.write([batch], LEDGER_SCHEMA)
        checkpoint("repair.ledger_written")
        ledger.sync_data(fragments)
        checkpoint("repair.ledger_data_synced")
        ledger.commit("repair.ledger", fragments)
        return
    fragments = []
    if any(commit.is_proved for commit in damage.commits):
        proved = _Proved(damage)
        fragments = ledger.write_replacement(proved.batches(), LEDGER_SCHEMA)
        last = proved.last
        files |= {LEDGER: ledger.sum_of(fragments)}
    else:
        last = Seal(0, FIRST, 0)
    batch, _ = seal(new, last, rows.table.version, files, run_text=run)
    fragments += ledger.write_replacement([batch], LEDGER_SCHEMA)
    checkpoint("repair.ledger_written")
    ledger.sync_data(fragments)
    checkpoint("repair.ledger_data_synced")
    ledger.replace_all("repair.ledger", fragments, LEDGER_SCHEMA)


def _remove_rows(rows: SyncedTable, damage: Damage) -> None:
    """Commit the rows without damaged fragments and without the rows of media that are set back."""
    gone_ids = pa.array([*damage.back, *damage.foreign], pa.string())
    parts: list[npt.NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    for batch in rows_of_fragments(damage.rows, damage.whole, ["medium_id"], addresses=True):
        mask = pc.is_in(batch.column("medium_id").cast(pa.string()), gone_ids)
        parts.append(batch.column("_rowaddr").filter(mask).to_numpy())
    changed, gone = rows.delete_rows(np.concatenate(parts).astype(np.uint64))
    checkpoint("repair.rows_deletions_written")
    rows.sync_data(())
    checkpoint("repair.rows_data_synced")
    rows.commit("repair.rows", (), changed, [*gone, *(fragment.id for fragment in damage.bad)])


class _Proved:
    """The proved commits, numbered without gaps and sealed again."""

    def __init__(self, damage: Damage) -> None:
        self._commits = [commit for commit in damage.commits if commit.is_proved]
        self.last = Seal(0, FIRST, 0)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield them; `last` is the newest after that."""
        numbers = {commit.number: place for place, commit in enumerate(self._commits, start=1)}
        texts = {c.number for c in self._commits if RUN in c.entries.column("kind").to_pylist()}
        for place, commit in enumerate(self._commits, start=1):
            values: dict[str, Any] = {n: commit.entries.column(n).to_pylist() for n in LEDGER_SCHEMA.names}
            values["commit"] = [place] * commit.entries.num_rows
            values["run"] = [numbers[run] if run in texts else 0 for run in values["run"]]
            values["checksum"] = [""] * commit.entries.num_rows
            batch = pa.RecordBatch.from_pydict(values, schema=LEDGER_SCHEMA)
            sealed, total = with_checksum(batch, self.last.checksum)
            self.last = Seal(place, total, 0)
            yield sealed


def _entries(rows: pa.Table, damage: Damage, recipe_hash: str, said: str) -> Entries:
    """Return the entries of media that are removed, of those that are kept for now, and of the repair."""
    maintenance = maintenance_entry(said, recipe_hash)
    names = list(maintenance)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for medium_id in damage.back:
        known = damage.media[medium_id]
        (entry,) = damage.commits[known.commit].entries.slice(known.place, 1).to_pylist()
        gone = {"status": "ok", "reason": "", "rows": 0, "lost": 0, "wall_s": 0.0, "kind": DELETED}
        _add(columns, {name: value for name, value in {**entry, **gone}.items() if name not in _SEALED})
    for facts in _facts(damage):
        _add(columns, {**{name: values[0] for name, values in maintenance.items()}, **facts})
    return {name: [*columns[name], *maintenance[name]] for name in names}


def _add(columns: dict[str, list[Any]], entry: Mapping[str, Any]) -> None:
    for name, values in columns.items():
        values.append(entry[name])


def _facts(damage: Damage) -> Iterator[dict[str, Any]]:
    """Yield what the rows say of the media that are kept until they are made again."""
    if not damage.to_do:
        return
    wanted = pa.array(damage.to_do, pa.string())
    found: dict[str, dict[str, Any]] = {}
    columns = ["medium_id", "uri", "name", "label", "split"]
    for batch in rows_of_fragments(damage.rows, damage.whole, columns):
        for row in batch.filter(pc.is_in(batch.column("medium_id").cast(pa.string()), wanted)).to_pylist():
            known = found.setdefault(row["medium_id"], row)
            if known["label"] != row["label"]:
                known["label"] = None  # labels of boxes
    for medium_id, row in found.items():
        yield {
            **row,
            "kind": MEDIUM,
            "status": "partial",
            "reason": REASON,
            "rows": damage.counts[medium_id],
        }
