"""The store keeps rows, outcomes and recipes exactly; it does not know how they are made.

`open_store` reads and `open_writer` writes. A `View` is a table of rows made by one recipe. Its ledger says
what became of every medium. `delete_rows` and `relabel` change what a view holds, and `upgrade` brings a
store to the newest format, which docs/store-format.md describes.
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
