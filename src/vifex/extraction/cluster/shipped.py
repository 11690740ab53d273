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
    for network in dict.fromkeys(path for plan in plans for path in _networks(plan.model)):
        for path in weights_files(network):
            contents = path.read_bytes()
            digest = hashlib.sha256(contents).hexdigest()
            found.append(ShippedFile(str(network), str(path), digest, put(contents)))
    return found


def received(setup: ShardSetup, files: Sequence[ShippedFile]) -> ShardSetup:
    """Return the setup with the paths that networks have on this machine.

    Args:
        setup: Of a shard.
        files: Of its networks.
    """
    places = {network: _place(parts) for network, parts in _by_network(files)}
    views = tuple(replace(view, model=_moved(view.model, places)) for view in setup.views)
    return replace(setup, views=views)


def _networks(model: Model) -> Iterator[Path]:
    if model.graph is not None:
        yield model.graph
    elif model.builder is not None:
        weights = Path(model.builder.weights)
        with contextlib.suppress(OSError):
            if weights.is_file():
                yield weights


def _by_network(files: Sequence[ShippedFile]) -> Iterator[tuple[str, list[ShippedFile]]]:
    for network in dict.fromkeys(file.network for file in files):
        yield network, [file for file in files if file.network == network]


def _place(parts: Sequence[ShippedFile]) -> Path:
    """Return where a network's first file lies here: at its path if it is the same, else in the cache."""
    if all(_is(Path(part.path), part.sha256) for part in parts):
        return Path(parts[0].network)
    digest = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    folder = cache_folder() / "cluster" / digest[:32]
    root = Path(os.path.commonpath([Path(part.path).parent for part in parts]))
    for part in parts:
        place = folder / Path(part.path).relative_to(root)
        if not _is(place, part.sha256):
            _write(place, part.contents)
    return folder / Path(parts[0].network).relative_to(root)


def _write(place: Path, contents: Any) -> None:
    """Write a file whole: other shards of this machine may do the same at the same time."""
    import ray

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as aside:
        aside.write(ray.get(contents))
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
    if model.builder is not None and model.builder.weights in places:
        return replace(model, builder=replace(model.builder, weights=str(places[model.builder.weights])))
    return model
