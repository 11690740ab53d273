"""Files of networks that are sent to the machines of a cluster."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from vifex.extraction.cluster.shipped import received, ship
from vifex.extraction.planning.portable import portable
from vifex.extraction.planning.view_plan import plan_view
from vifex.extraction.shards.protocol import ShardSetup
from vifex.models.run_folders import is_of_run_folder
from vifex.models.trainable.description import NetworkDescription, read_description, write_description
from vifex.values import Limits
from vifex.values.models import Builder


def setup_of(*, builder: Builder | None = None, graph: Path | None = None) -> ShardSetup:
    """A shard's first message, with another network in it."""
    plan = portable(plan_view("main", "default"))
    assert plan.model.graph is not None
    model = replace(plan.model, graph=None if builder else graph or plan.model.graph, builder=builder)
    return ShardSetup((replace(plan, model=model),), 1, 1, Limits(), ())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a machine that has nothing yet."""
    monkeypatch.setenv("VIFEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_trained_network_is_sent_with_its_description(tmp_path: Path, cache: Path) -> None:
    """A builder gets the folder and the weights; on a machine without the folder both lie in the cache."""
    folder = tmp_path / "run"
    folder.mkdir()
    description = NetworkDescription("resnet9", 3, classes=("a", "b", "c"))
    write_description(folder, description)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "model.vifex.toml").write_text("name = 'run'\n")
    (folder / "metrics.jsonl").write_text("{}\n")
    weights = str(folder / "model.safetensors")
    setup = setup_of(builder=Builder("vifex.models.run_folders:build", str(folder), weights))
    files = ship(setup.views, bytes)
    assert [Path(file.path).name for file in files] == [
        "model.safetensors",
        "network.json",
        "model.vifex.toml",
    ]
    assert received(setup, files, bytes) == setup, "a machine that sees the same files reads them"
    shutil.rmtree(folder)
    builder = received(setup, files, bytes).views[0].model.builder
    assert builder is not None
    assert is_of_run_folder(builder)
    assert Path(builder.name).is_relative_to(cache)
    assert read_description(Path(builder.name)) == description
    assert Path(builder.weights) == Path(builder.name, "model.safetensors")
    assert Path(builder.weights).read_bytes() == b"weights"


def test_weights_of_a_library_and_files_of_a_graph_are_sent(tmp_path: Path, cache: Path) -> None:
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(b"own")
    setup = setup_of(builder=Builder("library:build", "resnet18", str(weights)))
    files = ship(setup.views, bytes)
    weights.unlink()
    builder = received(setup, files, bytes).views[0].model.builder
    assert builder is not None
    assert (builder.name, Path(builder.weights).read_bytes()) == ("resnet18", b"own")
    assert ship(setup_of(builder=Builder("library:build", "resnet18", "pretrained")).views, bytes) == []
    graph = tmp_path / "net.xml"
    graph.write_text("<net/>")
    graph.with_suffix(".bin").write_bytes(b"bin")
    setup = setup_of(graph=graph)
    files = ship(setup.views, bytes)
    graph.unlink()
    moved = received(setup, files, bytes).views[0].model.graph
    assert moved is not None
    assert moved.read_text() == "<net/>"
    assert moved.with_suffix(".bin").read_bytes() == b"bin"
