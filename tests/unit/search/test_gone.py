"""Media that were renamed or deleted: counted, and left out on request."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import vifex
from vifex.media.gone import gone_uris
from vifex.search.gone import count_gone
from vifex.values.media import path_to_uri

Command = Callable[..., object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images, extracted; then one is renamed, two are deleted, and a folder of two is moved."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("gone")
    names = ["a.png", "b.png", "c.png", "d.png", "sub/e.png", "sub/f.png", "naïve ü.png", "h.png"]
    (folder / "media/sub").mkdir(parents=True)
    for i, name in enumerate(names):
        Image.linear_gradient("L").rotate(40 * i).convert("RGB").save(folder / "media" / name)
    vifex.extract(str(folder / "media"), folder / "s.vifex")
    (folder / "media/b.png").rename(folder / "media/renamed.png")
    (folder / "media/c.png").unlink()
    (folder / "media/naïve ü.png").unlink()
    (folder / "media/sub").rename(folder / "media/moved")
    return folder


GONE = {"b.png", "c.png", "sub/e.png", "sub/f.png", "naïve ü.png"}


def test_the_media_that_are_gone(folder: Path) -> None:
    with vifex.open(folder / "s.vifex") as store:
        assert store.missing() == sorted(path_to_uri(folder / "media" / name) for name in GONE)


@pytest.mark.parametrize("k", [1, 2, 3, 10])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_hits_of_media_that_exist_are_the_nearest_of_them(folder: Path, k: int, metric: str) -> None:
    with vifex.open(folder / "s.vifex") as store:
        every = store.search(folder / "media/renamed.png", 100, metric=metric)
        kept = store.search(folder / "media/renamed.png", k, metric=metric, existing=True)
    assert len(every) == 8
    assert every[0].name == "b.png"
    wanted = [h for h in every if h.name not in GONE][:k]
    assert [h.key for h in kept] == [h.key for h in wanted]
    assert [h.rank for h in kept] == list(range(1, len(wanted) + 1))
    assert [h.score for h in kept] == [h.score for h in wanted]


def test_the_command_tells_and_hides(folder: Path, vifex_command: Command) -> None:
    shown = json.loads(vifex_command("show", folder / "s.vifex", "--json").stdout)  # type: ignore[attr-defined]
    assert shown["views"][0]["missing_media"] == 5
    assert "5 of the media, no longer on disk" in vifex_command("show", folder / "s.vifex").stdout  # type: ignore[attr-defined]
    words = ("search", folder / "s.vifex", folder / "media/a.png")
    told = vifex_command(*words, "-k", 8)
    assert "5 of the media of these hits, 5 of the media of the view; --existing" in told.stderr  # type: ignore[attr-defined]
    every, kept = (json.loads(vifex_command(*words, "--json", *more).stdout) for more in ([], ["--existing"]))  # type: ignore[attr-defined]
    assert len(every["hits"]) == 8
    assert len(every["gone"]) == 5
    assert {h["name"] for h in kept["hits"]} == {"a.png", "d.png", "h.png"}
    assert kept["gone"] == []
    assert kept["missing_media"] == 5


@pytest.mark.skipif(os.name == "nt", reason="names and rights of Unix")
def test_what_counts_as_gone(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("nowhere")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    os.close(os.open(odd, os.O_CREAT))
    uris = {n: path_to_uri(tmp_path / n) for n in ("there", "link", "absent", "there/below", "n" * 300)}
    uris |= {"odd": path_to_uri(odd), "remote": "s3://bucket/a.png"}
    assert gone_uris(uris.values()) == {uris["link"], uris["absent"], uris["there/below"]}


def test_each_address_that_is_gone_counts_once(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    gone = [path_to_uri(tmp_path / str(number)) for number in range(5)]
    there = path_to_uri(tmp_path / "there")
    assert count_gone([]) == count_gone([[]]) == count_gone([[there]]) == 0
    assert count_gone([[gone[0]]]) == 1
    assert count_gone([[*gone, there], [gone[1], gone[1]], [], [there]]) == 5
