"""A part of the media for each job of an array."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vifex
from vifex.extraction.planning.shards import Shard, parse_shard
from vifex.values import InputError, Medium


def medium(number: int) -> Medium:
    return Medium(f"file:///data/{number}.jpg", f"{number}.jpg", "image", 1, 1)


def test_each_medium_is_in_one_part_and_the_parts_are_alike() -> None:
    media = [medium(n) for n in range(8_000)]
    parts = [[m for m in media if Shard(i, 8).holds(m)] for i in range(1, 9)]
    assert Counter(m.name for part in parts for m in part) == Counter(m.name for m in media)
    assert all(850 < len(part) < 1150 for part in parts)
    assert list(Shard(2, 8).filtered(iter(media))) == parts[1]


def test_a_part_depends_on_the_medium_alone() -> None:
    """The same in every process and for every set of sources, so that jobs need not know each other."""
    assert [n for n in range(20) if Shard(1, 4).holds(medium(n))] == FIRST_OF_FOUR


FIRST_OF_FOUR = [n for n in range(20) if int(medium(n).medium_id[-1], 16) % 4 == 0]


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1", "1/", "a/b", "1/0", "-1/4", "1/4/2", 3])
def test_anything_else_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match=r"`shard=` takes I/N"):
        parse_shard(text)


def test_the_parts_of_a_folder_fill_a_store_each(tmp_path: Path, vifex_command: Any) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (40, 30), (40 * number, 10, 10)).save(folder / f"{number}.png")
    names: list[str] = []
    for number in (1, 2, 3):
        store = tmp_path / f"{number}.vifex"
        words = ["--shard", f"{number}/3", "--cores", "1", "--memory", "3", "--json"]
        report = json.loads(vifex_command("extract", folder, "-o", store, *words).stdout)
        with vifex.open(store) as opened:
            names += opened.ledger().column("name").to_pylist()
        assert report["media"] == report["ok"] == report["rows"]
        again = json.loads(vifex_command("extract", folder, "-o", store, *words).stdout)
        assert again["already_done"] == report["media"]
    assert sorted(names) == [f"{n}.png" for n in range(6)]


def test_a_part_without_media_is_no_error(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(image)
    reports = [vifex.extract(image, tmp_path / f"{i}.vifex", shard=f"{i}/2", workers=1) for i in (1, 2)]
    assert sorted(report.media for report in reports) == [0, 1]
    assert all(report.exit_status == 0 for report in reports)
