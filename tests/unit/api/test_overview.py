"""What `vifex.overview` counts, against what the test put into the store."""

from __future__ import annotations

import json
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vifex

SECONDS = 3
CATS, DOGS = 5, 3
ODD_NAME = "<script>alert(1)<script>.jpg"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `in` and a store of it: labelled images, a video, a cut image, a text file, two views."""
    folder = tmp_path_factory.mktemp("overview")
    rng = np.random.default_rng(0)
    lines = ["uri,label,split"]
    for name, label, split in [
        *((f"cat-{i}.png", "cat", "train") for i in range(CATS)),
        *((f"dog-{i}.png", "dog", "") for i in range(DOGS)),
        (ODD_NAME, "", ""),
    ]:
        pixels = rng.integers(0, 255, (48, 48, 3), np.uint8)
        (folder / "in").mkdir(exist_ok=True)
        path = folder / "in" / name
        Image.fromarray(pixels).save(path)
        lines.append(f"{path.as_uri()},{label},{split}")
    photo = folder / "in" / "cut.jpg"
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(photo)
    photo.write_bytes(photo.read_bytes()[:-1500])
    for i in range(2):
        (folder / "in" / f"empty-{i}.jpg").touch()
    (folder / "in" / "notes.txt").write_text("no medium")
    with av.open(str(folder / "in" / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(SECONDS * 10):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (folder / "labels.csv").write_text("\n".join(lines))
    began_s = time.monotonic()
    vifex.extract([folder / "in", folder / "labels.csv"], folder / "s.vifex", fps=2, workers=1, on_notice=str)
    vifex.extract([folder / "labels.csv"], folder / "s.vifex", view="other", workers=1, on_notice=str)
    (folder / "seconds").write_text(str(time.monotonic() - began_s))
    return folder


def test_the_collection(made: Path) -> None:
    found = vifex.overview(made / "s.vifex").collection
    kinds = {kind.kind: (kind.media, kind.size_bytes) for kind in found.kinds}
    images = [
        *(made / "in").glob("*.png"),
        *(made / "in").glob("*.jpg"),
    ]
    assert kinds == {
        "image": (len(set(images)), sum(path.stat().st_size for path in set(images))),
        "video": (1, (made / "in" / "clip.mp4").stat().st_size),
    }
    assert found.media == CATS + DOGS + 1 + 1 + 2 + 1  # the text file is no medium
    assert {one.name: one.media for one in found.labels} == {"cat": CATS, "dog": DOGS}
    assert {one.name: one.media for one in found.splits} == {"train": CATS}
    assert found.unlabelled == found.media - CATS - DOGS
    assert found.covered_s == pytest.approx(SECONDS, abs=0.5)  # rows stand for half seconds


def test_views_problems_and_runs(made: Path) -> None:
    found = vifex.overview(made / "s.vifex")
    main, other = found.views
    assert (main.view, main.statuses) == (
        "main",
        {"failed": 2, "ok": CATS + DOGS + 1 + 1, "partial": 1, "skipped": 1},
    )
    assert (main.rows, main.with_rows) == (CATS + DOGS + 1 + 1 + 2 * SECONDS, CATS + DOGS + 3)
    assert (other.media, other.rows) == (CATS + DOGS + 1, CATS + DOGS + 1)
    assert dict(main.choices)["sampling"] == "2 per second"
    groups = {(g.status, g.media): [name for name, *_ in g.examples] for g in found.problems}
    assert groups == {
        ("failed", 2): ["empty-0.jpg", "empty-1.jpg"],
        ("partial", 1): ["cut.jpg"],
        ("skipped", 1): ["notes.txt"],
    }
    first, second = found.runs
    assert (first.media, first.rows, second.media) == (main.media, main.rows, other.media)
    assert first.seconds is not None
    assert second.seconds is not None
    assert 0 < first.seconds + second.seconds < float((made / "seconds").read_text())
    assert first.course[-1][1:] == (main.media, main.rows)
    assert [run.seconds for run in vifex.history(made / "s.vifex")] == [first.seconds, second.seconds]


def test_samples_are_the_same_each_time_and_have_rows(made: Path) -> None:
    found = vifex.overview(made / "s.vifex", samples=4)
    assert found.samples == vifex.overview(made / "s.vifex", samples=4).samples
    assert len({sample.name for sample in found.samples}) == 4
    with vifex.open(made / "s.vifex", view="main") as view:
        keys = set(view.to_arrow(["key"])["key"].to_pylist())
    assert {sample.key for sample in found.samples} <= keys
    assert len(vifex.overview(made / "s.vifex", samples=1000).samples) == CATS + DOGS + 3


def test_the_page_and_the_document_say_the_same(made: Path, tmp_path: Path) -> None:
    page = tmp_path / "s.html"
    found = vifex.overview(made / "s.vifex", html=page)
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    for words in ("empty-0.jpg", "Failed: 2 media", "Partial: 1 medium", "cat", "sampling", "Runs"):
        assert words in text
    assert text.count("data:image/jpeg") == len(found.samples) + 1  # the cut image opens in part
    assert json.loads(json.dumps(found.to_dict())) == json.loads(
        json.dumps(vifex.overview(made / "s.vifex").to_dict())
    )
    with pytest.raises(vifex.InputError, match="exists"):
        vifex.overview(made / "s.vifex", html=page)
    vifex.overview(made / "s.vifex", view="other", html=page, overwrite=True)
    assert "Failed" not in page.read_text()


def test_an_empty_store(tmp_path: Path) -> None:
    from vifex.store import open_writer

    open_writer(tmp_path / "s.vifex").close()
    found = vifex.overview(tmp_path / "s.vifex", html=tmp_path / "s.html")
    assert (found.collection.media, found.views, found.runs, found.samples) == (0, (), (), ())
    assert "There is no view yet." in (tmp_path / "s.html").read_text()
