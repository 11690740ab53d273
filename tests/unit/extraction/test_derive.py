"""Views made from views: what a medium becomes, what is made anew, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import vifex
from vifex.pool import l2_normalize
from vifex.store import open_writer, row_schema
from vifex.values import (
    InputError,
    Layer,
    LayerSpec,
    Medium,
    Outcome,
    PixelSpec,
    Recipe,
    Sampling,
    StoreError,
)

RANDOM = np.random.default_rng(3)


def medium(name: str, edition: int = 0) -> Medium:
    return Medium(f"file:///m/{name}", name, "unknown", 100, edition)


def recipe(model: str, size: int) -> Recipe:
    spec = LayerSpec(Layer("head", "vector", (size,)), "none", (size,), False, "float32")
    return Recipe(model, "0" * 64, {}, PixelSpec(8, 8), Sampling(), (spec,), "fp32", "toy")


def put(
    store: Path,
    view: str,
    name: str,
    vectors: np.ndarray,
    *,
    starts_s: Sequence[float] | None = None,
    length_s: float = 0.04,
    edition: int = 0,
    lost: str = "",
) -> None:
    """Give a view the rows of a medium; without starts they are of an image."""
    what, made = medium(name, edition), recipe(view, vectors.shape[1])
    n = len(vectors)
    times = None if starts_s is None else np.asarray(starts_s, float)
    given: dict[str, object] = {
        "key": [f"{what.medium_id}:{i}" for i in range(n)],
        "medium_id": [what.medium_id] * n,
        "uri": [what.uri] * n,
        "name": [name] * n,
        "label": [f"l{i % 2}" for i in range(n)],
        "ordinal": range(n),
        "time_base": [None if times is None else "1/100"] * n,
        "frame_index": [None if times is None else i for i in range(n)],
        "pts": [None if times is None else int(times[i] * 100) for i in range(n)],
        "t_s": times,
        "t_start_s": times,
        "t_end_s": None if times is None else times + length_s,
    }
    schema = row_schema(made)
    columns = []
    for field in schema:
        if field.name == "head":
            flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
            columns.append(pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]))
        else:
            values = given.get(field.name)
            columns.append(pa.nulls(n, field.type) if values is None else pa.array(values, field.type))
    with open_writer(store) as writer:
        outcome = Outcome(what, "partial" if lost else "ok", lost, rows=n)
        writer.view(view, made).add(outcome, pa.RecordBatch.from_arrays(columns, schema=schema))


def fail(store: Path, view: str, name: str, size: int, reason: str) -> None:
    with open_writer(store) as writer:
        writer.view(view, recipe(view, size)).add(Outcome(medium(name), "failed", reason))


def rows(n: int, size: int) -> np.ndarray:
    return RANDOM.normal(size=(n, size)).astype(np.float32)


def table(store: Path, view: str = "fused") -> pa.Table:
    with vifex.open(store, view=view) as opened:
        return opened.to_arrow().combine_chunks()


def entries(store: Path, view: str = "fused") -> dict[str, tuple[str, int, int, str]]:
    with vifex.open(store, view=view) as opened:
        return {
            e["name"]: (e["status"], e["rows"], e["lost"], e["reason"]) for e in opened.ledger().to_pylist()
        }


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two images and a film in two views; the second view of the film is windows of a second."""
    path = tmp_path / "s.vifex"
    for name in ("a.png", "b.png"):
        put(path, "rgb", name, rows(1, 4))
        put(path, "sound", name, rows(1, 3))
    put(path, "rgb", "film.mp4", rows(5, 4), starts_s=[0.0, 0.5, 1.0, 1.5, 2.9])
    put(path, "sound", "film.mp4", rows(2, 3), starts_s=[0.0, 1.0], length_s=1.0)
    return path


def test_each_row_is_its_own_vector_and_its_partners(store: Path) -> None:
    report = vifex.fuse(store, ["rgb", "sound"])
    assert (report.media, report.ok, report.partial, report.rows, report.exit_status) == (3, 2, 1, 6, 3)
    rgb, sound, fused = (table(store, v) for v in ("rgb", "sound", "fused"))
    places = {key: i for i, key in enumerate(rgb["key"].to_pylist())}
    of_rgb = np.stack(rgb["head"].to_numpy(zero_copy_only=False))
    of_sound = np.stack(sound["head"].to_numpy(zero_copy_only=False))
    for row in fused.to_pylist():
        base = places[row["key"]]
        same = [i for i, m in enumerate(sound["medium_id"].to_pylist()) if m == row["medium_id"]]
        partner = same[0] if row["t_s"] is None else same[int(row["t_s"])]
        wanted = np.concatenate([l2_normalize(of_rgb[[base]])[0], l2_normalize(of_sound[[partner]])[0]])
        np.testing.assert_array_equal(np.array(row["concat"], np.float32), wanted)
        facts = {k: v for k, v in rgb.slice(base, 1).to_pylist()[0].items() if k != "head"}
        assert facts.items() <= row.items()
    status, n_rows, lost, reason = entries(store)["film.mp4"]
    assert (status, n_rows, lost) == ("partial", 4, 1)
    assert reason.startswith("1 of 5 rows have no partner in 'sound'")


