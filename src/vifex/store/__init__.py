"""The store keeps rows, outcomes and recipes exactly; it does not know how they are made.

`open_store` reads and `open_writer` writes. A `View` is a table of rows made by one recipe. Its ledger says
what became of every medium. `delete_rows`, `relabel` and `move_media` change what a view holds, `remove_view`
and `rename_view` change which views there are, `merge_store` brings one store into another. `upgrade` brings
a store to the newest format, which docs/store-format.md describes.
"""

from vifex.store.commit.changes import CopiedMedium, LabelChange, MovedMedium
from vifex.store.commit.view_writer import CommitRule, Spilled, ViewWriter
from vifex.store.commit.writing import StoreWriter, open_writer, upgrade
from vifex.store.editing import (
    CompactedView,
    compact_view,
    delete_rows,
    move_media,
    relabel,
    remove_view,
    rename_view,
)
from vifex.store.files.copy_marks import CopyMark, keep_marks, marks_from, read_marks
from vifex.store.files.faults import DamagedError
from vifex.store.files.lance_adapter import IndexPlan
from vifex.store.files.layout import folder_bytes, indexed_views, stored_view
from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place, place_of
from vifex.store.ledger.contents import Content, KnownContents
from vifex.store.ledger.medium_ids import MediumIds
from vifex.store.ledger.tags import Tag, TaggedView, read_tags
from vifex.store.merging.bringing import MergedMedia
from vifex.store.merging.deciding import MergeConflict
from vifex.store.merging.stores import MergedInto, compare_stores, merge_store
from vifex.store.outside import RowsPlace, RowsThere, WrittenRows, open_rows
from vifex.store.reading.checking import FileProblem, ViewCheck
from vifex.store.reading.finished_view import FinishedView
from vifex.store.reading.indexed import ViewIndex, index_name, index_of
from vifex.store.reading.media_index import MediaIndex, MediumFacts
from vifex.store.reading.store import Store, open_store
from vifex.store.reading.view import View
from vifex.store.repairing.views import ViewRepair, repair_views
from vifex.store.schema import LEDGER_SCHEMA, LedgerEntry, row_schema
from vifex.store.tagging import make_tag, remove_tag

__all__ = [
    "LEDGER_SCHEMA",
    "CommitRule",
    "CompactedView",
    "Content",
    "CopiedMedium",
    "CopyMark",
    "DamagedError",
    "FileProblem",
    "FinishedView",
    "IndexPlan",
    "KnownContents",
    "LabelChange",
    "LedgerEntry",
    "MediaIndex",
    "MediumFacts",
    "MediumIds",
    "MergeConflict",
    "MergedInto",
    "MergedMedia",
    "MovedMedium",
    "ObjectPath",
    "Place",
    "RowsPlace",
    "RowsThere",
    "Spilled",
    "Store",
    "StoreWriter",
    "Tag",
    "TaggedView",
    "View",
    "ViewCheck",
    "ViewIndex",
    "ViewRepair",
    "ViewWriter",
    "WrittenRows",
    "compact_view",
    "compare_stores",
    "delete_rows",
    "folder_bytes",
    "index_name",
    "index_of",
    "indexed_views",
    "keep_marks",
    "make_tag",
    "marks_from",
    "merge_store",
    "move_media",
    "open_rows",
    "open_store",
    "open_writer",
    "place_of",
    "read_marks",
    "read_tags",
    "relabel",
    "remove_tag",
    "remove_view",
    "rename_view",
    "repair_views",
    "row_schema",
    "stored_view",
    "upgrade",
]
