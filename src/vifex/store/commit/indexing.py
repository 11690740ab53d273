"""Approximate indexes of a view's vector columns: they are made, measured again and dropped like commits.

An index is a part of a version of the rows. It counts when a ledger entry names that version, in the same
commit as what was measured of it. A crash before that leaves the view as it was, and the next writer removes
the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vifex.store.commit.checkpoints import checkpoint
from vifex.store.commit.view_tables import ViewTables
from vifex.store.files.lance_adapter import IndexPlan, Table
from vifex.store.schema import index_entry
from vifex.values.machines import Machines

__all__ = ["Measure", "drop_index", "enter_facts", "make_index"]

Measure = Callable[[Table], Mapping[str, Any]]
"""Measures the index in a version of the rows; gives its facts as JSON can hold them."""


def make_index(
    tables: ViewTables, plan: IndexPlan, measure: Measure, machines: Machines | None = None
) -> None:
    """Make an index in place of the one that the column has, measure it, and commit both.

    The files of an index that it replaces stay until old versions are removed.

    Raises:
        StoreError: If that fails; the store stays as it was after the last commit.
    """
    with tables.failing():
        same = [one for one in tables.rows.table.vector_indices() if one.name == plan.name]
        tables.rows.make_index("index", plan, same, machines)
        facts = measure(tables.rows.table)
        checkpoint("index.measured")
        tables.enter(index_entry(facts, tables.recipe_hash))


def enter_facts(tables: ViewTables, measure: Measure) -> None:
    """Measure an index again and commit what was found; the index stays as it is."""
    with tables.failing():
        tables.enter(index_entry(measure(tables.rows.table), tables.recipe_hash))
    tables.maintain(at_end=True)


def drop_index(tables: ViewTables, name: str, facts: Mapping[str, Any]) -> bool:
    """Drop an index and remove its files; return whether there was one.

    Args:
        tables: Of the view.
        name: Of the index.
        facts: What the ledger says of it from now on.

    Raises:
        StoreError: If the commit fails; the store stays as it was after the last one.
    """
    with tables.failing():
        dropped = [one for one in tables.rows.table.vector_indices() if one.name == name]
        if not dropped:
            return False
        tables.rows.drop_indices("index", dropped)
        tables.enter(index_entry(facts, tables.recipe_hash))
    tables.remove_old_versions()
    return True
