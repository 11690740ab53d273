"""A store from anywhere may name any model; no code and no file that it names is run or opened for that."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import vifex
from vifex.models.stored import is_published
from vifex.store import open_store, open_writer
from vifex.values import InputError, Medium, ModelRef, Outcome
from vifex.values.media import path_to_uri

rows = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "search" / "rows.py"))

TRAP = "from pathlib import Path\nPath('RAN').touch()\ndef make():\n    raise SystemExit\nvifex_card = {}\n"


@pytest.fixture
def folder(tmp_path: Path, shared_media: Path) -> Path:
    """A folder with a photograph, a module that leaves a mark where it is imported, and files of models."""
    shutil.copy(shared_media / "good" / "photo-gray.jpg", tmp_path / "a.jpg")
    (tmp_path / "trap.py").write_text(TRAP)
    for name in ("net.onnx", "net.pt", "net.pt2", "w.safetensors", "w.pth"):
        (tmp_path / name).write_bytes(b"not opened")
    (tmp_path / "hfnet").mkdir()
    (tmp_path / "hfnet" / "config.json").write_text("{}")
    np.save(tmp_path / "q.npy", np.ones(3, np.float32))
    return tmp_path


def hostile_store(path: Path, model: str, *, weights: str | None = None, card: str | None = None) -> str:
    """Write a store whose ledger says by which words its model was loaded; give the key of a row."""
    recipe = rows["make_recipe"]({"head": (3,)})
    run = {"models": {"main": model}, "weights": {"main": weights}, "cards": {"main": card}}
    medium = Medium(path_to_uri("/media/0"), "m0.jpg", "image", 1, 1, None)
    with open_writer(path, json.dumps(run)) as writer:
        batch = rows["_batch"](medium, {"head": np.ones((1, 3), np.float32)}, recipe)
        writer.view("main", recipe).add(Outcome(medium, "ok", rows=1), batch)
    with open_store(path) as store:
        return str(store.view().to_arrow(["key"])["key"][0])


HOSTILE = [
    {"model": "torch:trap:make"},
    {"model": "torch:trap:make", "weights": "random:0"},
    {"model": "torch:trap:make", "card": "/somewhere/card.toml"},
    {"model": "fuse/concat(torch:trap:make#a+b)"},
    {"model": "seq/mean(torch:trap:make)"},
    {"model": "seq/mean(seq/mean(torch:trap:make))"},
    {"model": "seq/mean(hf/./hfnet)"},
    {"model": "net.pt2"},
    {"model": "{folder}/net.pt2"},
    {"model": "{folder}/net.pt"},
    {"model": "{folder}/net.onnx"},
    {"model": "hf/./hfnet"},
    {"model": "hf/hfnet"},
    {"model": "hf/{folder}/hfnet"},
    {"model": "hf/../x/hfnet"},
    {"model": "hf/~/hfnet"},
    {"model": "timm/local-dir:hfnet"},
    {"model": "open_clip/local-dir:hfnet"},
    {"model": "timm/resnet18", "weights": "w.pth"},
    {"model": "timm/resnet18", "weights": "{folder}/w.safetensors"},
    {"model": "timm/resnet18", "card": "{folder}/card.toml"},
    {"model": "default", "card": "{folder}/card.toml"},
    {"model": "nobody/net"},
    {"model": "-m"},
    {"model": "\x1b[31mred"},
    {"model": "x" * 100_000},
    {"model": "fuse/concat(" * 2000},
]


@pytest.mark.parametrize("named", HOSTILE, ids=lambda n: "-".join(n.values())[:60])
def test_what_a_store_names_is_not_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    monkeypatch.chdir(folder)
    words = {k: v.format(folder=folder) for k, v in named.items()}
    key = hostile_store(folder / "s.vifex", **words)
    with vifex.open("s.vifex") as store:
        with pytest.raises(InputError, match="not loaded just because a store names it") as told:
            store.search("a.jpg")
        assert "`model=" in str(told.value)
        # Neither of these asks for a model.
        assert store.search(f"row:{key}")[0].key == key
        assert store.search("q.npy")[0].key == key
        assert store.search(np.ones(3))[0].key == key
        assert len(store.main) == 1
    assert not (folder / "RAN").exists()


def test_the_command_says_how_to_name_it(folder: Path, vifex_command: Any) -> None:
    key = hostile_store(folder / "s.vifex", "torch:trap:make", weights="random:3", card="/c/own card.toml")
    done = vifex_command("search", "s.vifex", "a.jpg", cwd=folder)
    assert done.returncode == 4
    assert "--model torch:trap:make --weights random:3 --card '/c/own card.toml'" in done.stderr
    for words in (["show", "s.vifex"], ["search", "s.vifex", f"row:{key}"], ["search", "s.vifex", "q.npy"]):
        assert vifex_command(*words, cwd=folder).returncode == 0
    done = vifex_command("tree", "s.vifex", cwd=folder)
    assert "Traceback" not in done.stderr
    assert not (folder / "RAN").exists()


KNOWN = (
    "default vifex-small-1 timm/resnet18.a1_in1k torchvision/resnet50.IMAGENET1K_V2 c3d/sports1m "
    "hf/google/vit-base-patch16-224 hf/facebook/dinov2-small@main open_clip/ViT-B-32/laion2b_s34b_b79k "
    "seq/lstm:512(torchvision/resnet18) fuse/concat(torchvision/resnet18#layer2+layer3)"
)


@pytest.mark.parametrize("name", KNOWN.split())
def test_networks_that_vifex_knows_need_not_be_named(name: str) -> None:
    assert is_published(ModelRef(name))
    assert is_published(ModelRef(name, "random:7"))
    assert not is_published(ModelRef(name, "random:7", "card.toml"))
    assert not is_published(ModelRef(name, "some/file.safetensors"))


def test_the_embedded_model_is_found_as_ever(folder: Path) -> None:
    vifex.extract(folder / "a.jpg", folder / "own.vifex")
    with vifex.open(folder / "own.vifex") as store:
        (hit,) = store.search(folder / "a.jpg")
        assert hit.score == pytest.approx(1.0, abs=1e-3)


def test_a_file_that_the_user_names_is_loaded(folder: Path) -> None:
    embedded = Path(vifex.__file__).parent / "models" / "embedded"
    for suffix in (".xml", ".bin"):
        shutil.copy(embedded / f"vifex-small-1{suffix}", folder / f"mine{suffix}")
    card = (embedded / "vifex-small-1.vifex.toml").read_text().replace("vifex-small-1", "mine-1")
    (folder / "mine.toml").write_text(card)
    named = {"model": str(folder / "mine.xml"), "card": folder / "mine.toml"}
    vifex.extract(folder / "a.jpg", folder / "own.vifex", **named)
    with (
        vifex.open(folder / "own.vifex") as store,
        pytest.raises(InputError, match="not loaded just because a store names it"),
    ):
        store.search(folder / "a.jpg")
    with vifex.open(folder / "own.vifex", **named) as store:
        assert store.search(folder / "a.jpg")[0].score == pytest.approx(1.0, abs=1e-3)


def test_a_table_of_rows_is_read_without_a_model(folder: Path) -> None:
    hostile_store(folder / "s.vifex", "torch:trap:make")
    with vifex.open(folder / "s.vifex") as store:
        assert isinstance(store.to_arrow(), pa.Table)
        assert store.export(folder / "x.npy", to="npy") == 1


@pytest.mark.parametrize(
    "run", ["[" * 100_000, "[]", "{", '{"models": []}', '{"models": {"main": {"a": 1}}}', "7"]
)
def test_a_ledger_whose_facts_are_none_ends_in_a_sentence(folder: Path, run: str) -> None:
    recipe = rows["make_recipe"]({"head": (3,)})
    medium = Medium(path_to_uri("/media/0"), "m0.jpg", "image", 1, 1, None)
    with open_writer(folder / "s.vifex", run) as writer:
        batch = rows["_batch"](medium, {"head": np.ones((1, 3), np.float32)}, recipe)
        writer.view("main", recipe).add(Outcome(medium, "ok", rows=1), batch)
    with vifex.open(folder / "s.vifex") as store, pytest.raises(InputError, match="because a store names it"):
        store.search(folder / "a.jpg")


def test_another_card_than_the_one_that_made_the_view_is_told(folder: Path) -> None:
    embedded = Path(vifex.__file__).parent / "models" / "embedded"
    for suffix in (".xml", ".bin"):
        shutil.copy(embedded / f"vifex-small-1{suffix}", folder / f"mine{suffix}")
    card = (embedded / "vifex-small-1.vifex.toml").read_text()
    (folder / "mine.vifex.toml").write_text(card)
    (folder / "other.toml").write_text(
        "".join(f"{line}\n" for line in card.splitlines() if "mean" not in line)
    )
    vifex.extract(
        folder / "a.jpg", folder / "own.vifex", model=str(folder / "mine.xml"), card=folder / "other.toml"
    )
    for words in ({"model": str(folder / "mine.xml")}, {"model": "default"}):
        with (
            vifex.open(folder / "own.vifex", **words) as store,
            pytest.raises(InputError, match="another mean than"),
        ):
            store.search(folder / "a.jpg")
    with vifex.open(
        folder / "own.vifex", model=str(folder / "mine.xml"), card=folder / "other.toml"
    ) as store:
        assert store.search(folder / "a.jpg")[0].score == pytest.approx(1.0, abs=1e-3)
