"""Files of networks for machines that lack them: by way of Ray's object store, once for each machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vifex.engines.cache import cache_folder
from vifex.extraction.planning.portable import PortablePlan
from vifex.extraction.shards.protocol import ShardSetup
from vifex.models.files import weights_files
from vifex.models.run_folders import is_of_run_folder, run_files
from vifex.values import Model

__all__ = ["ShippedFile", "received", "ship"]


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A file of a network."""

    network: str
    """Path of the network's first file where the coordinator runs; files of one network go together."""
    path: str
    """Of this file, there."""
    sha256: str
    contents: Any
    """Reference of the object that holds the bytes."""


def ship(plans: Sequence[PortablePlan], put: Callable[[bytes], Any]) -> list[ShippedFile]:
    """Put the files of networks where the machines of the cluster can fetch them.

    Args:
        plans: Of the views.
        put: Makes an object of the cluster of some bytes.
    """
    found = []
    for paths in dict.fromkeys(tuple(_files(plan.model)) for plan in plans):
        for path in paths:
            contents = path.read_bytes()
            digest = hashlib.sha256(contents).hexdigest()
            found.append(ShippedFile(str(paths[0]), str(path), digest, put(contents)))
    return found


def received(setup: ShardSetup, files: Sequence[ShippedFile], fetch: Callable[[Any], bytes]) -> ShardSetup:
    """Return the setup with the paths that networks have on this machine.

    Args:
        setup: Of a shard.
        files: Of its networks.
        fetch: Gives the bytes of an object of the cluster.
    """
    places = {network: _place(parts, fetch) for network, parts in _by_network(files)}
    views = tuple(replace(view, model=_moved(view.model, places)) for view in setup.views)
    return replace(setup, views=views)


def _files(model: Model) -> list[Path]:
    """Return the files that a network needs, that of its graph or its weights first."""
    if model.graph is not None:
        return weights_files(model.graph)
    if model.builder is None:
        return []
    if is_of_run_folder(model.builder):
        return run_files(Path(model.builder.name))
    weights = Path(model.builder.weights)
    with contextlib.suppress(OSError):
        if weights.is_file():
            return weights_files(weights)
    return []


def _by_network(files: Sequence[ShippedFile]) -> Iterator[tuple[str, list[ShippedFile]]]:
    for network in dict.fromkeys(file.network for file in files):
        yield network, [file for file in files if file.network == network]


def _place(parts: Sequence[ShippedFile], fetch: Callable[[Any], bytes]) -> Path:
    """Return where a network's first file lies here: at its path if it is the same, else in the cache."""
    if all(_is(Path(part.path), part.sha256) for part in parts):
        return Path(parts[0].network)
    digest = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    folder = cache_folder() / "cluster" / digest[:32]
    root = Path(os.path.commonpath([Path(part.path).parent for part in parts]))
    for part in parts:
        place = folder / Path(part.path).relative_to(root)
        if not _is(place, part.sha256):
            _write(place, fetch(part.contents))
    return folder / Path(parts[0].network).relative_to(root)


def _write(place: Path, contents: bytes) -> None:
    """Write a file whole: other shards of this machine may do the same at the same time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as aside:
        aside.write(contents)
    Path(aside.name).replace(place)


def _is(path: Path, sha256: str) -> bool:
    """Check whether a file is there and has these contents."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _moved(model: Model, places: dict[str, Path]) -> Model:
    if model.graph is not None:
        return replace(model, graph=places.get(str(model.graph), model.graph))
    if model.builder is None or model.builder.weights not in places:
        return model
    weights = places[model.builder.weights]
    name = str(weights.parent) if is_of_run_folder(model.builder) else model.builder.name
    return replace(model, builder=replace(model.builder, name=name, weights=str(weights)))
