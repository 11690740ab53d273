"""Recommendations, outliers and summaries against plain baselines.

usage: answers.py [recommend] [outliers] [summarize] [--work FOLDER]

Each question is asked many times; the record has the mean of each contender, and the difference with its 95 %
interval by bootstrap over the trials. What is extracted is kept in FOLDER for the next run.

- recommend: synthetic users with two or three favourite classes of Tiny-ImageNet; a history of ten media of
  them and two others; the share of the ten recommendations that are of a favourite class. Baseline: the media
  that most other histories have.
- outliers: three classes of CIFAR-10 and a few images of a fourth; the share of those among as many of the
  farthest rows. Baseline: a random order.
- summarize: videos joined from clips of different recordings and lengths; the share of the clips that have a
  key frame, with as many key frames as clips. Baseline: frames at equal distances.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from record import ROOT, write

import vifex

SHARED = ROOT.parent / "shared"
_SIZE = (320, 240)
_RATE = 12
_RESAMPLES = 2_000


def image_store(data: str, classes: int, per_class: int, work: Path) -> Path:
    """Extract images of a Parquet file by the built-in network, the same number of each class."""
    store = work / f"{data}-{classes}x{per_class}.vifex"
    table = pq.read_table(SHARED / "data" / f"{data}.parquet")
    labels = np.array(table["label"])
    folder = work / f"{data}-{classes}x{per_class}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["uri,label"]
    for label in range(classes):
        for row in np.flatnonzero(labels == label)[:per_class].tolist():
            path = folder / f"{label:03}-{row:05}.jpg"
            if not path.exists():
                path.write_bytes(table["image"][row].as_py())
            lines.append(f"{path},{label}")
    manifest = work / f"{data}-{classes}x{per_class}.csv"
    manifest.write_text("\n".join(lines))
    vifex.extract(manifest, store)
    return store


def compared(values: dict[str, list[float]], baseline: str) -> dict[str, Any]:
    """Give the mean of each contender and its difference to the baseline over the same trials."""
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for name, one in values.items():
        found[name] = {"mean": round(float(np.mean(one)), 4)}
        if name != baseline:
            apart = np.array(one) - np.array(values[baseline])
            drawn = apart[rng.integers(0, len(apart), (_RESAMPLES, len(apart)))].mean(axis=1)
            low, high = np.quantile(drawn, [0.025, 0.975])
            found[name][f"minus {baseline}"] = {
                "mean": round(float(apart.mean()), 4),
                "low": round(float(low), 4),
                "high": round(float(high), 4),
            }
    return found


# -- recommend --------------------------------------------------------------------------------------


def named(found: vifex.Recommendations, row_of: dict[str, int]) -> list[int]:
    """Give the rows of the recommended media."""
    return [row_of[one.row.name] for one in found.recommendations]


def recommend(work: Path, users: int = 200, classes: int = 40, per_class: int = 50) -> None:
    rng = np.random.default_rng(1)
    with vifex.open(image_store("tiny-imagenet-val", classes, per_class, work)) as store:
        facts = store.to_arrow(["name", "label"])
        names, labels = np.array(facts["name"]), np.array(facts["label"]).astype(int)
        # Some classes have more friends than others, so that popularity is worth something.
        liked = 1 / np.arange(1, classes + 1)
        favourites, histories = [], []
        for _ in range(users):
            own = rng.choice(classes, int(rng.integers(2, 4)), replace=False, p=liked / liked.sum())
            of_own = rng.choice(np.flatnonzero(np.isin(labels, own)), 10, replace=False)
            others = rng.choice(np.flatnonzero(~np.isin(labels, own)), 2, replace=False)
            favourites.append(set(own.tolist()))
            histories.append(np.concatenate([of_own, others]))
        counts = Counter(row for history in histories for row in history.tolist())
        contenders = ("most popular", "random", "recommend", "no diversity")
        values: dict[str, list[float]] = {name: [] for name in contenders}
        reached: dict[str, list[float]] = {name: [] for name in contenders}
        row_of = {name: row for row, name in enumerate(names.tolist())}
        for own, history in zip(favourites, histories, strict=True):
            seen = set(history.tolist())
            left = [row for row in range(len(names)) if row not in seen]
            given = [str(names[row]) for row in history]
            chosen = {
                "most popular": sorted(left, key=lambda row: (-counts[row], rng.random()))[:10],
                "random": rng.choice(left, 10, replace=False).tolist(),
                "recommend": named(vifex.recommend(store, given), row_of),
                "no diversity": named(vifex.recommend(store, given, diversity=0.0), row_of),
            }
            for name, rows in chosen.items():
                classes_of = labels[rows].tolist()
                values[name].append(float(np.mean([one in own for one in classes_of])))
                reached[name].append(len(own & set(classes_of)) / len(own))
    write(
        "answers.recommend",
        config={"data": "Tiny-ImageNet, validation", "classes": classes, "images": classes * per_class,
                "users": users, "history": 12, "recommended": 10},
        rounds=users,
        results={
            "share_of_favourite_classes": compared(values, "most popular"),
            "favourite_classes_reached": compared(reached, "most popular"),
        },
    )  # fmt: skip


# -- outliers ---------------------------------------------------------------------------------------


def outliers(work: Path, trials: int = 60, per_class: int = 200, planted: int = 12) -> None:
    rng = np.random.default_rng(2)
    with vifex.open(image_store("cifar10-test", 10, per_class, work)) as store:
        facts = store.to_arrow(["name", "label"])
        names, labels = np.array(facts["name"]), np.array(facts["label"]).astype(int)
        values: dict[str, list[float]] = {"random": [], "lof": [], "distance": []}
        for _ in range(trials):
            *inside, odd = rng.choice(10, 4, replace=False).tolist()
            few = rng.choice(np.flatnonzero(labels == odd), planted, replace=False)
            rows = np.concatenate([np.flatnonzero(np.isin(labels, inside)), few])
            listed = ", ".join(f"'{names[row]}'" for row in rows.tolist())
            drawn = rng.choice(rows, planted, replace=False)
            values["random"].append(float(np.isin(drawn, few).mean()))
            for method in ("lof", "distance"):
                found = vifex.outliers(store, method=method, count=planted, where=f"name IN ({listed})")
                right = [one.row.label == str(odd) for one in found.outliers]
                values[method].append(float(np.mean(right)))
    write(
        "answers.outliers",
        config={"data": "CIFAR-10, test", "ordinary": 3 * per_class, "planted": planted, "neighbours": 20},
        rounds=trials,
        results={"share_of_planted_among_as_many": compared(values, "random")},
    )


# -- summarize --------------------------------------------------------------------------------------


def clip_frames(path: Path, seconds: float) -> Iterator[Image.Image]:
    """Decode the start of a clip at 12 frames a second, fitted into one size."""
    with av.open(str(path)) as container:
        wanted = 0
        for frame in container.decode(video=0):
            t_s = float(frame.time or 0) - float((container.start_time or 0) / 1_000_000)
            while wanted / _RATE <= t_s + 1e-6 and wanted < seconds * _RATE:
                yield frame.to_image().resize(_SIZE)
                wanted += 1
            if wanted >= seconds * _RATE:
                return


def recordings() -> list[Path]:
    """List one clip of each recording: of the surveillance cameras and of the test media."""
    of_source: dict[str, Path] = {}
    lines = (SHARED / "data" / "fights" / "sources.csv").read_text().splitlines()[1:]
    for path, _, source in (line.split(",") for line in lines):
        if source:
            of_source.setdefault(source, SHARED / "data" / "fights" / path)
    good = ("ducks.mp4", "sea.mov", "mp3-film.mp4", "camera.avi", "phone-rot.mov", "xvid.avi", "bframes.mp4")
    films = [p for p in sorted((SHARED / "media" / "good").glob("clip-*")) if p.name.endswith(good)]
    return [*of_source.values(), *films]


def join(clips: list[Path], lengths: list[float], path: Path) -> list[float]:
    """Join clips to one video, and give where each ends, in seconds."""
    ends, frames = [], 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=_RATE)
        stream.width, stream.height = _SIZE
        stream.bit_rate = 3_000_000
        stream.codec_context.time_base = Fraction(1, _RATE)
        for clip, seconds in zip(clips, lengths, strict=True):
            for image in clip_frames(clip, seconds):
                frame = av.VideoFrame.from_image(image)
                frame.pts = frames
                container.mux(stream.encode(frame))
                frames += 1
            ends.append(frames / _RATE)
        container.mux(stream.encode())
    return ends


def summarize(work: Path, videos: int = 40, clips: int = 10) -> None:
    rng = np.random.default_rng(3)
    known = recordings()
    folder = work / f"joined-{videos}x{clips}"
    folder.mkdir(parents=True, exist_ok=True)
    ends: dict[str, list[float]] = {}
    for number in range(videos):
        chosen = [known[i] for i in rng.choice(len(known), clips, replace=False)]
        lengths = np.exp(rng.uniform(np.log(0.5), np.log(6), clips)).tolist()
        path = folder / f"joined{number:02}.mp4"
        kept = path.with_suffix(".json")
        if not kept.exists():
            kept.write_text(json.dumps(join(chosen, lengths, path)))
        ends[path.name] = json.loads(kept.read_text())
    store_path = work / f"joined-{videos}x{clips}.vifex"
    vifex.extract(folder, store_path, fps=4)
    values: dict[str, list[float]] = {"uniform": [], "summarize": []}
    cuts: list[float] = []
    with vifex.open(store_path) as store:
        for name, stops in ends.items():
            item = store.item(name)
            edges = (np.arange(clips) + 0.5) / clips * stops[-1]
            uniform = [item.t_s[np.abs(item.t_s - t).argmin()] for t in edges]
            found = vifex.summarize(store, medium=name, count=clips)
            of_frames = [one.frame.t_s or 0.0 for one in found.key_frames]
            for contender, times in (("uniform", uniform), ("summarize", of_frames)):
                shown = set(np.searchsorted(stops, np.array(times), side="right").tolist())
                values[contender].append(len(shown) / clips)
            starts = np.array([one.t_start_s for one in found.shots])
            cuts.append(float(np.mean([np.abs(starts - stop).min() <= 0.25 + 1e-6 for stop in stops[:-1]])))
    write(
        "answers.summarize",
        config={"videos": videos, "clips": clips, "recordings": len(known), "seconds_of_a_clip": "0.5 to 6",
                "fps": 4, "key_frames": clips},
        rounds=videos,
        results={
            "share_of_clips_with_a_key_frame": compared(values, "uniform"),
            "share_of_joins_that_begin_a_shot": round(float(np.mean(cuts)), 4),
        },
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("questions", nargs="*", default=["recommend", "outliers", "summarize"])
    parser.add_argument("--work", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        work = chosen.work or Path(made)
        for question in chosen.questions:
            {"recommend": recommend, "outliers": outliers, "summarize": summarize}[question](work)


if __name__ == "__main__":
    main()
