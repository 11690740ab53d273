"""Examples from folders, manifests and Parquet files, and how they are split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vifex.training.config import Config, with_settings
from vifex.training.data.order import Order, step_seed
from vifex.training.data.splits import read_splits, split_rows
from vifex.values import InputError


def write_images(folder: Path, per_class: int, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            shade = 60 * number + i
            Image.new("RGB", (12, 10), (shade, shade, 255 - shade)).save(folder / name / f"{i}.png")
    return folder


def data(*settings: str) -> Any:
    return with_settings(Config(), settings).data


def test_a_folder_by_class(tmp_path: Path) -> None:
    splits = read_splits(data(f"data.train={write_images(tmp_path / 'a', 10)}", "data.val_share=0.2"))
    assert splits["train"].classes == ("cat", "dog")
    assert np.bincount(splits["train"].labels).tolist() == [8, 8]
    assert np.bincount(splits["val"].labels).tolist() == [2, 2]


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no sub-folders"):
        read_splits(data(f"data.train={tmp_path}"))


def write_manifest(folder: Path, rows: list[tuple[str, ...]], head: str) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([head, *(",".join(row) for row in rows)]))
    return path


def test_groups_stay_whole(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 12)
    rows = [(f"a/{c}/{i}.png", c, f"source{i // 3}") for c in ("cat", "dog") for i in range(12)]
    path = write_manifest(tmp_path, rows, "uri,label,source")
    splits = read_splits(data(f"data.train={path}", "data.group=source", "data.val_share=0.3"))
    groups = {name: set(examples.column("group")) for name, examples in splits.items()}
    assert not groups["train"] & groups["val"]
    assert groups["train"] | groups["val"] == {f"source{i}" for i in range(4)}


def test_a_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 2)
    rows = [(f"a/{c}/{i}.png", c, "s1", "train" if i else "val") for c in ("cat", "dog") for i in range(2)]
    path = write_manifest(tmp_path, rows, "uri,label,source,split")
    assert len(read_splits(data(f"data.train={path}"))["val"]) == 2
    with pytest.raises(InputError, match="1 group is in both train and val: s1"):
        read_splits(data(f"data.train={path}", "data.group=source"))


def test_a_medium_in_two_splits_is_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "a", 2)
    with pytest.raises(InputError, match="are in both train and val"):
        read_splits(data(f"data.train={folder}", f"data.val={folder}"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.group=sorce"], "no column 'sorce'. Did you mean source"),
        (["data.train=[]"], "no training examples"),
    ],
)
def test_wrong_settings(settings: list[str], message: str, tmp_path: Path) -> None:
    write_images(tmp_path / "a", 2)
    path = write_manifest(tmp_path, [("a/cat/0.png", "cat", "s")], "uri,label,source")
    with pytest.raises(InputError, match=message):
        read_splits(data(f"data.train={path}", *settings))


def test_a_label_that_training_does_not_have(tmp_path: Path) -> None:
    one, other = write_images(tmp_path / "a", 2), write_images(tmp_path / "b", 2, ("cat", "dgo"))
    with pytest.raises(InputError, match=r"1 of its labels do not occur .*: dgo. Did you mean dog"):
        read_splits(data(f"data.train={one}", f"data.val={other}"))


def test_parquet_with_names_of_classes(tmp_path: Path) -> None:
    schema = pa.schema(
        [("image", pa.binary()), ("label", pa.int16())], metadata={"classes": json.dumps(["cat", "dog"])}
    )
    table = pa.table({"image": [b"x"] * 8, "label": [0, 1] * 4}, schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    splits = read_splits(data(f"data.train={tmp_path / 'a.parquet'}", "data.val_share=0.25"))
    assert splits["train"].classes == ("cat", "dog")
    assert splits["train"].labels.tolist().count(1) == 3
    with pytest.raises(InputError, match=r"no column 'lable'. Did you mean label"):
        read_splits(data(f"data.train={tmp_path / 'a.parquet'}", "data.label=lable"))


def test_a_split_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    found = read_splits(data(f"data.train={write_images(tmp_path / 'a', 20)}"))["train"]
    one, two, other = (split_rows(found, 0.3, seed=s)[1].tolist() for s in (1, 1, 2))
    assert one == two != other


def test_an_epoch_has_each_example_once_and_depends_on_seed_and_epoch() -> None:
    order = Order(100, 10, 7)
    rows = [np.concatenate([order.rows(epoch, step) for step in range(order.steps)]) for epoch in range(2)]
    assert sorted(rows[0]) == list(range(100))
    assert rows[0].tolist() != rows[1].tolist()
    assert Order(100, 10, 7).rows(1, 4).tolist() == rows[1][40:50].tolist()
    assert Order(100, 10, 8).rows(1, 4).tolist() != rows[1][40:50].tolist()


def test_weights_decide_how_often_an_example_is_drawn() -> None:
    weights = np.where(np.arange(1000) < 100, 9.0, 1.0)
    order = Order(1000, 1000, 0, weights)
    drawn = np.concatenate([order.rows(epoch, 0) for epoch in range(20)])
    assert 0.48 < (drawn < 100).mean() < 0.52


def test_the_seeds_of_steps_differ() -> None:
    seeds = {step_seed(s, e, i, k) for s in range(3) for e in range(3) for i in range(3) for k in range(2)}
    assert len(seeds) == 54
