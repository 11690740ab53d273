"""A library with another interface ends the run with one sentence; a file that looks like it costs itself."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

import vifex
from vifex.media.installation import failed_import, library_of, supported


@pytest.fixture
def media(tmp_path: Path, shared_media: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("photo-gray.jpg", "clip-vp9.webm"):
        shutil.copy(shared_media / "good" / name, folder)
    return folder


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Decoder processes started from here on meet the library that `VIFEX_TEST_INTERFACE` names."""
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "support" / "old_interface.py", folder / "sitecustomize.py")
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return monkeypatch


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("av", f"av {version('av')} does not work with Vifex"),
        ("import", f"av {version('av')} does not work with Vifex"),
    ],
)
@pytest.mark.shared
def test_a_changed_library_ends_the_run(
    fault: str, words: str, media: Path, changed: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed.setenv("VIFEX_TEST_INTERFACE", fault)
    with pytest.raises(vifex.InstallationError) as caught:
        vifex.extract(media, tmp_path / "s.vifex", precision="fp32")
    assert str(caught.value).lower().startswith(words.lower())
    assert f"pip install '{words.split()[0]}>=" in str(caught.value)
    with vifex.open(tmp_path / "s.vifex") as store:
        assert {e["status"] for e in store.ledger().to_pylist()} <= {"ok"}, "no file is blamed"

    changed.setenv("VIFEX_TEST_INTERFACE", "")
    assert vifex.extract(media, tmp_path / "s.vifex", precision="fp32").exit_status == 0


@pytest.mark.shared
def test_one_file_with_such_an_error_costs_itself(
    media: Path, changed: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed.setenv("VIFEX_TEST_INTERFACE", "one-file")
    shutil.copy(media / "photo-gray.jpg", media / "a-bad.jpg")
    report = vifex.extract(media, tmp_path / "s.vifex", precision="fp32", workers=1)
    assert (report.ok, report.failed) == (2, 1)
    assert "TypeError: int() argument" in report.problems[0].reason


def test_a_library_is_named_by_the_innermost_code_of_its_own() -> None:
    from PIL import Image

    with pytest.raises(AttributeError) as caught:
        Image.open(3)  # type: ignore[arg-type]
    assert library_of(caught.value) == "pillow"


@pytest.mark.parametrize(
    ("line", "library"),
    [
        ("ModuleNotFoundError: No module named 'av.error'", "av"),
        ("ImportError: cannot import name 'Disposition' from 'av.stream' (/x/av/stream.so)", "av"),
        ("AttributeError: module 'PIL.Image' has no attribute 'Resampling'", "pillow"),
    ],
)
def test_a_failed_import_names_its_library(line: str, library: str) -> None:
    fault = failed_import(line)
    assert fault is not None
    assert str(fault).startswith(f"{library} {version(library)} does not work with Vifex")


def test_other_last_words_are_no_fault_of_the_installation() -> None:
    assert failed_import("MemoryError") is None
    assert failed_import("") is None


def test_the_versions_that_work_are_those_of_the_package() -> None:
    assert supported("av") == "av>=18.0,<20"
    assert supported("nothing-of-ours") == "nothing-of-ours"
