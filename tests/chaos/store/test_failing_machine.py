"""A machine that cannot read for the moment is no damaged store: nothing is given up for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from store_maker import assert_whole, bits, feed, recipe, wanted

from vifex.store import open_store, open_writer
from vifex.store.files.lance_adapter import Table
from vifex.values import StoreError


@pytest.mark.parametrize("moment", ["opening", "proving"])
def test_too_many_open_files_remove_nothing(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s.vifex"
    with open_writer(store) as writer:
        feed(writer.view("main", recipe()), wanted(9))
    before = bits(assert_whole(store))
    files = sorted(str(Path(f, n)) for f, _, names in os.walk(store / "views") for n in names)

    def fail(*_: object, **__: object) -> Iterator[pa.RecordBatch]:
        raise OSError("LanceError(IO): Too many open files (os error 24), somewhere.rs:1:1")

    with monkeypatch.context() as broken:
        if moment == "opening":
            broken.setattr("vifex.store.files.lance_adapter._open", fail)
        else:
            broken.setattr(Table, "scan", fail)
        with (
            pytest.raises(StoreError, match=r"cannot be read\..*Too many open files"),
            open_store(store) as read,
        ):
            read.view()
        with pytest.raises(StoreError, match="Too many open files"), open_writer(store) as writer:
            writer.view("main", recipe())
    assert sorted(str(Path(f, n)) for f, _, names in os.walk(store / "views") for n in names) == files
    assert bits(assert_whole(store)) == before
