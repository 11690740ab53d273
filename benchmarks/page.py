"""The benchmarks' page: its table and its plots, written from the records alone.

usage: page.py

Everything between the two marks in README.md is replaced; a test checks that page and records agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plots import bars
from record import ROOT

HERE = ROOT / "benchmarks"
PAGE, RECORDS, PLOTS = HERE / "README.md", HERE / "records", HERE / "plots"
BEGIN, END = "<!-- written by page.py: begin -->", "<!-- written by page.py: end -->"
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table: one number of one record, and what it should be."""

    text: str
    record: str
    path: tuple[str, ...]
    """Keys from the record's results to the number."""
    least: float | None = None
    most: float | None = None
    unit: str = ""

    def value(self, records: Records) -> float | None:
        """Look the number up; `None` where there is no such record or contender."""
        found: Any = records.get(self.record, {}).get("results", {})
        for key in self.path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return float(found)

    def line(self, value: float) -> str:
        """Write the line of the table."""
        aim, met = "", ""
        if self.least is not None:
            aim, met = f"at least {self.least:g}", "met" if value >= self.least else "**missed**"
        elif self.most is not None:
            aim, met = f"at most {self.most:g}", "met" if value <= self.most else "**missed**"
        unit = f" {self.unit}" if self.unit else ""
        return f"| {self.text} | {value:.3g}{unit} | {aim}{unit if aim else ''} | {met} |"


_LOOPS = ("DataLoader loop, fp32", "DataLoader loop, autocast bf16")
_PEERS = (
    *_LOOPS,
    "ONNX Runtime and Pillow, fp32",
    "thingsvision, fp32",
    "transformers pipeline, fp32",
    "transformers pipeline, bf16",
    "img2vec_pytorch, fp32",
)


_FIRST_ROW = ("first row", "seconds", "median")


def _index() -> list[Figure]:
    what = "1,000,000 x 512, by an index"
    found = [
        Figure(
            f"{what}, asked for {aim}: recall on other queries",
            "index",
            ("vifex", aim, "recall"),
            least=float(aim),
        )
        for aim in ("0.9", "0.95", "0.99")
    ]
    return [
        *found,
        Figure(
            f"{what}, asked for 0.95: time over exact search",
            "index",
            ("vifex", "0.95", "over_exact"),
            most=0.1,
        ),
        Figure(f"{what}, asked for 0.95: a query", "index", ("vifex", "0.95", "ms", "median"), unit="ms"),
        *(
            Figure(f"the same by {name}", "index", (peer, "0.95", "ms", "median"), unit="ms")
            for name, peer in (("FAISS's IVF", "faiss"), ("Voyager's HNSW", "voyager"))
        ),
    ]


def _machinery() -> list[Figure]:
    parent, rate = ("2", "parent_ms_per_image", "median"), ("2", "images_per_s", "median")
    image = "an image without decoding and arithmetic"
    return [
        Figure(f"{image}: processor time of the parent", "machinery", parent, most=0.12, unit="ms"),
        Figure(f"{image}: the same before blocks", "machinery.before", parent, unit="ms"),
        Figure(f"{image}: images a second", "machinery", rate, least=6000),
        Figure(f"{image}: images a second before blocks", "machinery.before", rate),
        Figure(f"{image}: 16 decoder processes over two", "machinery", ("steady_16_over_2",), least=0.9),
    ]


def _loads() -> list[Figure]:
    loads = {
        "small-files": "many small files in one folder",
        "videos-first": "long videos before many photographs",
        "photographs-first": "long videos after many photographs",
        "slow-disk": "a slow disk beside a fast one",
    }
    path = ("ratio", "median")
    return [
        Figure(
            "`vifex extract` of ten photographs: the first row", "first_row", _FIRST_ROW, most=1.0, unit="s"
        ),
        *(
            Figure(
                f"{named}: time over the larger of decoding and inference",
                "mixed-slow" if load == "slow-disk" else "mixed",  # measured in a run of its own
                (load, *path),
                most=1.15,
            )
            for load, named in loads.items()
        ),
        *(
            Figure(
                f"{named}: the estimate of the time over the time",
                "estimate",
                (named, "seconds_ratio", "median"),
            )
            for named in ("photographs", "videos", "photographs and videos")
        ),
    ]


