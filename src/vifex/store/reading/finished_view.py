"""The finished media of a view that is read, as its writer knows them."""

from __future__ import annotations

from collections.abc import Sequence

from vifex.store.files.format_1 import is_format_1
from vifex.store.ledger.contents import KnownContents
from vifex.store.ledger.entries import take_entries
from vifex.store.ledger.finished import FinishedMedia
from vifex.store.reading.view import View
from vifex.store.schema import LedgerEntry

__all__ = ["FinishedView"]


class FinishedView:
    """The finished media of a view: what `ViewWriter` says of them, without a writer.

    Args:
        view: Must stay open.
    """

    def __init__(self, view: View) -> None:
        self._ledger, _ = view.tables
        self._finished = FinishedMedia(lambda: self._ledger)

    def finished(self) -> FinishedMedia:
        """Return the newest entries of all media."""
        return self._finished

    def contents(self, whole_bytes: int) -> KnownContents:
        """Return an index of the media by what their files hold.

        Args:
            whole_bytes: The content hash covers all bytes of a file of at most this size.
        """
        return KnownContents(self._ledger, whole_bytes)

    def entries_at(self, places: Sequence[int]) -> list[LedgerEntry]:
        """Read the entries at these places of the ledger, in the order of `places`.

        Entries of format 1 do not say what their files hold, so `contents` has no places of them.
        """
        assert not is_format_1(self._ledger)
        return [LedgerEntry(*entry.values()) for entry in take_entries(self._ledger, places).to_pylist()]
