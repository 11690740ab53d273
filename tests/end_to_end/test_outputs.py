"""Files that a user names to be written: nothing is replaced unasked, and nothing in a store ever."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vifex
from vifex.values import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shared_media: Path) -> Path:
    """A folder with a photograph and a store of it."""
    folder = tmp_path_factory.mktemp("outputs")
    shutil.copy(shared_media / "good" / "photo-gray.jpg", folder / "a.jpg")
    vifex.extract(folder / "a.jpg", folder / "s.vifex")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "here"))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the marks that readers leave."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.parent.name != "readers")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "target", ["s.vifex/STORE.json", "s.vifex/page.html", "s.vifex/views/main/recipe.json", "link/page.html"]
)
@pytest.mark.parametrize("command", ["search", "export"])
def test_commands_write_nothing_into_a_store(
    here: Path, vifex_command: Any, command: str, target: str, flags: list[str]
) -> None:
    (here / "link").symlink_to(here / "s.vifex")
    before = contents(here)
    words = ["a.jpg", "--html", target] if command == "search" else ["-o", target, "--to", "npy"]
    done = vifex_command(command, "s.vifex", *words, *flags, cwd=here)
    assert done.returncode == 4
    assert "this lies inside a store" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(here) == before


def test_commands_replace_a_file_only_with_overwrite(here: Path, vifex_command: Any) -> None:
    before = contents(here)
    for words in (
        ["search", "s.vifex", "a.jpg", "--html", "a.jpg"],
        ["export", "s.vifex", "-o", "a.jpg", "--to", "npy"],
    ):
        done = vifex_command(*words, cwd=here)
        assert done.returncode == 4
        assert "the file exists already" in done.stderr
        assert "--overwrite" in done.stderr
        assert not done.stdout
    assert contents(here) == before
    for flags, status in (([], 0), ([], 4), (["--overwrite"], 0)):
        done = vifex_command("search", "s.vifex", "a.jpg", "--html", "page.html", *flags, cwd=here)
        assert done.returncode == status, done.stderr
    assert (here / "page.html").read_text(encoding="utf-8").startswith("<!")


def test_python_keeps_the_same_rule(here: Path) -> None:
    with vifex.open(here / "s.vifex") as store:
        hits = store.search(here / "a.jpg")
        store.contact_sheet(here / "page.html", hits)
        with pytest.raises(InputError, match="exists already"):
            store.contact_sheet(here / "page.html", hits)
        store.contact_sheet(here / "page.html", hits, overwrite=True)
        for write in (
            lambda p: store.contact_sheet(p, hits, overwrite=True),
            lambda p: store.export(p, to="npy", overwrite=True),
        ):
            with pytest.raises(InputError, match="inside a store"):
                write(here / "s.vifex" / "STORE.json")


def test_a_store_is_not_made_inside_another(here: Path, vifex_command: Any) -> None:
    (here / "link").symlink_to(here / "s.vifex" / "views")
    before = contents(here)
    for place in (
        "s.vifex/inner.vifex",
        "s.vifex/views/inner",
        "link/inner.vifex",
        "s.vifex/../s.vifex/inner",
    ):
        done = vifex_command("extract", "a.jpg", "-o", place, cwd=here)
        assert done.returncode == 4
        assert "this lies inside a store. Choose a folder outside of" in done.stderr
    assert contents(here) == before
    (here / "linked.vifex").symlink_to(here / "s.vifex")  # the store itself under another name
    again = vifex_command("extract", "a.jpg", "-o", "linked.vifex", cwd=here)
    assert again.returncode == 0, again.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="a shell, and names of any bytes")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("show s.vifex >&-", 0),
        ("search s.vifex a.jpg 2>&-", 0),
        ("extract - -o t.vifex <&-", 4),
        ("extract a.jpg -o u.vifex <&- >&- 2>&-", 0),
        ("layers | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0),
    ],
)
def test_closed_streams_and_readers_that_leave_are_no_failure(here: Path, words: str, status: int) -> None:
    line = f"{shlex.quote(sys.executable)} -m vifex {words}"
    done = subprocess.run(["bash", "-c", line], cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    if "u.vifex" in words:
        assert vifex.open(here / "u.vifex").verify().ok


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes, as Linux has them")
def test_bytes_that_are_no_text_in_every_word(here: Path, vifex_command: Any) -> None:
    odd = "x\udcff"
    for words, status in (
        (["export", "s.vifex", "-o", f"{odd}.csv"], 0),
        (["export", "s.vifex", "-o", f"{odd}.parquet"], 0),
        (["export", "s.vifex", "-o", "y.csv", "--where", f"label = '{odd}'"], 4),
        (["search", "s.vifex", f"row:{odd}:0"], 4),
        (["extract", "a.jpg", "-o", "v.vifex", "--view", odd], 4),
        (["show", "s.vifex", "--view", odd], 4),
    ):
        done = vifex_command(*words, cwd=here)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
    assert (here / f"{odd}.parquet").stat().st_size > 0


def test_a_card_for_the_model_that_has_one(here: Path, vifex_command: Any) -> None:
    (here / "card.toml").write_text("")
    done = vifex_command("extract", "a.jpg", "-o", "w.vifex", "--card", "card.toml", cwd=here)
    assert done.returncode == 4
    assert "this model comes with its own card. Leave out the card" in done.stderr
