"""int8 by NNCF through the real command: learned once from the media, kept, resumed, searched, judged."""

from __future__ import annotations

import json
import os
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import vifex
from vifex.engines.int8.int8 import graph_sha256

pytest.importorskip("nncf", reason="the extra int8 is not installed")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty images, one that is none, and a video."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(0)
    for i in range(20):
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        small.resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{i:02d}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    with av.open(str(folder / "clip.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=10, width=64, height=64)
        stream.pix_fmt = "bgr0"
        for i in range(30):
            pixels = np.roll(np.asarray(small.resize((64, 64))), 2 * i, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return folder


LAYERS = ["stages.1", "embedding"]


@pytest.fixture(scope="module")
def store(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "a.vifex"
    notices: list[str] = []
    vifex.extract(media, path, layers=LAYERS, precision="int8", on_notice=notices.append)
    # The video gives what the images leave over.
    assert all("int8" not in notice for notice in notices), notices
    return path


def by_key(view: vifex.Store, column: str) -> np.ndarray:
    """Vectors `[N, D]` in an order that does not depend on which medium was finished first."""
    order = np.argsort(view.to_arrow(["key"]).column(0).to_pylist())
    vectors = view.to_numpy(column)
    return np.asarray(vectors.reshape(len(vectors), -1)[order])


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def test_a_view_keeps_its_graph_and_names_it(store: Path) -> None:
    with vifex.open(store) as view:
        recipe = view.recipe
        facts = json.loads(view._meant()._stored.runs()[1])
    assert recipe.precision in ("int8+bf16", "int8+fp32")
    assert recipe.graph_sha256 == graph_sha256(store / "views" / "main" / "int8.xml")
    assert facts["engines"]["main"]["int8"]["media"] == 21
    assert facts["engines"]["main"]["int8"]["samples"] > 40


def test_features_are_near_to_fp32_and_not_rounded_themselves(
    store: Path, media: Path, tmp_path: Path
) -> None:
    vifex.extract(media, tmp_path / "f.vifex", layers=LAYERS, precision="fp32")
    with vifex.open(store) as int8, vifex.open(tmp_path / "f.vifex") as fp32:
        for layer in LAYERS:
            near = cosines(by_key(int8, layer), by_key(fp32, layer))
            assert near.min() > 0.95
            assert near.min() < 1 - 1e-6, "it is quantised"


def test_maps_inside_are_read_before_a_quantiser(media: Path, tmp_path: Path) -> None:
    """What a quantiser of 8 bits gave would have at most 256 different numbers."""
    images = sorted(media.glob("0*.png"))
    vifex.extract(
        images, tmp_path / "m.vifex", layers=["stages.1"], pool="flatten", precision="int8", on_notice=print
    )
    with vifex.open(tmp_path / "m.vifex") as view:
        assert len(np.unique(view.to_numpy()[0])) > 1000


def test_the_same_command_resumes_with_the_same_graph(store: Path, media: Path, tmp_path: Path) -> None:
    graph = store / "views" / "main" / "int8.xml"
    before = graph.stat().st_mtime_ns, graph.stat().st_ino, graph_sha256(graph)
    Image.new("RGB", (50, 50), (200, 30, 30)).save(tmp_path / "new.png")
    report = vifex.extract([media, tmp_path / "new.png"], store, layers=LAYERS, precision="int8")
    assert (report.ok, report.already_done) == (1, 22)
    assert before == (graph.stat().st_mtime_ns, graph.stat().st_ino, graph_sha256(graph))


def test_a_resume_and_a_query_need_no_nncf(store: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vifex.engines.int8.int8.has_nncf", lambda: False)
    assert vifex.extract(media, store, layers=LAYERS, precision="int8").rows == 0
    with vifex.open(store) as view:
        (hit,) = view.search(media / "07.png", k=1, column="embedding")
        assert hit.name == "07.png"
        assert hit.score > 0.9999, "the query ran through the view's own graph"
    with pytest.raises(vifex.MissingExtraError, match="int8 needs nncf"):
        vifex.extract(media, store, view="other", layers=LAYERS, precision="int8")


def test_another_precision_is_another_recipe(store: Path, media: Path) -> None:
    with pytest.raises(vifex.StoreError, match='precision: "int8'):
        vifex.extract(media, store, layers=LAYERS, precision="fp32")


def test_a_damaged_graph_is_refused(store: Path, media: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy.vifex"
    shutil.copytree(store, copy)
    weights = copy / "views" / "main" / "int8.bin"
    raw = bytearray(weights.read_bytes())
    raw[len(raw) // 2] ^= 0x80
    weights.write_bytes(raw)
    with pytest.raises(vifex.EngineError, match=r"int8\.xml: the quantised graph is damaged"):
        vifex.extract(media, copy, layers=LAYERS, precision="int8")
    with vifex.open(copy) as view:
        assert len(view.to_numpy("embedding")) > 0, "rows are read without it"
        with pytest.raises(vifex.EngineError, match="damaged"):
            view.search(media / "07.png", column="embedding")


def test_a_list_on_standard_input_is_learned_from_and_read(
    media: Path, tmp_path: Path, vifex_command: Any
) -> None:
    """A pipe can be read once only. Nothing but the report is printed, and nothing is left at home."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL")}
    names = "\n".join(str(p) for p in sorted(media.glob("0*.png")))
    done = vifex_command(
        "extract",
        *("-", "-o", tmp_path / "s.vifex", "--precision", "int8", "--json"),
        input=names,
        env={**kept, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == 10
    assert "only 10 samples of the media" in done.stderr
    assert list(home.iterdir()) == [], "telemetry leaves its files at home"


def test_clips_of_a_network_for_images_and_crops_work(media: Path, tmp_path: Path) -> None:
    clips = {"clip": "4x1", "precision": "int8"}
    grid = {"grid": "2x2", "precision": "int8", "layers": ["stages.1"], "regions": "roi_align"}
    report = vifex.extract(
        sorted(media.glob("c*.mkv")), tmp_path / "v.vifex", views={"c": clips, "g": grid}, on_notice=print
    )
    assert report.ok == 1
    with vifex.open(tmp_path / "v.vifex", view="c") as view:
        assert (view.count_rows(), view.recipe.time_pooling) == (7, "mean")
    with vifex.open(tmp_path / "v.vifex", view="g") as view:
        assert view.count_rows() == 12


def test_a_network_that_stays_in_torch_is_refused(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIFEX_ENGINE", "torch")
    with pytest.raises(vifex.EngineError, match=r"runs in torch \(VIFEX_ENGINE asks for it\)"):
        vifex.extract(
            media, tmp_path / "t.vifex", model="timm/resnet10t", weights="random:0", precision="int8"
        )
    assert not (tmp_path / "t.vifex").exists()


def test_a_network_that_is_quantised_already_is_refused(
    media: Path, tmp_path: Path, shared_models: Path
) -> None:
    """The oracle is its publisher: it was quantised after training."""
    model = shared_models / "mobilenet_v2_1.0_224_ptq.tflite"
    card = tmp_path / "card.toml"
    card.write_text('name = "m"\nheight_px = 224\nwidth_px = 224\nlayout = "NHWC"\nscale = 1.0\n')
    with pytest.raises(vifex.ModelError, match="is quantised already"):
        vifex.extract(
            media, tmp_path / "q.vifex", model=str(model), card=card, precision="int8", on_notice=print
        )


def test_a_transformer_is_quantised_and_stays_near(media: Path, tmp_path: Path) -> None:
    """Its attention is seen in the graph, and NNCF is told; its layers are unpacked, its stream narrowed."""
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    torch.manual_seed(0)
    net = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=2, num_classes=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks on its own age
        torch.onnx.export(
            *(net.eval(), (torch.zeros(1, 3, 32, 32),), tmp_path / "vit.onnx"),
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            dynamo=False,
        )
    card = 'name = "vit"\nheight_px = 32\nwidth_px = 32\ndefault_layers = ["y"]\n'
    (tmp_path / "vit.vifex.toml").write_text(card)
    for precision in ("int8", "fp32"):
        store = tmp_path / f"{precision}.vifex"
        vifex.extract(media, store, model=str(tmp_path / "vit.onnx"), precision=precision, on_notice=print)
    with vifex.open(tmp_path / "int8.vifex") as int8, vifex.open(tmp_path / "fp32.vifex") as fp32:
        near = cosines(by_key(int8, "y"), by_key(fp32, "y"))
        assert 0.97 < near.min() < 1 - 1e-6
    said = (tmp_path / "int8.vifex" / "views" / "main" / "int8.xml").read_text()
    assert '<model_type value="transformer" />' in said
    assert all(f'name="/blocks/blocks.1/attn/qkv/MatMul/{n}"' in said for n in range(3))
    assert '<data element_type="f32" shape="48, 48"' in said  # the identity: all weights are int8
