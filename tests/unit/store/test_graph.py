"""What a view keeps beside its tables: a quantised graph, made with the view, named by its recipe."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from store_maker import recipe

from vifex.store import open_store, open_writer, stored_view
from vifex.values import Recipe, StoreError


@pytest.fixture
def graph(folder: Path) -> list[Path]:
    files = [folder / "int8.xml", folder / "int8.bin"]
    for file in files:
        file.write_bytes(file.name.encode() * 1000)
    return files


def test_files_are_made_with_the_view_and_never_again(folder: Path, graph: list[Path]) -> None:
    store, made = folder / "a.vifex", recipe(precision="int8+fp32", graph_sha256="ab")
    assert stored_view(store, "main") is None
    with open_writer(store) as writer:
        writer.view("main", made, files=graph)
    found = stored_view(store, "main")
    assert found is not None
    assert found[0] == made
    before = [file.read_bytes() for file in graph]
    assert [(found[1] / file.name).read_bytes() for file in graph] == before
    for file in graph:
        file.write_bytes(b"another")
    with open_writer(store) as writer:
        writer.view("main", made, files=graph)
    with open_store(store) as opened:
        assert opened.view("main").folder == found[1]
    assert [(found[1] / file.name).read_bytes() for file in graph] == before


def test_another_graph_is_another_recipe(folder: Path, graph: list[Path]) -> None:
    with open_writer(folder / "a.vifex") as writer:
        writer.view("main", recipe(graph_sha256="ab"), files=graph)
    with (
        open_writer(folder / "a.vifex") as writer,
        pytest.raises(StoreError, match='graph_sha256: "ab", "cd"'),
    ):
        writer.view("main", recipe(graph_sha256="cd"), files=graph)


def test_a_file_that_cannot_be_kept_leaves_no_view(folder: Path, graph: list[Path]) -> None:
    graph[1].unlink()
    with open_writer(folder / "a.vifex") as writer, pytest.raises(FileNotFoundError):
        writer.view("main", recipe(graph_sha256="ab"), files=graph)
    assert list((folder / "a.vifex" / "views").iterdir()) == []


def test_the_graph_is_in_the_hash_and_older_recipes_keep_theirs() -> None:
    plain, quantised = recipe(), recipe(graph_sha256="ab")
    assert "graph_sha256" not in plain.to_dict(), "the hash of older recipes must stay"
    assert plain.hash != quantised.hash
    assert Recipe.from_dict(json.loads(json.dumps(quantised.to_dict()))) == quantised


def test_a_check_compares_the_graph_with_the_recipe(folder: Path, graph: list[Path]) -> None:
    said = sha256(graph[0].read_bytes() + graph[1].read_bytes()).hexdigest()
    with open_writer(folder / "a.vifex") as writer:
        writer.view("main", recipe(graph_sha256=said), files=graph)
    kept = folder / "a.vifex/views/main/int8.bin"
    data = kept.read_bytes()
    with open_store(folder / "a.vifex") as opened:
        view = opened.view("main")
        assert view.verify().ok
        kept.write_bytes(data[:-1] + b"?")
        (problem,) = view.verify().problems
        assert problem.what == "int8.xml and int8.bin are not those that the recipe names by their hash"
        kept.unlink()
        (problem,) = view.verify().problems
        assert (problem.file, problem.what) == ("views/main/int8.bin", "it is gone")
