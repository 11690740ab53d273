"""The store: rows, outcomes and recipes, kept exactly. How they were made is not its business.

`open_store` reads, `open_writer` writes; a `View` is a table of rows made by one recipe, and its ledger
says what became of every medium. The format is docs/store-format.md.
"""

from vifex.store.checking import FileProblem, ViewCheck
from vifex.store.editing import delete_rows, relabel
from vifex.store.layout import stored_view
from vifex.store.reading import Store, View, open_store
from vifex.store.schema import LEDGER_SCHEMA, LedgerEntry, row_schema
from vifex.store.view_writer import CommitRule, LabelChange, Spilled, ViewWriter
from vifex.store.writing import StoreWriter, open_writer, upgrade

__all__ = [
    "LEDGER_SCHEMA",
    "CommitRule",
    "FileProblem",
    "LabelChange",
    "LedgerEntry",
    "Spilled",
    "Store",
    "StoreWriter",
    "View",
    "ViewCheck",
    "ViewWriter",
    "delete_rows",
    "open_store",
    "open_writer",
    "relabel",
    "row_schema",
    "stored_view",
    "upgrade",
]
