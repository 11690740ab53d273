"""A store that the embedded model of an earlier version made says what it needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.models import load_model
from vifex.models.registry import ALIASES, MODELS, RETIRED

NAME = "vifex-interim-1"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store from when the name `default` meant that model."""
    (tmp_path / "media").mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(tmp_path / "media" / f"{number}.png")
    monkeypatch.syspath_prepend(Path(__file__).parent)  # of the module `earlier_default`
    with monkeypatch.context() as before:
        before.setitem(MODELS, NAME, "earlier_default:load")  # type: ignore[arg-type]
        before.setitem(ALIASES, "default", NAME)  # type: ignore[arg-type]
        vifex.extract(tmp_path / "media", tmp_path / "s.vifex")
    return tmp_path / "s.vifex"


def test_its_name_is_told() -> None:
    with pytest.raises(
        vifex.ModelError, match=r"not in this version of Vifex\. It was the embedded model until"
    ):
        load_model(NAME)
    assert NAME in RETIRED


def test_rows_and_vectors_still_search_and_images_do_not(store: Path) -> None:
    with vifex.open(store) as opened:
        key = opened.to_arrow(["key"]).column("key")[0].as_py()
        assert opened.search(f"row:{key}", k=1)[0].score == pytest.approx(1, abs=1e-3)
        assert opened.search(np.ones(512, np.float32), k=1)
        with pytest.raises(vifex.ModelError, match="not in this version of Vifex") as error:
            opened.search(store.parent / "media" / "0.png")
    assert error.value.of == NAME
    assert "Extract the media again into another store" in str(error.value.todo)


def test_a_run_into_it_is_refused(store: Path) -> None:
    with pytest.raises(vifex.StoreError, match="weights"):
        vifex.extract(store.parent / "media", store)
