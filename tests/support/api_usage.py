"""Every call of the public API with the types that it promises; `mypy --strict` checks this file."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
from PIL import Image

import vifex

Vectors = npt.NDArray[np.float32]


def models(image: Image.Image, array: npt.NDArray[np.uint8], path: Path) -> None:
    model = vifex.load_model("default", device="auto", engine="openvino", precision="fp32", compile=False)
    assert_type(model, vifex.LoadedModel)
    assert_type(model.encode(image), Vectors)
    assert_type(model.encode(array), Vectors)
    assert_type(model.encode("a.jpg"), Vectors)
    assert_type(model.encode([path, "a.jpg", image, array]), Vectors)
    assert_type(model.encode(iter([array])), Vectors)
    assert_type(model.encode([[image, image], [image, image]]), Vectors)
    assert_type(model.encode(path, layer="stages.2", pool="max", normalize=True, fps=2.0), Vectors)
    assert_type(model.encode_text(["a cat", "a dog"]), Vectors)
    assert_type(model.features(path, layers=["stages.2"], fps=1.0), dict[str, Vectors])
    assert_type(model.layers, list[vifex.Layer])
    assert_type(model.card, vifex.ModelCard)
    with vifex.load_model(path, card="card.toml", on_notice=print) as opened:
        assert_type(opened, vifex.LoadedModel)


def own_module(module: Any) -> None:
    def transform(image: Image.Image) -> npt.NDArray[np.float32]:
        return np.zeros((3, 8, 8), np.float32)

    vifex.load_model(module, transform=transform)
    vifex.load_model(module, card={"height_px": 8, "width_px": 8})
    vifex.load_model(module, card=vifex.ModelCard("mine", 8, 8))


def extracting(model: vifex.LoadedModel) -> None:
    views: dict[str, vifex.ViewOptions] = {"frames": {"fps": 1}, "clips": {"model": model, "clip": "16x1"}}

    def on_progress(progress: vifex.Progress) -> None:
        print(progress.finished, [file.name for file in progress.in_work])

    def on_outcome(outcome: vifex.Outcome) -> None:
        print(outcome.medium.name, outcome.status)

    report = vifex.extract(
        "media",
        "lib.vifex",
        model=model,
        device="cpu",
        engine="auto",
        compile=None,
        limits=vifex.Limits(file_s=60),
        on_progress=on_progress,
        on_outcome=on_outcome,
    )
    assert_type(report, vifex.Report)
    assert_type(report.problems, tuple[vifex.Problem, ...])
    assert_type(vifex.extract(["media"], Path("lib.vifex"), views=views), vifex.Report)
    assert_type(vifex.fuse("lib.vifex", ["a", "b"]), vifex.Report)
    assert_type(vifex.tree("lib.vifex"), vifex.Report)


def streaming(model: vifex.LoadedModel) -> None:
    batches = vifex.stream("media", model=model, fps=2, layers=["embedding"], normalize=True)
    assert_type(batches, Generator[vifex.StreamBatch, None, None])
    for batch in batches:
        assert_type(batch.names, tuple[str, ...])
        assert_type(batch.t_s, npt.NDArray[np.float64])
        assert_type(batch.features["embedding"], npt.NDArray[Any])
    batches.close()


def stores(model: vifex.LoadedModel) -> None:
    with vifex.open("lib.vifex", view="main", model=model) as store:
        assert_type(store, vifex.Store)
        assert_type(store["main"], vifex.View)
        assert_type(store.main, vifex.View)
        assert_type(list(store), list[str])
        assert_type(len(store.main), int)
        reading(store)
        reading(store.main)
        for name, view in store.items():
            assert_type(name, str)
            assert_type(view, vifex.View)


def reading(view: vifex.View | vifex.Store) -> None:
    assert_type(view.recipe, vifex.Recipe)
    assert_type(view.columns, list[str])
    assert_type(view.count_rows("t_s < 1"), int)
    assert_type(view.to_numpy("embedding", where="t_s < 1"), npt.NDArray[Any])
    table: Any = view.to_arrow(["name"], where="t_s < 1")
    frame: Any = view.to_pandas("name")
    tensor: Any = view.to_torch()
    ledger: Any = view.ledger(where="status = 'ok'", columns="name")
    print(table, frame, tensor, ledger)
    for batch in view.iter_batches(["key"], batch_rows=100):
        print(batch)
    item = view.item("a.mp4")
    assert_type(item, vifex.Item)
    assert_type(item.t_s, npt.NDArray[np.float64])
    assert_type(item.boxes, tuple[vifex.Box | None, ...])
    assert_type(view.missing(), list[str])
    assert_type(view.export("a.npz", to="npz"), int)
    check = view.verify()
    assert_type(check, vifex.ViewCheck)
    assert_type(check.problems, tuple[vifex.FileProblem, ...])
    assert_type(view.relabel({"a.jpg": {"label": "cat", "split": None}}), int)
    assert_type(view.delete(["a.jpg", Path("b.jpg")]), int)


def searching(view: vifex.View | vifex.Store, image: Image.Image, vector: Vectors) -> None:
    for query in ("a.jpg", Path("a.jpg"), "clip.mp4@2", "row:ab:0", "text:a cat", image, vector, [0.5, 0.25]):
        assert_type(view.search(query, 3), list[vifex.Hit])
    found = view.search(["a.jpg", image, vector], k=3, column="embedding", metric="dot", existing=True)
    assert_type(found, list[list[vifex.Hit]])
    view.contact_sheet("hits.html", found[0], query=image, overwrite=True)


def layers_and_stores(view: vifex.View, image: Image.Image) -> None:
    table = vifex.compare_layers("lib.vifex", labels={"a.jpg": "cat"}, views=["main"], by="knn")
    assert_type(table, vifex.LayerComparison)
    assert_type(table.best, vifex.ComparedLayer)
    assert_type(table.cka, npt.NDArray[np.float64])
    advice = vifex.advise("media", models=["default", Path("net.onnx")], labels="folder")
    assert_type(advice, vifex.Advice)
    vifex.extract("media", "lib.vifex", **advice.choices)
    found = vifex.diff(view, Path("lib.vifex"), tolerance=1e-4)
    assert_type(found.views[0], vifex.ViewDifference)
    assert_type(found.views[0].columns, tuple[vifex.ColumnDifference, ...])
    bridge = vifex.bridge(view, "lib.vifex", "map.npz", method="ridge")
    assert_type(bridge, vifex.Bridge)
    assert_type(bridge.recall.at[1].low, float)
    assert_type(view.search(image, 3, bridge=bridge), list[vifex.Hit])
    assert_type(view.search([image], bridge=Path("map.npz")), list[list[vifex.Hit]])


def errors() -> None:
    kinds = (vifex.InputError, vifex.MediaError, vifex.ModelError, vifex.StoreError, vifex.EngineError)
    try:
        vifex.open("lib.vifex")["main"]
    except kinds as error:
        assert_type(error.what, str)
    except vifex.UnknownViewError as error:
        assert_type(error.todo, str | None)


def maintaining(path: Path) -> None:
    assert_type(vifex.views(path), tuple[vifex.StoredView, ...])
    assert_type(vifex.remove_view(path, "old", force=True, dry_run=True), vifex.RemovedView)
    vifex.rename_view("lib.vifex", "old", "new")
    merged = vifex.merge("lib.vifex", path, "more.vifex", output=path, copies=True, dry_run=True)
    assert_type(merged, vifex.Merged)
    assert_type(merged.views[0].conflicts, tuple[vifex.MergeConflict, ...])
    assert_type(vifex.compact(path, view="main").views, tuple[vifex.CompactedView, ...])
    assert_type(vifex.tag(path, "today"), vifex.StoreTag)
    assert_type(vifex.tags(path)[0].views, tuple[vifex.TaggedView, ...])
    assert_type(vifex.open(path, at="today"), vifex.Store)
    assert_type(vifex.history(path, at="today"), tuple[vifex.StoreRun, ...])
    vifex.remove_tag(path, "today")
