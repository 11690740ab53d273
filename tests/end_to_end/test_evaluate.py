"""`vifex evaluate` on files of every kind, checked against what each image's colour says."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn import metrics

import vifex
from vifex.cli import main
from vifex.values import InputError

pytest.importorskip("onnx")
from colour_network import write_colour_network

COLOURS = {"red": (200, 40, 30), "green": (20, 190, 60), "blue": (10, 60, 220)}


def png(colour: tuple[int, int, int], seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    noise = rng.integers(-9, 9, (20, 20, 3))
    data = io.BytesIO()
    Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def run(*words: object) -> object:
    """Run the command in this process and return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images in folders by class, of which one is in a wrong folder and one is broken."""
    folder = tmp_path_factory.mktemp("evaluate") / "data"
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for i in range(4):
            (folder / label / f"{i}.png").write_bytes(png(colour, i))
    (folder / "red" / "3.png").write_bytes(png(COLOURS["blue"], 3))
    (folder / "green" / "3.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_network(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def classes(network: Path) -> Path:
    path = network.parent / "classes.txt"
    path.write_text("red\ngreen\nblue\n")
    return path


def test_a_folder_by_class(
    data: Path, network: Path, classes: Path, tmp_path: Path, vifex_command: Any
) -> None:
    out = tmp_path / "out"
    done = vifex_command("evaluate", network, data, "--classes", classes, "-o", out, "--json")
    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)
    assert found["accuracy"] == pytest.approx(10 / 11)
    assert [one["name"] for one in found["failed"]] == ["green/3.png"]
    assert found["failed"][0]["reason"] in done.stderr
    assert found["confusion"] == [[3, 0, 1], [0, 3, 0], [0, 0, 4]]
    assert found["protocol"] == "one view of each medium, fp32"
    assert json.loads((out / "figures.json").read_text())["accuracy"] == found["accuracy"]
    report = (out / "report.html").read_text()
    assert report.count("data:image/jpeg") == 1  # the one error, as an image
    assert "red/3.png" in report


def test_the_figures_are_those_of_scikit_learn_on_the_exported_predictions(
    data: Path, network: Path, tmp_path: Path
) -> None:
    found = vifex.evaluate(
        network, data, classes=list(COLOURS), output=tmp_path, workers=1, on_outcome=lambda outcome: None
    )
    table = pq.read_table(tmp_path / "predictions.parquet")
    labels, predicted = table["label"].to_pylist(), table["predicted"].to_pylist()
    probable = np.array(table["probabilities"].to_pylist())
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["accuracy"] == metrics.accuracy_score(labels, predicted)
    assert figures["balanced_accuracy"] == metrics.balanced_accuracy_score(labels, predicted)
    for average in ("macro", "micro", "weighted"):
        assert figures[average]["f1"] == metrics.f1_score(labels, predicted, average=average)
    order = json.loads(table.schema.metadata[b"classes"])
    truth = [order.index(label) for label in labels]
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(truth, probable), abs=1e-12)
    auc = metrics.roc_auc_score(truth, probable, multi_class="ovr")
    assert figures["roc_auc"]["macro"] == pytest.approx(auc, abs=1e-12)
    assert found.exit_status == 3


def test_a_manifest_has_groups_and_spans(network: Path, tmp_path: Path, data: Path) -> None:
    with av.open(str(tmp_path / "clip.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=4)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for i in range(16):
            colour = COLOURS["red"] if i < 8 else COLOURS["blue"]
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), colour, np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    lines = [
        "uri,label,t_start_s,t_end_s,site",
        f"{data}/red/0.png,red,,,north",
        f"{data}/blue/0.png,blue,,,south",
        "clip.mp4,red,0,2,south",
        "clip.mp4,blue,2,4,north",
        f"{data}/green/0.png,,,,north",
    ]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    notices: list[str] = []
    found = vifex.evaluate(
        network,
        tmp_path / "m.csv",
        classes=list(COLOURS),
        group="site",
        fps=4,
        workers=1,
        on_notice=notices.append,
    )
    assert not notices
    assert found.classification.accuracy == 1.0
    assert sorted(found.predictions.names)[-2:] == ["clip.mp4@0-2", "clip.mp4@2-4"]
    assert [(one.value, one.n_rows) for one in found.groups["site"]] == [("north", 2), ("south", 2)]
    assert found.protocol == "mean of the probabilities of 1 to 8 views of each medium, fp32"
    assert found.notes[0] == "1 media have no label and were left out."


def test_a_parquet_file_of_images(network: Path, tmp_path: Path) -> None:
    images = [png(colour, i) for i in range(3) for colour in COLOURS.values()]
    images[4] = b""
    images[5] = b"no image"
    labels = pa.array([0, 1, 2] * 3, pa.int16())
    table = pa.table({"name": [f"n{i}" for i in range(9)], "image": images, "label": labels})
    table = table.replace_schema_metadata({"classes": json.dumps(list(COLOURS))})
    pq.write_table(table, tmp_path / "d.parquet")
    found = vifex.evaluate(
        network, tmp_path / "d.parquet", output=tmp_path / "out", workers=1, on_outcome=lambda outcome: None
    )
    assert found.predictions.names == tuple(f"n{i}" for i in (0, 1, 2, 3, 6, 7, 8))
    assert found.predictions.classes == tuple(COLOURS)
    assert found.classification.accuracy == 1.0
    assert [name for name, _ in found.failed] == ["n4", "n5"]


def test_numbers_of_classes_are_the_files_own(network: Path, tmp_path: Path) -> None:
    """The file counts its classes in another order than the scores of the model."""
    images = [png(colour, i) for i in range(2) for colour in COLOURS.values()]
    table = pa.table({"image": images, "label": [2, 1, 0] * 2})
    table = table.replace_schema_metadata({"classes": json.dumps(["blue", "green", "red"])})
    pq.write_table(table, tmp_path / "d.parquet")
    found = vifex.evaluate(network, tmp_path / "d.parquet", classes=list(COLOURS), workers=1)
    assert found.predictions.classes == tuple(COLOURS)
    assert found.classification.accuracy == 1.0


def test_two_models_are_compared(
    network: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"classes": list(COLOURS), "workers": 1, "on_outcome": lambda outcome: None}
    vifex.evaluate(network, data, output=tmp_path / "one", **options)
    found = vifex.evaluate(network, data, compare=network, resamples=10, **options)
    assert found.comparison is not None
    assert found.comparison.mcnemar.both_right == 10
    assert found.comparison.differences["accuracy"].interval.high == 0
    table = tmp_path / "one" / "predictions.parquet"
    words = ["evaluate", "--predictions", table, "--compare", tmp_path / "one", "-o", tmp_path / "two"]
    assert run(*words) == 0
    assert "McNemar" in capsys.readouterr().out
    assert run(*words) == 4
    said = capsys.readouterr().err
    assert "the file exists already" in said
    assert "--overwrite" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give a model and data, or a file of predictions"),
        (["model.onnx"], "Give a model and data"),
        (["model.onnx", "data", "--predictions", "p.csv"], "or too much"),
        (["--predictions", "gone.csv"], "gone.csv: there is no such file"),
    ],
)
def test_a_wrong_call_is_a_sentence(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("evaluate", *words) == 4
    assert sentence in capsys.readouterr().err


def test_what_does_not_fit_is_a_sentence(network: Path, data: Path, tmp_path: Path) -> None:
    def evaluate(**options: Any) -> vifex.Evaluation:
        return vifex.evaluate(network, data, workers=1, on_outcome=lambda outcome: None, **options)

    with pytest.raises(InputError, match=r"'blue' of 'blue/0.png' is no class.*Known: red, green, bleu"):
        evaluate(classes=["red", "green", "bleu"])
    with pytest.raises(InputError, match="3 columns and there are 2 classes"):
        evaluate(classes=["red", "green"])
    with pytest.raises(InputError, match="scores are one vector"):
        evaluate(classes=list(COLOURS), layer="mean")
    with pytest.raises(InputError, match="no column 'sight'"):
        evaluate(classes=list(COLOURS), group="sight")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "a.png").write_bytes(png(COLOURS["red"], 0))
    with pytest.raises(InputError, match="no medium has a label"):
        vifex.evaluate(network, tmp_path / "loose", workers=1)
    with pytest.raises(vifex.ModelError, match=r"does not say which of its layers is 'logits'"):
        vifex.evaluate("default", data, workers=1)
    pq.write_table(pa.table({"picture": [b""], "label": [0]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="no column image"):
        vifex.evaluate(network, tmp_path / "p.parquet")


def test_an_embedding_is_evaluated(
    network: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mean colours are the embedding. The misplaced image and its blue twin are each other's nearest."""
    assert run("evaluate", network, data, "--retrieval", "--layer", "logits", "--json", "--workers", "1") == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["n_queries"], found["n_references"], found["layer"]) == (11, 10, "logits")
    assert found["recall_at"]["1"] == pytest.approx(9 / 11)
    assert [one["name"] for one in found["failed"]] == ["green/3.png"]
    assert run("evaluate", "--retrieval") == 4
    assert "retrieval needs a model and data" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_rows_of_a_medium_that_failed_late_do_not_count(network: Path, data: Path) -> None:
    from vifex.api.evaluation.labelled import labelled_media
    from vifex.api.evaluation.rows import MediaRows, layer_plan
    from vifex.values import Outcome

    source = labelled_media(data / "blue")
    run = MediaRows(source, layer_plan(network, {"layers": ["logits"]}, None), None)
    run.collect(1, lambda notice: None)
    assert len(run.rows()[0]) == 4
    medium = next(one for one in run.media.values() if one.name == "2.png")
    run._settled(Outcome(medium, "failed", "It ended early."))
    values, rows = run.rows()
    assert len(values) == len(rows) == 3
    assert medium.medium_id not in {medium_id for medium_id, _ in rows}
