"""Copied segments by `vifex.copies` and its command, on real photographs that a window moves over."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.cli import main
from vifex.values import InputError

skimage = pytest.importorskip("skimage", reason="photographs come with scikit-image")
PHOTOS = Path(skimage.__file__).parent / "data"
NAMES = (
    "astronaut",
    "chelsea",
    "coffee",
    "horse",
    "hubble_deep_field",
    "motorcycle_left",
    "rocket",
    "moon",
    "ihc",
)
FPS = 8


def frames(name: str) -> list[Image.Image]:
    """Five seconds of a window that moves over a photograph."""
    path = next(PHOTOS.glob(f"{name}.*"))
    with Image.open(path) as image:
        whole = image.convert("RGB").resize((256, 192))
    places = [(round(t * 3), round(24 + 24 * np.sin(t / 4))) for t in range(5 * FPS)]
    return [whole.crop((x, y, x + 128, y + 128)) for x, y in places]


def write(path: Path, images: list[Image.Image], crf: int = 20) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine videos, a tenth that shows seconds 1 to 4 of one after something else, and a frame as an image."""
    media = tmp_path_factory.mktemp("media")
    for name in NAMES:
        write(media / f"{name}.mp4", frames(name))
    other = [image.transpose(Image.Transpose.ROTATE_180) for image in frames("coins")[: 2 * FPS]]
    write(media / "copy.mp4", [*other, *frames("rocket")[FPS : 4 * FPS]], crf=32)
    frames("chelsea")[2 * FPS].save(media / "still.jpg", quality=60)
    path = tmp_path_factory.mktemp("stores") / "lib.vifex"
    vifex.extract(media, path, fps=4)
    return path


def test_a_copied_segment_has_both_spans(store: Path) -> None:
    found = vifex.copies(store)
    assert found.videos == 10
    (one,) = found.segments
    by_name = {span.name: (span.start_s, span.end_s) for span in (one.a, one.b)}
    np.testing.assert_allclose(by_name["rocket.mp4"], (1, 4), atol=0.3)
    np.testing.assert_allclose(by_name["copy.mp4"], (2, 5), atol=0.3)
    # One sampled frame at either end of three seconds is a sixth.
    assert one.speed == pytest.approx(1, abs=0.17)
    assert found.segment_threshold is not None
    assert one.score > found.segment_threshold.least_score
    assert found.segment_threshold.pairs == 45
    assert "1 copied segment in 2 of 10 videos." in found.facts()


def test_an_image_is_found_in_the_video_that_shows_it(store: Path) -> None:
    (one,) = vifex.copies(store).images_in_videos
    assert (one.name, one.video.name) == ("still.jpg", "chelsea.mp4")
    assert one.best_s == pytest.approx(2, abs=0.3)
    assert one.video.start_s <= 2 <= one.video.end_s


def test_a_segment_that_is_marked_as_wrong_is_left_out(store: Path, tmp_path: Path) -> None:
    (one,) = vifex.copies(store).segments
    marks = tmp_path / "marks.json"
    mark = {"kind": "segment", "a": one.b.key, "b": one.a.key, "other": None}
    for word, expected in (("wrong", []), ("confirmed", ["confirmed"])):
        marks.write_text(json.dumps({"vifex_copies": 1, "marks": [{**mark, "mark": word}]}))
        assert [s.mark for s in vifex.copies(store, marks=marks).segments] == expected
    # Confirmed, it stays where nothing else would.
    assert len(vifex.copies(store, shortest=60).segments) == 1


def test_the_command_prints_spans_and_writes_both_strips(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "copies.html"
    run("copies", str(store), "--html", str(page))
    printed = capsys.readouterr().out
    assert "copy.mp4 00:00:0" in printed
    assert "rocket.mp4 00:00:0" in printed
    text = page.read_text()
    assert text.count('<figure class="strip">') == 4
    # Five frames of each of three spans, and the image.
    assert text.count("data:image/jpeg") == 16
    assert '"kind":"segment"' in text
    run("copies", str(store), "--json")
    (one,) = json.loads(capsys.readouterr().out)["segments"]
    assert {one["a"]["name"], one["b"]["name"]} == {"copy.mp4", "rocket.mp4"}


@pytest.mark.parametrize(
    ("words", "message"), [({"false_alarms": 0}, "false_alarms"), ({"shortest": -1}, "shortest")]
)
def test_options_that_mean_nothing_are_refused(store: Path, words: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        vifex.copies(store, **words)  # type: ignore[arg-type]
