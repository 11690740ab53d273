"""A fusion that is learned from a store's labels, kept in a view, and taken elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vifex
from vifex.models.heads.fusion import GatedFusion
from vifex.values import InputError

COLOURS = {"warm": (200, 60, 40), "cold": (40, 80, 200)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy images of two colours with their labels, two layers of each."""
    folder, random = tmp_path_factory.mktemp("learned"), np.random.default_rng(0)
    lines = ["uri,label"]
    for label, colour in COLOURS.items():
        for n in range(15):
            pixels = np.clip(random.normal(colour, 40, size=(96, 96, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{label}{n}.png")
            lines.append(f"{label}{n}.png,{label}")
    (folder / "m.csv").write_text("\n".join(lines))
    path = folder / "s.vifex"
    vifex.extract(folder / "m.csv", path, layers=["stages.0", "embedding"])
    return path


VIEWS = ["main:stages.0", "main:embedding"]


def vectors(store: Path, view: str) -> np.ndarray:
    with vifex.open(store, view=view) as opened:
        return opened.to_numpy()


def test_what_is_learned_stays_with_the_view(store: Path) -> None:
    told: list[str] = []
    report = vifex.fuse(
        store, VIEWS, method="gated", name="g", dims=16, train_on="label", on_notice=told.append
    )
    assert (report.ok, report.rows) == (30, 30)
    assert told == ["learned from 24 rows with 2 labels; of 6 others 100.0% were told rightly."]
    with vifex.open(store, view="g") as opened:
        assert opened.recipe.fusion is not None
        assert opened.recipe.weights_sha256 == opened.recipe.fusion.parameters_sha256
        hit = opened.search(store.parent / "cold3.png", k=1)[0]
        assert (hit.name, hit.score) == ("cold3.png", pytest.approx(1.0, abs=1e-5))
        nearest = [h.label for h in opened.search(f"row:{hit.key}", k=15)]
    assert nearest == ["cold"] * 15
    assert vifex.fuse(store, VIEWS, method="gated", name="g").already_done == 30


def test_it_is_taken_elsewhere_as_a_file(store: Path, tmp_path: Path) -> None:
    vifex.fuse(store, VIEWS, method="gated", name="g", dims=16, train_on="label")
    kept = store / "views" / "g" / "fusion.npz"
    vifex.fuse(store, VIEWS, method="gated", name="same", weights=kept)
    np.testing.assert_array_equal(vectors(store, "same"), vectors(store, "g"))
    head = GatedFusion([16, 512], 16)
    with np.load(kept) as arrays:
        head.load_state_dict({k: torch.from_numpy(arrays[k]) for k in arrays.files})
    torch.save(head.state_dict(), tmp_path / "head.pt")
    vifex.fuse(store, VIEWS, method="gated", name="again", weights=tmp_path / "head.pt")
    np.testing.assert_array_equal(vectors(store, "again"), vectors(store, "g"))
    with pytest.raises(InputError, match="the weights are for vectors of 16, 512 numbers"):
        vifex.fuse(store, VIEWS[::-1], method="gated", name="turned", weights=kept)
    with pytest.raises(InputError, match=r"not those of 'attention'.*It learns hidden.0.weight"):
        vifex.fuse(store, VIEWS, method="attention", name="other", weights=kept)
