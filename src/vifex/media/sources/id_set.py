"""The set of media that were found so far, with 16 bytes each."""

from __future__ import annotations

__all__ = ["IdSet"]

_ID_BYTES = 16
_EMPTY = bytes(_ID_BYTES)


class IdSet:
    """A set of 128-bit hashes, four times as small as a set of Python objects.

    Open addressing in one array of bytes. Hashes are evenly distributed, so their first bytes give the slot.
    """

    def __init__(self) -> None:
        self._slots = 1024
        self._table = bytearray(self._slots * _ID_BYTES)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_hex: str) -> bool:
        item = _item(id_hex)
        at = self._slot(item)
        return self._table[at : at + _ID_BYTES] == item

    def add(self, id_hex: str) -> bool:
        """Add an id of 32 hex digits; return whether it is new."""
        item = _item(id_hex)
        at = self._slot(item)
        if self._table[at : at + _ID_BYTES] == item:
            return False
        self._table[at : at + _ID_BYTES] = item
        self._count += 1
        if self._count * 3 > self._slots * 2:
            self._grow()
        return True

    def _slot(self, item: bytes) -> int:
        """Return the offset of an item, or of the free slot where it belongs."""
        slot = int.from_bytes(item[:8], "little") % self._slots
        while True:
            at = slot * _ID_BYTES
            held = self._table[at : at + _ID_BYTES]
            if held in (item, _EMPTY):
                return at
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        old, self._slots = self._table, self._slots * 2
        self._table = bytearray(self._slots * _ID_BYTES)
        for at in range(0, len(old), _ID_BYTES):
            item = bytes(old[at : at + _ID_BYTES])
            if item != _EMPTY:
                new = self._slot(item)
                self._table[new : new + _ID_BYTES] = item


def _item(id_hex: str) -> bytes:
    item = bytes.fromhex(id_hex)
    if len(item) != _ID_BYTES:
        raise ValueError(f"an id has {_ID_BYTES} bytes, got {len(item)}")
    # Zero marks a free slot, so that one hash is changed to the next number.
    return b"\x01" + _EMPTY[1:] if item == _EMPTY else item