def test_again_takes_only_what_is_new(store: Path) -> None:
    vifex.fuse(store, ["rgb", "sound"])
    before = table(store)
    again = vifex.fuse(store, ["rgb", "sound"])
    assert (again.already_done, again.already_failed, again.rows) == (3, 1, 0)
    put(store, "sound", "b.png", rows(1, 3), edition=1)
    put(store, "rgb", "c.png", rows(1, 4))
    put(store, "sound", "c.png", rows(1, 3))
    changed = vifex.fuse(store, ["rgb", "sound"])
    assert (changed.media, changed.already_done, changed.ok, changed.rows) == (4, 2, 2, 2)
    after = table(store)
    whole = store.parent / "whole.vifex"
    store.rename(whole)
    vifex.fuse(whole, ["rgb", "sound"], name="anew")
    assert after.sort_by("key").equals(table(whole, "anew").sort_by("key"))
    kept = [k for k in before["key"].to_pylist() if k in set(after["key"].to_pylist())]
    assert len(kept) == before.num_rows
    assert after.sort_by("key") != before.sort_by("key")


def test_what_a_source_lacks_is_told_and_never_made_up(store: Path) -> None:
    put(store, "rgb", "only.png", rows(1, 4))
    put(store, "rgb", "mute.png", rows(1, 4))
    fail(store, "sound", "mute.png", 3, "it is broken.")
    put(store, "rgb", "half.png", rows(1, 4), lost="2 frames were lost.")
    put(store, "sound", "half.png", rows(1, 3))
    fail(store, "rgb", "gone.png", 4, "it cannot be read.")
    told: list[Outcome] = []
    vifex.fuse(store, ["rgb", "sound"], on_outcome=told.append)
    found = entries(store)
    assert found["only.png"] == ("failed", 0, 0, "the view 'sound' was not made of it.")
    assert found["mute.png"] == ("failed", 0, 0, "in 'sound': it is broken.")
    assert found["half.png"] == ("partial", 1, 0, "in 'rgb': 2 frames were lost.")
    assert found["gone.png"] == ("failed", 0, 0, "in 'rgb': it cannot be read.")
    assert {o.medium.name for o in told} == {"only.png", "mute.png", "half.png", "gone.png", "film.mp4"}
    put(store, "sound", "only.png", rows(1, 3))
    assert vifex.fuse(store, ["rgb", "sound"]).ok == 1


def test_the_mean_of_a_medium_goes_with_each_of_its_rows(store: Path) -> None:
    report = vifex.fuse(store, ["rgb", "sound"], mean=["sound"], unit=False)
    assert (report.ok, report.rows) == (3, 7)
    sound = table(store, "sound").filter(pa.compute.equal(table(store, "sound")["name"], "film.mp4"))
    mean = np.stack(sound["head"].to_numpy(zero_copy_only=False)).mean(axis=0)
    fused = table(store).filter(pa.compute.equal(table(store)["name"], "film.mp4"))
    tail = np.stack(fused["concat"].to_numpy(zero_copy_only=False))[:, 4:]
    np.testing.assert_allclose(tail, np.tile(mean, (5, 1)), rtol=1e-6)


def test_more_rows_than_fit_at_once(tmp_path: Path) -> None:
    """One film of 9,000 rows is written in pieces, and is whole and in order."""
    store, n = tmp_path / "s.vifex", 9_000
    a, b = rows(n, 4), rows(n, 3)
    put(store, "a", "long.mp4", a, starts_s=np.arange(n) / 25)
    put(store, "b", "long.mp4", b, starts_s=np.arange(n) / 25)
    put(store, "a", "x.png", rows(1, 4))
    put(store, "b", "x.png", rows(1, 3))
    assert vifex.fuse(store, ["a", "b"], unit=False).ok == 2
    made = table(store).filter(pa.compute.equal(table(store)["name"], "long.mp4"))
    assert made["ordinal"].to_pylist() == list(range(n))
    fused = np.stack(made["concat"].to_numpy(zero_copy_only=False))
    np.testing.assert_array_equal(fused, np.concatenate([a, b], axis=1))


def test_a_projection_is_kept_for_what_comes_later(store: Path) -> None:
    """Rows that are added are projected as the first were, whatever the new ones would have taught."""
    vifex.fuse(store, ["rgb", "sound"], method="pca", dims=2)
    with vifex.open(store, view="fused") as opened:
        first = opened.recipe
    assert first.fusion is not None
    assert first.layers[0].shape == (2,)
    before = {r["key"]: r["pca"] for r in table(store).to_pylist()}
    put(store, "rgb", "c.png", 50 * rows(1, 4))
    put(store, "sound", "c.png", rows(1, 3))
    assert vifex.fuse(store, ["rgb", "sound"], method="pca", dims=2).ok == 1
    after = {r["key"]: r["pca"] for r in table(store).to_pylist()}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    with pytest.raises(StoreError, match="has 2 dimensions, not 3"):
        vifex.fuse(store, ["rgb", "sound"], method="pca", dims=3)
    with pytest.raises(InputError, match=r"has nothing to go by.*`dims=N`"):
        vifex.fuse(store, ["rgb", "sound"], method="pca", name="other")
    (store / "views" / "fused" / "fusion.npz").write_bytes(b"other")
    with pytest.raises(StoreError, match="not the one that made the view"):
        vifex.fuse(store, ["rgb", "sound"], method="pca")