def _ledger(size: str, named: str) -> list[Figure]:
    memory = {
        "index": "the index for a resume",
        "show": "`vifex show`",
        "search": "`vifex search` by image",
        "filtered": "`ledger()` of 0.1 % of them",
        "check": "`vifex check`",
        "deleted": "deleting some of them",
    }
    return [
        Figure(
            f"{named}: the index for a resume is ready",
            "ledger",
            (size, "index", "ready_s"),
            most=10,
            unit="s",
        ),
        *(
            Figure(f"{named}: memory of {what}", "ledger", (size, key, "rss_anon_mib"), most=572, unit="MiB")
            for key, what in memory.items()
        ),
    ]


def _cluster() -> list[Figure]:
    sleeping = "32 shards that sleep for {} with each medium: share of 32 times one that never waits"
    return [
        Figure(
            "21 kills on a Ray cluster: media that differ", "cluster_kills", ("media_that_differ",), most=0
        ),
        Figure(
            "the same: committed media that were done again",
            "cluster_kills",
            ("committed_read_again",),
            most=0,
        ),
        Figure(sleeping.format("50 ms"), "cluster_scaling", ("50 ms", "32", "of_linear"), least=0.9),
        Figure(sleeping.format("2 ms"), "cluster_scaling", ("2 ms", "32", "of_linear"), least=0.8),
        Figure(
            "small media that one coordinator takes a second",
            "cluster_scaling",
            ("without work", "media_per_s", "median"),
            least=20_000,
        ),
        Figure(
            "one shard by `--on ray` over none", "cluster_price", ("on_ray_over_one_process",), least=0.95
        ),
    ]


def _jpegs(network: str, named: str, over_loop: float) -> list[Figure]:
    record = f"jpegs.{network}"
    aims = {("auto", _LOOPS[0]): over_loop}
    figures = []
    for precision in ("auto", "fp32"):
        start = f"JPEGs, {named}, {precision}: over"
        figures += [
            Figure(f"{start} the prototype", record, (precision, "over_prototype"), least=1.0),
            Figure(f"{start} inference plus decoding", record, (precision, "efficiency"), least=0.95),
            *(
                Figure(f"{start} {peer}", record, (precision, "over", peer), aims.get((precision, peer), 1.0))
                for peer in _PEERS
            ),
        ]
    return figures


def _gpu(network: str, named: str) -> Figure:
    text = f"a GPU and 16 cores, {named}: over decoding alone, or over ready tensors if those are slower"
    return Figure(text, "gpu", (network, "over_bound"), least=0.85)


def _zoo(name: str, named: str, least: float | None = None) -> list[Figure]:
    record, text = f"zoo.{name}", f"{named}, {{}}: over eager PyTorch, {{}}"
    return [
        Figure(text.format("auto", "fp32"), record, ("auto_over", "PyTorch, fp32"), least),
        Figure(text.format("auto", "bf16"), record, ("auto_over", "PyTorch, bf16")),
        Figure(text.format("fp32", "fp32"), record, ("fp32_over", "PyTorch, fp32")),
    ]


def _embedded() -> Iterator[Figure]:
    """The embedded model, by k-NN and ridge classification, retrieval, neighbours and speed."""
    for key, name, least in (
        ("tiny_knn", "Tiny-ImageNet, k-NN", 0.55),
        ("tiny_ridge", "Tiny-ImageNet, ridge", 0.595),
        ("cifar_knn", "CIFAR-10, k-NN", 0.77),
        ("cifar_ridge", "CIFAR-10, ridge", 0.785),
    ):
        yield Figure(f"the embedded model: {name}", "embedded", ("accuracy", key), least=least)
    quarter = ("first_hit_of_a_quarter", "now")
    yield Figure("the same: a quarter finds its photograph of 120", "embedded", quarter, least=0.97)
    neighbours = ("neighbours_of_lite2_224", "over_lite0")
    yield Figure("the same: Lite2's neighbours that it keeps, over Lite0's", "embedded", neighbours, least=1)
    rate = ("images_per_s", "now", "median")
    yield Figure("the same: images a second in bf16, inference alone", "embedded", rate, least=700)
    yield Figure("the same: over the model before it", "embedded", ("now_over_before",), least=0.3)


