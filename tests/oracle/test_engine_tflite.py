"""A published network on real photographs: MobileNetV2 must name what is to be seen on them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vifex.engines import load_engine
from vifex.models import card_path, draft_card, load_model
from vifex.values import Model

FILE = "mobilenet_v2_1.0_224_ptq.tflite"


@pytest.fixture
def mobilenet(shared_models: Path, tmp_path: Path) -> Model:
    graph = tmp_path / FILE
    shutil.copyfile(shared_models / FILE, graph)
    card_path(graph).write_text(draft_card(graph))
    return load_model(graph)


def photographs() -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    images = [Image.fromarray(getattr(data, name)()) for name in ("chelsea", "coffee")]
    return np.stack([np.asarray(p.resize((224, 224), Image.Resampling.BILINEAR)) for p in images])


@pytest.mark.shared
def test_a_cat_and_a_coffee_are_named(mobilenet: Model, shared_models: Path) -> None:
    labels = (shared_models / "imagenet_labels.txt").read_text().splitlines()
    engine = load_engine()
    layers = engine.resolve_layers(mobilenet, [])
    assert (layers[0].kind, layers[0].shape) == ("vector", (1001,))
    with engine.compile(mobilenet, layers, precision="fp32", batch=2) as network:
        scores = network.submit(photographs()).result()[layers[0].name]
    best = [[labels[i].split(",")[0] for i in row.argsort()[::-1][:3]] for row in scores]
    assert {"Egyptian cat", "tabby"} & set(best[0])
    assert {"espresso", "cup"} & set(best[1])
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=0.02)  # a softmax of 8 bits


@pytest.mark.shared
def test_its_pooled_features_share_a_batch_and_keep_their_names(mobilenet: Model) -> None:
    engine = load_engine()
    names = [t.name for t in engine.layers(mobilenet)]
    assert names == [t.name for t in type(engine)().layers(mobilenet)], "another reading gives the same names"
    counts = Counter(n.partition(".")[0] for n in names)
    # MobileNetV2 has 17 blocks: 17 depthwise and 36 other convolutions with their biases, 10 residual sums.
    assert (counts["GroupConvolution"], counts["Convolution"], counts["Add"]) == (17, 36, 10)
    assert len(set(names)) == len(names)
    (pooled,) = engine.resolve_layers(mobilenet, ["ReduceMean.0"])
    assert (pooled.kind, pooled.shape) == ("map", (1280, 1, 1))
    pixels = photographs()
    with (
        engine.compile(mobilenet, [pooled], precision="fp32", batch=2) as pair,
        engine.compile(mobilenet, [pooled], precision="fp32", batch=1) as single,
    ):
        assert pair._step == 2, "the reshape that holds a batch of one is cut off"
        together = pair.submit(pixels).result()[pooled.name]
        for i in range(2):
            alone = single.submit(pixels[i : i + 1]).result()[pooled.name]
            np.testing.assert_array_equal(together[i], alone[0])
