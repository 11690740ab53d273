"""Queries of every type; the model is loaded and compiled once, in the best precision there is."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.engines.openvino.engine import OpenVinoEngine


def names(hits: list[vifex.Hit]) -> list[str]:
    return [hit.name for hit in hits]


def test_one_image_in_every_form(store: vifex.Store, media: Path) -> None:
    expected = store.search(media / "a.png", 3)
    assert expected[0].name == "a.png"
    assert expected[0].score > 0.9999
    with Image.open(media / "a.png") as image:
        image.load()
        pixels = np.asarray(image)
    for query in (str(media / "a.png"), image, pixels):
        assert store.search(query, 3) == expected
    vector = store.item("a.png").features[0]
    for given in (vector, vector.astype(np.float64), vector.tolist(), tuple(vector.tolist()), list(vector)):
        assert names(store.search(given, 3)) == names(expected)


def test_many_queries_give_a_list_of_hits_each(store: vifex.Store, media: Path) -> None:
    key = store.item("clip.mp4").medium_id + ":2"
    with Image.open(media / "b.png") as image:
        image.load()
    queries = [
        media / "a.png",
        image,
        f"row:{key}",
        f"{media / 'clip.mp4'}@2",
        store.item("c.png").features[0],
    ]
    found = store.search(queries, 2)
    assert [hits[0].name for hits in found] == ["a.png", "b.png", "clip.mp4", "clip.mp4", "c.png"]
    assert found[2][0].key == key
    assert found == store.search(iter(queries), 2) == store.search(tuple(queries), 2)
    assert found == [store.search(query, 2) for query in queries]
    assert store.search([], 2) == []


def test_many_queries_and_media_that_are_gone(media: Path, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes((media / f"{name}.png").read_bytes())
    vifex.extract(tmp_path, tmp_path / "s.vifex", workers=1)
    queries = [tmp_path / "b.png", media / "a.png"]
    (tmp_path / "a.png").unlink()
    with vifex.open(tmp_path / "s.vifex") as store:
        found = store.search(queries, 2, existing=True)
        assert [sorted(names(hits)) for hits in found] == [["b.png", "c.png"]] * 2
        assert [[hit.rank for hit in hits] for hits in found] == [[1, 2]] * 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "int is no query. Give a path, words, a Pillow image"),
        (None, "NoneType is no query"),
        (b"a.png", "bytes is no query"),
        ({"a": 1}, "dict is no query"),
        ([None], "NoneType is no query"),
        (["row:zz", []], "no key of a row|list is no query"),
        (np.zeros((2, 512), np.float32), r"a query is one vector \[D\].*Give several queries as a list"),
        (np.zeros((4, 4), np.uint8), r"a query is one vector \[D\], got uint8"),
        (np.array(["a"]), "a query is one vector"),
        (np.zeros((0, 4, 3), np.uint8), "an image of 4 x 0 pixels has none"),
    ],
)
def test_other_types_are_refused(store: vifex.Store, wrong: Any, said: str) -> None:
    with pytest.raises(vifex.InputError, match=said):
        store.search(wrong)


def test_the_name_of_a_folder_is_no_word_for_a_model_that_reads_none(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = Path(vifex.__file__).parent / "models" / "embedded"
    for suffix in (".xml", ".bin", ".vifex.toml"):  # without its words
        shutil.copy(embedded / f"vifex-small-1{suffix}", tmp_path / f"net{suffix}")
    card = tmp_path / "net.vifex.toml"
    card.write_text(card.read_text().replace('"vifex-small-1"', '"net-1"'))
    vifex.extract(media / "a.png", tmp_path / "s.vifex", model=tmp_path / "net.xml")
    (tmp_path / "cat").mkdir()
    monkeypatch.chdir(tmp_path)
    for named in ({}, {"model": tmp_path / "net.xml"}):
        with vifex.open(tmp_path / "s.vifex", **named) as store:
            for folder in ("cat", "cat/", "./cat", tmp_path / "cat"):
                with pytest.raises(vifex.InputError, match="a folder cannot be a query"):
                    store.search(folder)
            with pytest.raises(vifex.InputError, match="no text tower to search by words"):
                store.search("text:cat")


def test_the_name_of_a_folder_is_a_word_for_a_model_that_knows_it(
    store: vifex.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat").mkdir()
    monkeypatch.chdir(tmp_path)
    assert store.search("cat") == store.search("text:cat")
    for folder in ("cat/", "./cat", tmp_path / "cat"):
        with pytest.raises(vifex.InputError, match="a folder cannot be a query"):
            store.search(folder)


def test_image_queries_compile_once(store_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_ = OpenVinoEngine.compile

    def counted(self: OpenVinoEngine, *words: Any, **more: Any) -> Any:
        compiled.append(words)
        return compile_(self, *words, **more)

    monkeypatch.setattr(OpenVinoEngine, "compile", counted)
    with vifex.open(store_path) as store:
        first = store.search(media / "a.png")
        assert len(compiled) == 1
        for _ in range(3):
            assert store.search(media / "a.png") == first
        store.search([media / "b.png", media / "c.png"])
        assert len(compiled) == 1


def set_bf16(monkeypatch: pytest.MonkeyPatch, has_it: bool) -> None:
    monkeypatch.setattr("vifex.engines.openvino.engine.native_bf16", lambda _: has_it)


def test_a_store_made_in_bf16_is_searched_without_it(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bf16(monkeypatch, True)
    vifex.extract(media / "a.png", tmp_path / "s.vifex", precision="bf16", workers=1)
    set_bf16(monkeypatch, False)
    with vifex.open(tmp_path / "s.vifex") as store:
        assert store.recipe.precision == "bf16"
        said = "made in bf16, which this machine does not have: queries are computed in fp32"
        with pytest.warns(UserWarning, match=said):
            hits = store.search(media / "a.png")
        assert hits[0].score > 0.99
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert store.search(media / "a.png") == hits  # it is said once
    told: list[str] = []
    with vifex.open(tmp_path / "s.vifex") as store:
        store.search(media / "a.png", on_notice=told.append)
    assert len(told) == 1


def test_the_command_says_so_too(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vifex.cli.app import main

    set_bf16(monkeypatch, True)
    vifex.extract(media / "a.png", tmp_path / "s.vifex", precision="bf16", workers=1)
    set_bf16(monkeypatch, False)
    with pytest.raises(SystemExit) as ended:
        main(["search", str(tmp_path / "s.vifex"), str(media / "a.png")])
    assert not ended.value.code
    assert "queries are computed in fp32" in capsys.readouterr().err


def test_derived_views_use_the_named_model(two_views: Path, media: Path) -> None:
    with vifex.open(two_views, view="fused") as store:
        expected = store.search(media / "a.png")
    assert expected[0].name == "a.png"
    with vifex.open(two_views, view="fused", model="default") as store:
        assert store.search(media / "a.png") == expected
    with (
        vifex.open(two_views, view="fused", model="no-such-model") as store,
        pytest.raises(vifex.ModelError, match="there is no model 'no-such-model'"),
    ):
        store.search(media / "a.png")


def test_a_loaded_model_may_be_named(store_path: Path, media: Path) -> None:
    model = vifex.load_model()
    with vifex.open(store_path, model=model) as store:
        assert store.search(media / "a.png")[0].name == "a.png"


def test_an_image_in_memory_stands_on_a_contact_sheet(
    store: vifex.Store, media: Path, tmp_path: Path
) -> None:
    with Image.open(media / "a.png") as image:
        image.load()
    store.contact_sheet(tmp_path / "hits.html", store.search(image, 2), query=image)
    page = (tmp_path / "hits.html").read_text()
    assert page.count("<img") == 3


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("gpu", "there is no device 'gpu'"),
        ("cuda", "the device cuda is for networks that are code"),
    ],
)
def test_a_device_that_the_model_cannot_use_is_refused(
    store_path: Path, media: Path, device: str, said: str
) -> None:
    """By `vifex.open`, `vifex search` and `vifex layers`."""
    from vifex.api.catalogue import load_architecture
    from vifex.cli.searching import search

    image = media / "a.png"
    with pytest.raises(vifex.EngineError, match=said), vifex.open(store_path, device=device) as opened:
        opened.search(image)
    with pytest.raises(vifex.EngineError, match=said):
        search(store_path, image, device=device)
    with pytest.raises(vifex.EngineError, match=said):
        load_architecture("default", device=device)
