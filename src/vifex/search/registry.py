"""Distances and export formats by name; one line adds one, entry points add those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from vifex.values.registry import load, names

if TYPE_CHECKING:
    from vifex.search.distances import Distance
    from vifex.search.formats import Format

__all__ = ["DISTANCES", "EXPORTS", "distance", "distances", "export_format", "export_formats"]

DISTANCES: Final[Mapping[str, str]] = {
    "cosine": "vifex.search.distances.cosine:COSINE",
    "dot": "vifex.search.distances.dot:DOT",
    "l2": "vifex.search.distances.l2:L2",
}

EXPORTS: Final[Mapping[str, str]] = {
    "csv": "vifex.search.formats.csv:CSV",
    "hdf5": "vifex.search.formats.hdf5:HDF5",
    "huggingface": "vifex.search.formats.huggingface:HUGGINGFACE",
    "jsonl": "vifex.search.formats.jsonl:JSONL",
    "lance": "vifex.search.formats.lance:LANCE",
    "npy": "vifex.search.formats.npy:NPY",
    "npz": "vifex.search.formats.npz:NPZ",
    "parquet": "vifex.search.formats.parquet:PARQUET",
    "safetensors": "vifex.search.formats.safetensors:SAFETENSORS",
}

_DISTANCE_GROUP = "vifex.distances"
_EXPORT_GROUP = "vifex.exports"


def distance(name: str) -> Distance:
    """Load a distance.

    Raises:
        InputError: If the name is unknown.
    """
    return cast("Distance", load(DISTANCES, name, group=_DISTANCE_GROUP, what="distance"))


def distances() -> list[str]:
    """Names of all distances, sorted."""
    return names(DISTANCES, group=_DISTANCE_GROUP)


def export_format(name: str) -> Format:
    """Load an export format.

    Raises:
        InputError: If the name is unknown.
    """
    return cast("Format", load(EXPORTS, name, group=_EXPORT_GROUP, what="export format"))


def export_formats() -> list[str]:
    """Names of all export formats, sorted."""
    return names(EXPORTS, group=_EXPORT_GROUP)
