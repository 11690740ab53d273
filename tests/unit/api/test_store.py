"""A store is a mapping of names to views, and has the methods of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vifex


def test_a_store_maps_names_to_views(two_views: Path) -> None:
    with vifex.open(two_views) as store:
        assert isinstance(store, Mapping)
        assert list(store) == list(store.keys()) == ["first", "fused", "second"]
        assert len(store) == 3
        assert "first" in store
        assert "third" not in store
        assert store.first is store["first"]
        assert store.get("third") is None
        assert {name: view.name for name, view in store.items()} == {n: n for n in store}
        assert {"first", "second", "search", "close"} <= set(dir(store))
        assert repr(store) == f"Store({str(two_views)!r}, views=['first', 'fused', 'second'])"
        assert repr(store.first) == f"View('first' of {str(two_views)!r}, rows={len(store.first)})"


def test_a_view_that_is_not_there_is_named(two_views: Path) -> None:
    with vifex.open(two_views) as store:
        with pytest.raises(KeyError) as told:
            store["frist"]
        assert isinstance(told.value, vifex.StoreError)
        assert "has no view 'frist'. Did you mean first? It has: first, fused, second." in str(told.value)
        with pytest.raises(AttributeError, match="neither a method nor a view 'serach'"):
            store.serach("a")  # type: ignore[operator]
    with pytest.raises(vifex.StoreError, match="has no view 'frist'"):
        vifex.open(two_views, view="frist")


def test_the_methods_of_the_only_view_are_the_stores(store: vifex.Store) -> None:
    assert store.columns == store.main.columns == ["embedding"]
    assert store.recipe == store.main.recipe
    assert store.count_rows() == len(store.main) == 3 + 6
    np.testing.assert_array_equal(store.to_numpy(), store.main.to_numpy())
    assert store.ledger().equals(store.main.ledger())
    assert store.schema == store.to_arrow().schema


def test_of_several_views_one_is_named(two_views: Path) -> None:
    with vifex.open(two_views) as store, pytest.raises(vifex.StoreError, match="none is called 'main'"):
        store.to_numpy()
    with vifex.open(two_views, view="second") as store:
        assert store.columns == ["stages_3"]
        assert store.first.columns == ["embedding"]


def test_main_is_meant_where_there_is_one(media: Path, tmp_path: Path) -> None:
    for view in ("main", "other"):
        vifex.extract(media / "a.png", tmp_path / "s.vifex", view=view, workers=1)
    with vifex.open(tmp_path / "s.vifex") as store:
        assert store.search(f"row:{store.main.to_arrow('key')['key'][0]}")[0].name == "a.png"


@pytest.mark.parametrize("wrong", [3, None, ["a"], b"a"])
def test_what_is_no_store_is_told(wrong: Any) -> None:
    with pytest.raises(vifex.InputError, match=r"is no store\. Give the path of its folder"):
        vifex.open(wrong)


def test_what_is_no_model_for_queries_is_told(store_path: Path) -> None:
    with pytest.raises(vifex.InputError, match="int is no model"):
        vifex.open(store_path, model=3)  # type: ignore[arg-type]


def test_a_closed_store_says_so(store_path: Path) -> None:
    with vifex.open(store_path) as store:
        pass
    with pytest.raises(vifex.StoreError, match="the store is closed"):
        store.to_numpy()


def test_rows_in_batches(store: vifex.Store) -> None:
    batches = list(store.iter_batches(["key", "embedding"], where="t_s IS NOT NULL", batch_rows=4))
    assert sum(b.num_rows for b in batches) == 6
    assert max(b.num_rows for b in batches) <= 4
    assert sum(b.num_rows for b in store.iter_batches("key")) == 9
    for wrong in (0, -1, 2.5, "4"):
        with pytest.raises(vifex.InputError, match="a batch has at least 1 row"):
            store.iter_batches(batch_rows=wrong)  # type: ignore[arg-type]


def test_rows_as_a_data_frame(store: vifex.Store) -> None:
    pytest.importorskip("pandas")
    frame = store.to_pandas(["name", "t_s", "embedding"], where="t_s < 1")
    assert list(frame.columns) == ["name", "t_s", "embedding"]
    np.testing.assert_array_equal(np.stack(frame["embedding"].to_list()), store.to_numpy(where="t_s < 1"))


@pytest.mark.parametrize(
    ("method", "module", "said"),
    [
        ("to_pandas", "pandas", r"to_pandas needs pandas\. Install it: pip install pandas"),
        ("to_torch", "torch", r"to_torch needs torch\. Install it in a checkout"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    store: vifex.Store, monkeypatch: pytest.MonkeyPatch, method: str, module: str, said: str
) -> None:
    import sys

    monkeypatch.setattr(sys, "meta_path", [Missing(module), *sys.meta_path])
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(vifex.MissingExtraError, match=said):
        getattr(store, method)()


class Missing:
    """Finds no module of a name, as where it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, *_: object) -> None:
        if name == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
