"""The scoreboard made anew for the smallest network of each family, by its own command's parts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts" / "parity"
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(SCRIPTS))

import networks  # noqa: E402
import one  # noqa: E402
import page  # noqa: E402


@pytest.fixture(scope="module")
def photographs() -> list[object]:
    folder = SHARED / "data" / "photos"
    if not folder.is_dir():
        pytest.skip("the photographs of ../shared are not there")
    return one.images(folder)


@pytest.mark.parametrize("name", networks.SMALLEST)
def test_the_smallest_of_each_family_keeps_the_limits(
    name: str, photographs: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = one.line(name, photographs)
    assert len(line["layers"]) == 3
    assert page.keeps(line), line


def test_preprocessing_is_the_libraries_own(
    photographs: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    import transforms

    monkeypatch.setattr(transforms, "names", lambda: networks.SMALLEST)
    found = transforms.differences(photographs)
    assert set(found) == {n for n in networks.SMALLEST if n.partition("/")[0] in transforms._MAKERS}
    # Pillow's and torch's filters round on their own.
    assert max(found.values()) <= 1


def test_real_weights_are_as_right_as_in_a_plain_loop() -> None:
    if not (SHARED / "models").is_dir():
        pytest.skip("the models of ../shared are not there")
    import accuracy

    found = accuracy.accuracies(SHARED / "data", SHARED / "models", 200)
    assert len(found) == 4
    for name, measured in found.items():
        assert abs(measured["vifex"] - measured["loop"]) <= 0.1, name
        assert measured["difference"] < 1e-3, name
        assert measured["vifex"] > 75, name  # a network whose weights were not read guesses 10


def test_the_committed_scoreboard_is_its_record() -> None:
    record = json.loads((ROOT / "docs" / "parity.json").read_text())
    assert page.page(record) == (ROOT / "docs" / "parity.md").read_text()
    lines = record["networks"]
    assert len(lines) >= 60
    assert set(networks.names()) <= set(lines)
    assert [n for n, line in lines.items() if "failed" in line] == []
    assert all(a["images"] == 10_000 for a in record["accuracy"].values())
    assert all(abs(a["vifex"] - a["loop"]) <= 0.1 for a in record["accuracy"].values())
