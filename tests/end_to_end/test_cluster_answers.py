"""Clusters, outliers, summaries and recommendations over real rows, and what they refuse."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vifex
from vifex.search.hits import Hit

KINDS = ("bars", "checks", "disc", "noise")
CUTS_S = (3.0, 6.0)
EVENT_S = (8.0, 8.4)


def image(kind: str, seed: int, side: int = 96) -> np.ndarray:
    """Make an image of one of four kinds that differ in structure and colour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    shift = int(rng.integers(0, 24))
    pattern = {
        "bars": ((x + shift) // 12) % 2,
        "checks": ((x + shift) // 24 + y // 24) % 2,
        "disc": ((x - 48 - shift / 4) ** 2 + (y - 48) ** 2 < 900).astype(int),
        "noise": rng.integers(0, 2, (side, side)),
    }[kind]
    colours = {"bars": (220, 40, 40), "checks": (240, 240, 60), "disc": (40, 90, 220), "noise": (90, 200, 90)}
    shaded = pattern[..., None] * np.array(colours[kind]) + (1 - pattern[..., None]) * 30
    return np.clip(shaded + rng.normal(0, 6, (side, side, 3)), 0, 255).astype(np.uint8)


def write_video(path: Path) -> None:
    """Write 10 s at 10 frames a second: bars, checks, disc, with noise from 8.0 to 8.4 s."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 96
        stream.bit_rate = 4_000_000
        stream.codec_context.time_base = Fraction(1, 10)
        for number in range(100):
            t_s = number / 10
            kind = KINDS[sum(t_s >= cut for cut in CUTS_S)]
            kind = "noise" if EVENT_S[0] <= t_s < EVENT_S[1] else kind
            frame = av.VideoFrame.from_ndarray(image(kind, 0), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers") / "media"
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
        for seed in range(3 if kind == "noise" else 8):
            Image.fromarray(image(kind, seed)).save(folder / kind / f"{kind}{seed}.png")
    write_video(folder.parent / "clip.mp4")
    return folder


@pytest.fixture(scope="module")
def store(media: Path) -> Path:
    path = media.parent / "lib.vifex"
    lines = [f"{p},{p.parent.name}" for p in sorted(media.rglob("*.png"))]
    (media.parent / "media.csv").write_text("\n".join(["uri,label", *lines]))
    vifex.extract(media.parent / "media.csv", path)
    return path


@pytest.fixture(scope="module")
def video_store(media: Path) -> Path:
    path = media.parent / "video.vifex"
    vifex.extract(media.parent / "clip.mp4", path, fps=10)
    return path


def kinds(hits: list[Hit]) -> list[str | None]:
    return [hit.label for hit in hits]


def test_clusters_are_the_kinds(store: Path, tmp_path: Path) -> None:
    found = vifex.cluster(store, output=tmp_path / "rows.csv", html=tmp_path / "page.html", representatives=3)
    assert [one.size for one in found.clusters] == [8, 8, 8, 3]
    assert sorted(one.name for one in found.clusters) == sorted(KINDS)
    assert all(one.label_share == 1 for one in found.clusters)
    assert all(set(kinds(list(one.representatives))) == {one.label} for one in found.clusters)
    assert found.tried[0].k == 2
    assert max(found.tried, key=lambda one: one.silhouette).k == 4
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 27
    assert all(row["cluster_name"] == row["label"] for row in rows)
    page = (tmp_path / "page.html").read_text()
    assert "<h1><bdi>4 clusters</bdi></h1>" in page
    assert page.count('<li class="hit">') == 12
    assert "<script" not in page
    again = vifex.cluster(store, k=4)
    assert again.assignment.column("cluster").equals(found.assignment.column("cluster"))
    assert not again.tried
    json.dumps(again.to_dict())


def test_the_medoid_is_the_row_of_the_largest_mean_cosine(store: Path) -> None:
    found = vifex.cluster(store, k=4)
    with vifex.open(store) as opened:
        vectors, keys = opened.to_numpy(), opened.to_arrow("key").column(0).to_pylist()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for number, one in enumerate(found.clusters, start=1):
        mine = [i for i, c in enumerate(found.assignment.column("cluster").to_pylist()) if c == number]
        best = mine[int((unit[mine] @ unit[mine].T).mean(axis=1).argmax())]
        assert one.representatives[0].key == keys[best]


def test_the_rare_kind_is_the_outlier(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "scores.parquet"
    found = vifex.outliers(store, count=3, neighbours=6, method="distance", output=table)
    assert kinds([one.row for one in found.outliers]) == ["noise"] * 3
    scores = pq.read_table(table)
    assert scores.num_rows == found.rows == 27
    first = scores.column("distance").to_pylist()
    assert found.outliers[0].distance == max(first)
    assert [one.row.rank for one in found.outliers] == [1, 2, 3]
    vifex.outliers(store, neighbours=26, html=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().count('<li class="hit">') == 27
    with pytest.raises(vifex.InputError, match="from 1 to 26, as there are 27 rows, got 27"):
        vifex.outliers(store, neighbours=27)


def test_an_event_in_a_video_is_an_unusual_moment(video_store: Path, tmp_path: Path) -> None:
    found = vifex.unusual_moments(video_store, html=tmp_path / "page.html", output=tmp_path / "spans.csv")
    (line,) = found.lines
    (span,) = line.spans
    assert (span.t_start_s, span.t_end_s) == pytest.approx(EVENT_S, abs=1e-6)
    assert EVENT_S[0] <= (span.peak.t_s or 0) < EVENT_S[1]
    page = (tmp_path / "page.html").read_text()
    assert '<svg class="plot"' in page
    assert "00:08.0 to 00:08.4" in page
    assert "8,8.4,8" in (tmp_path / "spans.csv").read_text()


def test_a_summary_has_the_shots_and_one_frame_of_each(video_store: Path, tmp_path: Path) -> None:
    found = vifex.summarize(
        video_store,
        output=tmp_path / "frames.csv",
        shots=tmp_path / "shots.csv",
        html=tmp_path / "page.html",
    )
    edges = [0.0, *CUTS_S, *EVENT_S, 10.0]
    assert [one.t_start_s for one in found.shots] == pytest.approx(edges[:-1])
    assert [one.t_end_s for one in found.shots] == pytest.approx(edges[1:])
    assert len(found.key_frames) == 5
    four = vifex.summarize(video_store, count=4)
    inside = [sum(edge <= (one.frame.t_s or 0) for edge in edges) for one in four.key_frames]
    assert {3 if shot == 5 else shot for shot in inside} == {1, 2, 3, 4}
    assert inside == [one.shot for one in four.key_frames]
    assert sum(one.share for one in four.key_frames) == pytest.approx(1)
    with (tmp_path / "frames.csv").open(newline="") as file:
        frames = list(csv.DictReader(file))
    exact = [int(row["pts"]) * Fraction(row["time_base"]) for row in frames]
    assert [float(t) for t in exact] == pytest.approx([float(row["t_s"]) for row in frames], abs=1e-9)
    assert vifex.summarize(video_store, coverage=0.5).explained >= 0.5
    assert len(vifex.summarize(video_store, coverage=0.01).key_frames) == 2
    assert "5 shots" in (tmp_path / "page.html").read_text()


def test_recommendations_suit_the_history_and_are_new(store: Path, tmp_path: Path) -> None:
    seen = ["disc0.png", "disc1.png", "bars0.png"]
    with vifex.open(store) as opened:
        names = {Path(n).name: n for n in opened.ledger(columns="name").column(0).to_pylist()}
    history = [{"name": names[n], "time": f"2026-01-0{i + 1}"} for i, n in enumerate(seen)]
    found = vifex.recommend(store, history, count=8, diversity=0.1, html=tmp_path / "page.html")
    assert {one.row.label for one in found.recommendations} == {"disc", "bars"}
    assert not {one.row.name for one in found.recommendations} & {names[n] for n in seen}
    assert all(one.because in {names[n] for n in seen} for one in found.recommendations)
    assert all(one.row.label in one.because for one in found.recommendations)
    assert "Because of" in (tmp_path / "page.html").read_text()
    only = vifex.recommend(store, history, where="label = 'checks'", count=20)
    assert {one.row.label for one in only.recommendations} == {"checks"}
    assert only.candidates == len(only.recommendations) == 8
    disliked = [*history, *({"name": names[f"bars{i}.png"], "weight": -1} for i in (1, 2))]
    assert {one.row.label for one in vifex.recommend(store, disliked, count=6).recommendations} == {"disc"}
    partly = vifex.recommend(store, [*history, "disk0.png"])
    assert any("1 of 4 items" in note and "disk0.png" in note for note in partly.notes)


def test_a_folder_in_place_of_a_store(media: Path) -> None:
    found = vifex.cluster(media / "disc", k=2)
    assert (found.store, found.rows, len(found.clusters)) == ("disc", 8, 2)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda s: vifex.cluster(s, k=28), "`k=` needs a number from 1 to 27, the number of rows, got 28"),
        (lambda s: vifex.cluster(s, k=3, method="hdbscan"), "HDBSCAN finds the number of clusters by itself"),
        (lambda s: vifex.cluster(s, min_size=3), "is for HDBSCAN"),
        (lambda s: vifex.cluster(s, where="label = 'none'"), "no row was found"),
        (lambda s: vifex.cluster(s, output="rows.xls"), r"Known: \.csv, \.parquet"),
        (lambda s: vifex.cluster(s, words=["no such thing"]), "not these words"),
        (lambda s: vifex.cluster(s, fps=2), "`fps=` is for the extraction of media, and this is a store"),
        (lambda s: vifex.cluster(s.parent / "none.vifex", fps=2), "none.vifex"),
        (lambda s: vifex.outliers(s, count=0), "of at least 1, got 0"),
        (lambda s: vifex.unusual_moments(s), "no medium has 10 or more rows with times"),
        (lambda s: vifex.summarize(s), "there are 27 media, so one must be named"),
        (lambda s: vifex.summarize(s, medium="disk0.png"), "has no item 'disk0.png'"),
        (lambda s: vifex.recommend(s, ["disk0.png"]), "none of the 1 items of the history is in the view"),
        (lambda s: vifex.recommend(s, ["a"], diversity=2.0), "from 0 to 1, got 2"),
        (lambda s: vifex.recommend(s, []), "the history is empty"),
    ],
)
def test_what_cannot_be_answered_is_said(store: Path, ask: Callable[[Path], Any], said: str) -> None:
    with pytest.raises(vifex.VifexError, match=said):
        ask(store)


def test_rows_that_cannot_be_compared(tmp_path: Path) -> None:
    """Equal images have equal rows; a store of one image has too few."""
    for number in range(3):
        Image.fromarray(image("disc", 0)).save(tmp_path / f"{number}.png")
    vifex.extract(tmp_path, tmp_path / "same.vifex")
    with pytest.raises(vifex.InputError, match="all 3 rows have the same features"):
        vifex.cluster(tmp_path / "same.vifex")
    with pytest.raises(vifex.InputError, match="1 of 1 rows have features that can be compared"):
        vifex.outliers(tmp_path / "same.vifex", where="name LIKE '%0.png'", neighbours=1)


def test_the_command_prints_a_table(video_store: Path, vifex_command: Callable[..., Any]) -> None:
    done = vifex_command("outliers", video_store, "--along-time")
    assert done.returncode == 0, done.stderr
    assert "00:08.0 to 00:08.4" in done.stdout
    wrong = vifex_command("outliers", video_store, "--along-time", "--neighbours", "3")
    assert wrong.returncode == 4
    assert "--neighbours is not for --along-time" in wrong.stderr
