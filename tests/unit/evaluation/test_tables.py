"""Predictions are read from the files that tools write, and written so that they are read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vifex.evaluation import make_predictions
from vifex.evaluation.tables import predictions_table, read_predictions
from vifex.values import InputError

SCORES = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = make_predictions(
        rng.standard_normal((40, 3)),
        rng.integers(0, 3, 40),
        classes=["1", "0", "a, b"],
        names=[f"x/{i}.jpg" for i in range(40)],
        groups={"site": [f"s{i % 3}" for i in range(40)]},
    )
    pq.write_table(predictions_table(made), tmp_path / "p.parquet")
    again, notes = read_predictions(tmp_path / "p.parquet")
    assert notes == ()
    assert np.array_equal(again.labels, made.labels)
    assert again.probabilities == pytest.approx(made.probabilities, abs=1e-15)
    assert (again.classes, again.names, again.groups) == (made.classes, made.names, made.groups)


def test_a_parquet_file_with_one_column_for_each_class(tmp_path: Path) -> None:
    table = {"path": ["a", "b"], "label": ["7", "5"], "logit_5": [1.0, 2.0], "logit_7": [3.0, -1.0]}
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    made, _ = read_predictions(tmp_path / "p.parquet")
    assert (made.classes, made.names, made.scores_were) == (("5", "7"), ("a", "b"), "logits")
    assert made.labels.tolist() == [1, 0]


@pytest.mark.parametrize(("suffix", "comma"), [(".csv", ","), (".tsv", "\t")])
def test_text_tables(tmp_path: Path, suffix: str, comma: str) -> None:
    lines = ["name,label,score_cat,score_dog,site", "a,dog,0.2,0.8,x", "b,cat,0.9,0.1,y"]
    (tmp_path / f"p{suffix}").write_text("\n".join(lines).replace(",", comma) + "\n")
    made, _ = read_predictions(tmp_path / f"p{suffix}")
    assert (made.classes, made.labels.tolist()) == (("cat", "dog"), [1, 0])
    assert made.groups == {"site": ("x", "y")}


def test_columns_that_are_named_as_the_classes(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("label,dog,cat\ndog,0.8,0.2\ncat,0.1,0.9\n")
    made, _ = read_predictions(tmp_path / "p.csv", classes=["cat", "dog"])
    assert made.probabilities.tolist() == [[0.2, 0.8], [0.9, 0.1]]
    assert made.labels.tolist() == [1, 0]
    assert not made.groups


def test_one_score_of_two_classes(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("label,score\n1,0.75\n0,0.25\n")
    made, _ = read_predictions(tmp_path / "p.csv")
    assert made.probabilities.tolist() == [[0.25, 0.75], [0.75, 0.25]]


def test_npz(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "p.npz", scores=np.array(SCORES), labels=[0, 2], classes=["a", "b", "c"], site=["x", "y"]
    )
    made, _ = read_predictions(tmp_path / "p.npz")
    assert (made.classes, made.labels.tolist()) == (("a", "b", "c"), [0, 2])
    assert made.groups == {"site": ("x", "y")}


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    table = pa.table({"label": pa.array([1, None, 0]), "scores": [[0.1, 0.9], [0.5, 0.5], [0.2, 0.8]]})
    pq.write_table(table, tmp_path / "p.parquet")
    made, notes = read_predictions(tmp_path / "p.parquet")
    assert (len(made), made.labels.tolist()) == (2, [1, 0])
    assert notes == ("1 of 3 rows have no label and were left out.",)


def table(**columns: object) -> pa.Table:
    return pa.table({"label": [0, 1], "scores": SCORES, **columns})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (table().drop_columns("label").append_column("lable", pa.array([0, 1])), "Did you mean label?|label"),
        (table().drop_columns("scores"), "no column probabilities, logits or scores"),
        (pa.table({"label": [0, 1], "scores": [[0.5, 0.5], [1.0]]}), "lists of scores have 1 to 2 numbers"),
        (pa.table({"label": [0, 1], "scores": [[0.5, 0.5], None]}), "1 rows have no scores"),
        (pa.table({"label": [0, 1], "scores": [["a"], ["b"]]}), "not numbers|dtype"),
        (pa.table({"label": [0], "score_a": [None], "score_b": [0.2]}), "NaN or infinite"),
        (
            pa.table({"label": pa.array([], pa.int64()), "scores": pa.array([], pa.list_(pa.float64()))}),
            "no pred",
        ),
        (pa.table({"label": [None], "scores": [[0.5, 0.5]]}), "no predictions"),
    ],
)
def test_what_is_wrong_with_a_table_is_a_sentence(tmp_path: Path, content: pa.Table, sentence: str) -> None:
    pq.write_table(content, tmp_path / "p.parquet")
    with pytest.raises(InputError, match=sentence) as caught:
        read_predictions(tmp_path / "p.parquet")
    assert str(tmp_path / "p.parquet") in str(caught.value)


def test_what_is_no_table_is_a_sentence(tmp_path: Path) -> None:
    for name in ("p.parquet", "p.npz"):
        (tmp_path / name).write_bytes(b"no table at all")
        with pytest.raises(InputError, match="cannot be read"):
            read_predictions(tmp_path / name)
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"cannot be read|no column"):
        read_predictions(tmp_path / "p.csv")
    with pytest.raises(InputError, match="no such file"):
        read_predictions(tmp_path / "gone.csv")
    with pytest.raises(InputError, match=r"a file of this kind.*Known: .parquet"):
        read_predictions(tmp_path / "p.xlsx")
    np.savez(tmp_path / "q.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_predictions(tmp_path / "q.npz")
