"""`vifex.stream`: the rows of a store without a store."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import vifex


def rows_of(batches: list[vifex.StreamBatch], layer: str = "embedding") -> dict[tuple[str, int], np.ndarray]:
    return {
        (name, ordinal): batch.features[layer][i]
        for batch in batches
        for i, (name, ordinal) in enumerate(zip(batch.names, batch.ordinals, strict=True))
    }


def test_rows_are_those_of_a_store(media: Path, store: vifex.Store) -> None:
    outcomes: list[vifex.Outcome] = []
    batches = list(vifex.stream(media, fps=2, workers=2, on_outcome=outcomes.append))
    found = rows_of(batches)
    table = store.to_arrow(["name", "ordinal"]).to_pylist()
    stored = store.to_numpy()
    assert len(found) == sum(len(batch) for batch in batches) == len(table)
    for row, vector in zip(table, stored, strict=True):
        np.testing.assert_allclose(found[row["name"], row["ordinal"]], vector, rtol=0, atol=1e-5)
    assert {o.medium.name: (o.status, o.rows) for o in outcomes} == {
        "a.png": ("ok", 1),
        "b.png": ("ok", 1),
        "c.png": ("ok", 1),
        "clip.mp4": ("ok", 6),
    }


def test_times_are_the_stores(media: Path, store: vifex.Store) -> None:
    batches = list(vifex.stream(media / "clip.mp4", fps=2, workers=1))
    item = store.item("clip.mp4")
    for name in ("t_s", "t_start_s", "t_end_s"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(b, name) for b in batches]), getattr(item, name)
        )
    assert sum((b.pts for b in batches), ()) == item.pts
    assert sum((b.frame_index for b in batches), ()) == item.frame_index
    assert {base for b in batches for base in b.time_base} == {item.time_base}
    assert sum((b.ordinals for b in batches), ()) == tuple(range(6))


def test_choices_are_those_of_extract(media: Path) -> None:
    model = vifex.load_model(precision="fp32")
    (batch,) = vifex.stream(
        media / "a.png", model=model, layers=["stages.3", "embedding"], normalize=True, dtype="float16"
    )
    assert {n: (a.shape, a.dtype) for n, a in batch.features.items()} == {
        "stages.3": ((1, 80), np.float16),
        "embedding": ((1, 512), np.float16),
    }
    assert np.isnan(batch.t_s).all()
    (clips,) = vifex.stream(media / "clip.mp4", clip="4x2")
    assert clips.frame_index == (0, 8, 16)
    (grid,) = vifex.stream(media / "a.png", regions="crop", grid="2x2")
    assert [box and box.x0 for box in grid.boxes] == [0, 80, 0, 80]


def test_one_bad_file_costs_itself_alone(media: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    sources = [media / "a.png", tmp_path / "bad.png", media / "b.png"]
    outcomes: list[vifex.Outcome] = []
    names = [n for b in vifex.stream(sources, workers=1, on_outcome=outcomes.append) for n in b.names]
    assert sorted(names) == ["a.png", "b.png"]
    assert sorted((o.medium.name, o.status) for o in outcomes) == [
        ("a.png", "ok"),
        ("b.png", "ok"),
        ("bad.png", "failed"),
    ]
    with pytest.warns(UserWarning, match=r"bad\.png: failed: "):
        assert sum(len(batch) for batch in vifex.stream(sources, workers=1)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"sources": 3}, "int is no source"),
        ({"sources": "no-such-file.png", "fps": 1, "every": 2}, "given together"),
        ({"model": 3}, "`model=` takes a str, a path or a LoadedModel, got int"),
        ({"model": vifex.load_model(), "weights": "random:0"}, "weights were given beside a loaded model"),
        ({"layer": ["embedding"]}, r"there is no choice 'layer' for a view\. Did you mean layers"),
        ({"device": "cuda"}, "the device cuda is for networks that are code"),
    ],
)
def test_what_is_wrong_shows_at_the_call(media: Path, words: dict[str, Any], said: str) -> None:
    with pytest.raises(vifex.VifexError, match=said):
        vifex.stream(**{"sources": media, **words})


def decoders() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]


def test_decoders_end_with_the_iterator(media: Path) -> None:
    before = set(decoders())
    batches = vifex.stream(media, fps=8, workers=2)
    next(batches)
    assert set(decoders()) - before
    batches.close()
    assert set(decoders()) <= before
    batches = vifex.stream(media, fps=8, workers=1)
    next(batches)
    del batches
    gc.collect()
    assert set(decoders()) <= before
    assert not [t for t in threading.enumerate() if t.name.startswith("vifex-decoder")]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_media(media: Path, tmp_path: Path) -> None:
    process = psutil.Process()
    entries = "".join(f"{media / 'clip.mp4'},{i * 0.001},{2.5}\n" for i in range(60))
    (tmp_path / "many.csv").write_text("uri,t_start_s,t_end_s\n" + entries)
    peaks, rows = [], 0
    for i, batch in enumerate(vifex.stream(tmp_path / "many.csv", fps=8, workers=1)):
        rows += len(batch)
        if i % 8 == 0:
            peaks.append(process.memory_info().rss)
    assert rows > 1000
    third = len(peaks) // 3
    assert max(peaks[-third:]) - max(peaks[third:-third]) < 24 << 20
