"""Bad input gets one clear sentence, the right exit status, and nothing else stops."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vifex


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "media" / "one.png"
    path.parent.mkdir()
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(ramp, (48, 1))] * 3, axis=-1)).save(path)
    return path


def told(done: Any) -> str:
    """The one sentence on standard error; a traceback is a bug."""
    assert "Traceback" not in done.stderr, done.stderr
    return str(done.stderr).strip()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["extract", "missing-folder", "-o", "s.vifex"], 4, "missing-folder"),
        (["extract", "empty", "-o", "s.vifex"], 4, "empty"),
        (["extract", "media", "-o", "s.vifex", "--layers", "stages.7"], 4, "Did you mean"),
        (["extract", "media", "-o", "s.vifex", "--model", "no-such-model"], 4, "no-such-model"),
        (["extract", "media", "-o", "s.vifex", "--pool", "avrage"], 4, "avg"),
        (["extract", "media", "-o", "s.vifex", "--fps", "1", "--every", "2"], 4, "given together"),
        (["extract", "media", "-o", "media/one.png"], 4, "one.png"),
        (["extract", "media"], 2, "--output"),
        (["extract", "media", "-o", "s.vifex", "--fsp", "1"], 2, "--fsp"),
        (["extract", "-o", "s.vifex"], 4, "nothing to extract from"),
        (["show", "absent.vifex"], 4, "absent.vifex"),
        (["show", "media"], 4, "media"),
        (["search", "absent.vifex", "media/one.png"], 4, "absent.vifex"),
        (["layers", "absent.onnx"], 4, "absent.onnx"),
        (["bogus"], 2, "bogus"),
    ],
)
def test_one_sentence_and_an_exit_status(
    words: list[str], status: int, sentence: str, image: Path, vifex_command: Any
) -> None:
    root = image.parents[1]
    (root / "empty").mkdir()
    done = vifex_command(*words, cwd=root)
    assert done.returncode == status, done.stderr
    assert sentence in told(done)
    assert not (root / "s.vifex").exists()


def test_a_missing_path_among_others_fails_alone(image: Path, vifex_command: Any) -> None:
    store = image.parents[1] / "s.vifex"
    done = vifex_command("extract", "gone.jpg", image, "-o", store, "--json", cwd=image.parents[1])
    assert done.returncode == 3
    report = json.loads(done.stdout)
    assert (report["ok"], report["failed"]) == (1, 1)
    assert report["problems"][0]["name"] == "gone.jpg"


def test_a_store_of_another_recipe_is_refused_with_the_difference(image: Path, vifex_command: Any) -> None:
    store = image.parents[1] / "s.vifex"
    assert vifex_command("extract", image, "-o", store).returncode == 0
    done = vifex_command("extract", image, "-o", store, "--fps", "3")
    assert done.returncode == 4
    assert "sampling.fps" in told(done)
    assert "--view" in told(done)
    assert vifex_command("extract", image, "-o", store, "--fps", "3", "--view", "dense").returncode == 0
    with vifex.open(store) as opened:
        assert list(opened) == ["dense", "main"]


def test_files_that_are_no_media(tmp_path: Path, vifex_command: Any) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "zero.jpg").touch()
    (media / "text.mp4").write_text("this is no film\n" * 40)
    (media / "notes.txt").write_text("not a medium by its name")
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(media / "fine.png")
    done = vifex_command("extract", media, "-o", tmp_path / "s.vifex", "--json")
    assert done.returncode == 3
    problems = {p["name"]: p for p in json.loads(done.stdout)["problems"]}
    assert {n: p["status"] for n, p in problems.items()} == {
        "zero.jpg": "failed",
        "text.mp4": "failed",
        "notes.txt": "skipped",
    }
    assert "empty" in problems["zero.jpg"]["reason"]


def test_a_changed_file_is_made_anew(image: Path) -> None:
    store = image.parents[1] / "s.vifex"
    vifex.extract(image, store, precision="fp32")
    with vifex.open(store) as opened:
        before = opened.to_numpy()
    Image.fromarray(np.full((48, 64, 3), 30, np.uint8)).save(image)
    report = vifex.extract(image, store, precision="fp32")
    assert (report.ok, report.already_done) == (1, 0)
    with vifex.open(store) as opened:
        assert len(opened.main) == 1
        assert not np.array_equal(opened.to_numpy(), before)
        assert opened.ledger().num_rows == 1


def test_failed_media_are_tried_again_when_asked(tmp_path: Path, image: Path) -> None:
    broken = image.parent / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no more than a start")
    store = tmp_path / "s.vifex"
    assert vifex.extract(image.parent, store).failed == 1
    again = vifex.extract(image.parent, store)
    assert (again.already_done, again.already_failed, again.exit_status) == (2, 1, 3)
    tried = vifex.extract(image.parent, store, retry_failed=True)
    assert (tried.already_done, tried.failed) == (1, 1)


def test_names_with_anything_in_them(image: Path, vifex_command: Any) -> None:
    folder = image.parent
    names = [
        b"-dash.png",
        b"new\nline.png",
        b"\xff\xfe.png",
        "照片.png".encode(),
        b"%20 #?&.png",
        b"\x1b[31m.png",
    ]
    for name in names:
        shutil.copy(image, bytes(folder) + b"/" + name)
    store = folder.parent / "s.vifex"
    done = vifex_command("extract", folder, "-o", store)
    assert done.returncode == 0, done.stderr
    shown = vifex_command("search", store, image, "-k", 10)
    assert shown.returncode == 0
    assert "\x1b[31m" not in shown.stdout
    with vifex.open(store) as opened:
        assert len(opened.main) == len(names) + 1


def test_a_list_on_standard_input(image: Path, vifex_command: Any) -> None:
    store = image.parents[1] / "s.vifex"
    done = vifex_command("extract", "-", "-o", store, "--json", input=f"{image}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == 1


def test_fields_of_a_manifest_that_are_not_read_are_named(image: Path, vifex_command: Any) -> None:
    root = image.parents[1]
    head = "uri,pts,score,x0,y0,x1,y1\n"
    (root / "boxes.csv").write_text(f"{head}media/one.png,3,0.5,1,1,30,30\nmedia/one.png,4,0.6,2,2,40,40\n")
    done = vifex_command("extract", "boxes.csv", "-o", "s.vifex", "--json", cwd=root)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] == 2
    (notice,) = report["notices"]
    assert "the fields pts, score are kept as extra columns." in notice
    assert "every box is taken on every sampled frame" in notice
    assert f"vifex: {notice}" in told(done)
    with pytest.warns(UserWarning, match="the fields pts, score are kept as extra columns"):
        vifex.extract(root / "boxes.csv", root / "t.vifex")


def network_with_output(root: Path, output: str) -> None:
    """Write `net.onnx`, the mean of each channel under this name, with its card."""
    onnx = pytest.importorskip("onnx")
    shapes = {"x": [1, 3, 32, 32], output: [1, 3]}
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in shapes.items()]
    node = onnx.helper.make_node("ReduceMean", ["x"], [output], axes=[2, 3], keepdims=0)
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9),
        root / "net.onnx",
    )
    (root / "net.vifex.toml").write_text('name = "net-1"\nheight_px = 32\nwidth_px = 32\n')


@pytest.mark.parametrize("output", ["label", "Name", "key", "x0", "_rowid", "t.s", "features"])
def test_an_output_called_like_a_column_is_a_row(image: Path, output: str) -> None:
    root = image.parents[1]
    network_with_output(root, output)
    assert vifex.extract(root / "media", root / "s.vifex", model=root / "net.onnx").rows == 1
    column = output.replace(".", "_") + "_" * (output != "features")
    with vifex.open(root / "s.vifex") as store:
        assert store.columns == [column]
        (row,) = store.to_numpy()
        assert row.shape == (3,)
        for given in (column, output):
            (hit,) = store.search(row, column=given)
            assert hit.score == pytest.approx(1.0, abs=1e-3)
        assert store.to_arrow(where="label IS NULL").num_rows == 1


def test_the_commands_take_such_an_output_by_either_name(image: Path, vifex_command: Any) -> None:
    root = image.parents[1]
    network_with_output(root, "t.s")
    done = vifex_command("extract", "media", "-o", "s.vifex", "-m", "net.onnx", "--json", cwd=root)
    assert json.loads(done.stdout)["rows"] == 1, done.stderr
    for given in ("t_s_", "t.s"):
        words = ["search", "s.vifex", "media/one.png", "-m", "net.onnx", "--column", given, "--json"]
        found = vifex_command(*words, cwd=root)
        assert found.returncode == 0, found.stderr
        assert json.loads(found.stdout)["hits"][0]["score"] == pytest.approx(1.0, abs=1e-3)
    done = vifex_command("export", "s.vifex", "-o", "x.npz", "--column", "t.s", cwd=root)
    assert done.returncode == 0, done.stderr