def test_another_recipe_is_refused_with_the_difference(store: Path) -> None:
    vifex.fuse(store, ["rgb", "sound"], method="weighted", weights=[1, 2])
    with pytest.raises(
        StoreError, match=r"made by another recipe.*fusion.weights: \[1.0, 2.0\], \[1.0, 3.0\]"
    ):
        vifex.fuse(store, ["rgb", "sound"], method="weighted", weights=[1, 3])


@pytest.mark.parametrize(
    ("views", "options", "message"),
    [
        (["rgb"], {}, "at least 2 inputs"),
        (["rgb", "rgb"], {}, "one column is given twice"),
        (["rgb", "sond"], {}, "no view 'sond'.*Did you mean sound"),
        (["rgb", "sound:tail"], {}, "no feature column 'tail'"),
        (["rgb", "sound"], {"name": "rgb"}, "cannot be made of itself"),
        (["rgb", "sound"], {"method": "concta"}, "Did you mean concat"),
        (["rgb", "sound"], {"method": "sum"}, "have no sum"),
        (["rgb", "sound"], {"weights": [1, 2]}, "takes no weights"),
        (["rgb", "sound"], {"method": "weighted", "weights": [1]}, "1 weights for 2 inputs"),
        (["rgb", "sound"], {"method": "weighted", "weights": [0, 0]}, "not all 0"),
        (["rgb", "sound"], {"mean": ["rgb"]}, "not one of the other views of this fusion"),
        (["rgb", "sound"], {"within_s": -1.0}, "within_s must be at least 0"),
        (["rgb", "sound"], {"method": "gated"}, "has nothing to go by"),
        (["rgb", "sound"], {"dims": 3}, "no dimensions"),
        (["rgb", "sound"], {"train_on": "label"}, "learns nothing from labels"),
        (["rgb", "sound"], {"method": "gated", "weights": "no.npz"}, "neither numbers nor a file"),
        (["rgb", "sound"], {"method": "pca", "dims": 8}, "8 dimensions cannot be found"),
    ],
)
def test_what_makes_no_sense_is_told(store: Path, views: list[str], options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        vifex.fuse(store, views, **options)
    with vifex.open(store, view="rgb") as opened:
        assert list(opened) == ["rgb", "sound"]


def test_a_tree_has_the_shots_that_were_made(tmp_path: Path) -> None:
    """Three takes of 2, 1 and 3 s at 10 frames a second; the first two are alike."""
    store = tmp_path / "s.vifex"
    a, b, c = np.eye(4)[:3] + 0.001
    takes = np.repeat([a, a + 0.4 * b, c], [20, 10, 30], axis=0).astype(np.float32)
    put(store, "main", "film.mp4", takes, starts_s=np.arange(60) / 10, length_s=0.1)
    put(store, "main", "a.png", rows(1, 4))
    report = vifex.tree(store)
    assert (report.ok, report.skipped, report.rows) == (1, 1, 6)
    spans = {
        level: [
            (r["t_start_s"], r["t_end_s"], r["frame_index"])
            for r in table(store, f"tree.{level}").to_pylist()
        ]
        for level in ("video", "scene", "shot")
    }
    assert spans["video"] == [(0.0, pytest.approx(6.0), 0)]
    assert spans["scene"] == [(0.0, 3.0, 0), (3.0, pytest.approx(6.0), 30)]
    assert spans["shot"] == [(0.0, 2.0, 0), (2.0, 3.0, 20), (3.0, pytest.approx(6.0), 30)]
    whole = np.array(table(store, "tree.video")["head"].to_pylist()[0])
    np.testing.assert_allclose(whole, takes.mean(axis=0), atol=1e-6)
    assert vifex.tree(store).already_done == 2
    with vifex.open(store, view="tree.shot") as shots:
        hits = shots.search(c.astype(np.float32), k=1)
        assert (hits[0].t_start_s, hits[0].name) == (3.0, "film.mp4")
    with pytest.raises(InputError, match="find no shots"):
        vifex.tree(store, radius=0, name="other")
    with pytest.raises(StoreError, match=r"tree.similar: 0.8, 0.9"):
        vifex.tree(store, similar=0.9)


def test_an_image_has_no_tree(store: Path) -> None:
    vifex.tree(store, view="rgb", name="t")
    assert entries(store, "t.shot")["a.png"] == (
        "skipped",
        0,
        0,
        "It has no times: a tree is of videos and sound.",
    )