FIGURES = (
    Figure("`vifex --help` over `import numpy`", "startup", ("help_over_numpy",), most=3),
    Figure(
        "exact search in 100,000 x 512 by `vifex search`, a new process, warm file cache",
        "search_cold",
        ("vector file", "seconds", "median"),
        most=1.5,
        unit="s",
    ),
    *_index(),
    Figure("1,000,000 x 512, from cold: time over FAISS's", "search_exact", ("cold_over_faiss",)),
    Figure("1,000,000 x 512, a warm query: time over FAISS's", "search_exact", ("one_over_faiss",), most=1.1),
    Figure(
        "4,000,000 x 512 float16, a warm query: time over FAISS's `QT_fp16`",
        "search_halves",
        ("one_over_faiss",),
        most=1.5,
    ),
    Figure(
        "10,000,000 x 512 float16, one query without a `Searcher`, warm file cache",
        "search_halves",
        ("alone", "one", "seconds", "median"),
        most=8,
        unit="s",
    ),
    Figure("the same: anonymous memory", "search_halves", ("alone", "anonymous_mib"), most=2048, unit="MiB"),
    Figure("the same: 100 queries in one call over one query", "search_halves", ("alone_many_over_one",),
    most=3), *_embedded(),
    Figure("peak memory, an hour of video over a minute", "memory", ("hour_over_minute",), most=1.1),
    Figure(
        "`--min-score auto`, videos and photographs: balanced accuracy",
        "nothing_matches",
        ("videos and photographs", "balanced_accuracy"),
        least=0.9,
    ),
    Figure(
        "`--min-score auto`, single images: balanced accuracy",
        "nothing_matches",
        ("single images", "balanced_accuracy"),
    ),
    Figure("shots of made videos, cuts, dissolves and fades: F1", "shots", ("made", "f1"), least=0.95),
    Figure("the same, on a part of them", "shots", ("made_with_peers", "vifex", "f1")),
    Figure("the same by TransNetV2", "shots", ("made_with_peers", "transnetv2", "f1")),
    Figure(
        "the same by PySceneDetect's `ContentDetector`",
        "shots",
        ("made_with_peers", "scenedetect, content", "f1"),
    ),
    Figure("images in tar shards over loose files", "archives", ("tar", "of_loose"), least=0.9),
    Figure("images in a Parquet file over loose files", "archives", ("parquet", "of_loose"), least=0.9),
    Figure(
        "photographs in a bucket that answers after 50 ms, its server on the same cores, over local files",
        "remote",
        ("of_local", "slow bucket"),
    ),
    Figure("the same without anything read ahead", "remote", ("of_local", "slow server, one connection")),
    Figure("10,000 renamed files are recognised", "renames", ("renamed_s", "median"), unit="s"),
    *_cluster(),
    Figure("peak memory, 10,000 images over 1,000", "memory_images", ("many_over_few",), most=1.1),
    Figure("size after 1,000 commits over the raw vectors", "commits", ("size_over_raw",), most=1.1),
    Figure("opening after 1,000 commits over after one", "commits", ("opening_many_over_one",), most=1.5),
    Figure(
        "what a run with ResNet-50 takes longer for its store",
        "store_cost.resnet50",
        ("difference_share",),
        most=0.03,
    ),
    Figure(
        "what a run with the embedded network takes longer for its store",
        "store_cost.default",
        ("difference_share",),
        most=0.03,
    ),
    Figure("resuming 100,000 files over ResNet-50 on them", "resume", ("resume_over_again",), most=0.01),
    *_machinery(),
    *_loads(),
    *_ledger("5000000", "5,000,000 media"),
    Figure("two networks over inference plus one decoding", "two_models", ("over_bound",), most=1.1),
    *_jpegs("resnet50", "ResNet-50", 4.5),
    *_jpegs("mobilenetv3_large_100", "MobileNetV3-Large", 5.5),
    Figure(
        "12 megapixels: over the DataLoader loop",
        "large_jpegs",
        ("over", "DataLoader loop, OpenVINO"),
        least=6,
    ),
    Figure("12 megapixels, without `vifex-jpeg`: over the loop", "large_jpegs", ("bare_over_loop",)),
    Figure("int8 over bf16, ResNet-50", "int8", ("resnet50", "int8_over_bf16"), least=1.6),
    Figure("int8 over bf16, ViT-S/16", "int8", ("vit_small_patch16_224", "int8_over_bf16"), least=1.6),
    Figure("720p, 1 frame/s: over the OpenCV loop", "video_frames", ("over", "OpenCV, read all"), least=2.5),
    Figure("720p, 1 frame/s: over the PyAV loop", "video_frames", ("over", "PyAV, decode all")),
    Figure("720p, 1 frame/s: over raw decoding", "video_frames", ("over", "raw decoding"), least=0.9),
    *_zoo("r2plus1d_18", "R(2+1)D-18", 3.3),
    *_zoo("i3d", "I3D"),
    *_zoo("vit_base_patch16_224", "ViT-B/16"),
    *_zoo("clip_vit_b_32", "CLIP ViT-B/32"),
    _gpu("resnet50", "ResNet-50"),
    _gpu("vit_base_patch16_224", "ViT-B/16"),
    _gpu("r2plus1d_18", "R(2+1)D-18 clips"),
    Figure("a GPU in fp32 against the CPU, ResNet-50: lowest cosine", "gpu",
    ("fp32_against_cpu", "resnet50 fp32", "lowest_cosine"), least=0.99999),
    Figure("a GPU in fp32 against the CPU, ViT-B/16: lowest cosine", "gpu",
    ("fp32_against_cpu", "vit_base_patch16_224 fp32", "lowest_cosine"), least=0.99999),
)  # fmt: skip


