"""Checksums of files. The ledger names one for each file of the rows, so that damage is found.

They are BLAKE2b with 16 bytes of digest, as for the entries of the ledger: about 0.9 GB a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from vifex.store.files.places.object_path import ObjectPath
from vifex.store.files.places.place import Place

if TYPE_CHECKING:
    from vifex.store.files.lance_adapter import VectorIndex

__all__ = ["LEDGER", "damaged_files", "damaged_index_files", "file_sum", "index_files", "sum_of_sums"]

LEDGER: Final = "ledger.lance"
"""The key under which a commit names the sum of all data files of the ledger before it."""
_CHUNK_BYTES: Final = 1 << 20


def file_sum(path: Place) -> str:
    """Return the checksum of a file's bytes, 32 hex digits.

    Raises:
        OSError: If it is not there, or the system cannot read it.
    """
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(path, ObjectPath):
        for chunk in path.chunks(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sum_of_sums(sums: Mapping[str, str]) -> tuple[str, str]:
    """Return two checksums of some files, sorted: of their names, and of their names and checksums."""
    names = hashlib.blake2b("".join(f"{name}\n" for name in sorted(sums)).encode(), digest_size=16)
    lines = "".join(f"{name} {sums[name]}\n" for name in sorted(sums))
    return names.hexdigest(), hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()


def damaged_files(folder: Place, paths: Iterable[str], sums: Mapping[str, str]) -> list[str]:
    """Return those of these files that are gone, or do not give the checksum that is known of them.

    Args:
        folder: What the paths are relative to.
        paths: The files.
        sums: Checksums by path; a file without one counts as whole if it is there.
    """
    return [path for path in paths if not _is_as_written(folder / path, sums.get(path))]


def damaged_index_files(folder: Place, index: VectorIndex, sums: Mapping[str, str]) -> list[str]:
    """Return the damaged files of an approximate index, those that are gone included."""
    return damaged_files(folder, index_files(index, sums), sums)


def index_files(index: VectorIndex, sums: Mapping[str, str]) -> list[str]:
    """Return the files of an index: those that are there and those that the ledger names."""
    folders = tuple(f"_indices/{meta.uuid}/" for meta in index.meta)
    return sorted({*index.files, *(path for path in sums if path.startswith(folders))})


def _is_as_written(file: Place, said: str | None) -> bool:
    try:
        return file.is_file() if said is None else file_sum(file) == said
    except FileNotFoundError:
        return False