def load() -> dict[str, dict[str, Any]]:
    """Read all records by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RECORDS.glob("*.json"))}


def rates(record: Mapping[str, Any]) -> tuple[str, Mapping[str, Mapping[str, float]]] | None:
    """Give a record's rates by contender with their unit, where it is a race."""
    for key, value in record["results"].items():
        if key.endswith("_per_s") and all(isinstance(v, dict) and "median" in v for v in value.values()):
            return key.replace("_per_s", " / s").replace("_", " "), value
    return None


def table(records: Records) -> str:
    """Write the table of figures, and what has no record yet."""
    lines = ["| what | figure | aim | |", "| --- | --- | --- | --- |"]
    absent = []
    for figure in FIGURES:
        value = figure.value(records)
        if value is not None:
            lines.append(figure.line(value))
        elif figure.record not in records and figure.record not in absent:
            absent.append(figure.record)
    if absent:
        lines += ["", f"Without a record yet: {', '.join(absent)}."]
    return "\n".join(lines)


def race(name: str, record: Mapping[str, Any]) -> str:
    """Write a race's plot and the spread of each contender."""
    found = rates(record)
    assert found is not None
    unit, contenders = found
    lines = [f"### {name}", "", f"![{unit} of each contender](plots/{name}.svg)", ""]
    lines += [f"| contender | {unit} | quartiles |", "| --- | --- | --- |"]
    for contender, rate in contenders.items():
        lines.append(f"| {contender} | {rate['median']:.1f} | {rate['p25']:.1f} to {rate['p75']:.1f} |")
    missing = record["results"].get("not_run", {})
    lines += (
        ["", *(f"{contender} did not run: {why}." for contender, why in missing.items())] if missing else []
    )
    return "\n".join(lines)


def written(records: Records) -> str:
    """Write all that stands between the marks."""
    races = [race(name, record) for name, record in records.items() if rates(record)]
    return "\n\n".join([BEGIN, table(records), *races, END])


def page(text: str, records: Records) -> str:
    """Give the page with its figures replaced."""
    before, _, rest = text.partition(BEGIN)
    return before + written(records) + rest.partition(END)[2]


def images(records: Records) -> dict[str, str]:
    """Draw the plot of each race, by file name."""
    found = {name: rates(record) for name, record in records.items()}
    return {f"{name}.svg": bars(name, *seen) for name, seen in found.items() if seen}


def main() -> None:
    records = load()
    PAGE.write_text(page(PAGE.read_text(), records))
    PLOTS.mkdir(exist_ok=True)
    wanted = images(records)
    for old in PLOTS.glob("*.svg"):
        if old.name not in wanted:
            old.unlink()
    for name, drawn in wanted.items():
        Path(PLOTS, name).write_text(drawn)


if __name__ == "__main__":
    main()
