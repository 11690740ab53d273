"""The columns are what the design says, in its order, and say themselves how they were made."""

from __future__ import annotations

import pyarrow as pa
import pytest
from store_maker import medium, outcome, recipe

from vifex.store import LEDGER_SCHEMA, LedgerEntry, row_schema
from vifex.store.schema import ROW_FIELDS, media_entries
from vifex.values import InputError, Layer, LayerSpec
from vifex.values.models import RESERVED_COLUMNS


def test_row_columns() -> None:
    schema = row_schema(recipe())
    fixed = "key medium_id uri name time_base label split ordinal frame_index pts"
    fixed += " t_s t_start_s t_end_s x0 y0 x1 y1"
    assert schema.names == [*fixed.split(), "head_fc", "stages_1"]
    kinds = {n: str(schema.field(n).type) for n in schema.names}
    assert [kinds[n] for n in fixed.split()] == (
        ["string"] * 7 + ["int64"] * 3 + ["double"] * 3 + ["float"] * 4
    )
    assert schema.field("head_fc").type == pa.list_(pa.float32(), 16)
    assert schema.field("stages_1").type == pa.list_(pa.float16(), 24)
    assert schema.field("stages_1").metadata == {
        b"vifex:layer": b"stages.1",
        b"vifex:kind": b"map",
        b"vifex:shape": b"[2, 3, 4]",
        b"vifex:pooling": b"none",
        b"vifex:normalized": b"false",
    }
    assert [f.name for f in schema if not f.nullable] == [
        *["key", "medium_id", "uri", "name", "ordinal"],
        "head_fc",
        "stages_1",
    ]


def test_ledger_columns() -> None:
    names = (
        "name uri medium_id label split size_bytes mtime_ns content_hash spec_hash recipe_hash status reason"
    )
    names += " rows lost rows_version run wall_s kind commit checksum"
    assert names.split() == LEDGER_SCHEMA.names
    assert list(LedgerEntry.__dataclass_fields__) == LEDGER_SCHEMA.names


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (("a.b", "a/b"), "a_b"),
        (("Conv", "conv"), "conv"),
        (("x", "x"), "x"),
        (("label", "label_"), "label_"),
        (("pts", "PTS"), "PTS_"),
    ],
)
def test_a_clash_of_columns_is_an_error(names: tuple[str, ...], column: str) -> None:
    layers = tuple(LayerSpec(Layer(n, "vector", (4,)), "none", (4,), True, "float32") for n in names)
    with pytest.raises(InputError, match=f"needs the column '{column}'"):
        row_schema(recipe(layers=layers))


RESERVED = sorted(RESERVED_COLUMNS)


@pytest.mark.parametrize("name", [*RESERVED, "Label", "PTS", "Medium.ID", "t/s", "_RowID"])
def test_a_layer_called_like_a_column_gets_a_name_of_its_own(name: str) -> None:
    spec = LayerSpec(Layer(name, "vector", (4,)), "none", (4,), True, "float32")
    schema = row_schema(recipe(layers=(spec,)))
    assert spec.column == schema.names[-1]
    assert spec.column.endswith("_")
    assert len({n.lower() for n in schema.names}) == len(schema.names)
    assert schema.field(spec.column).metadata[b"vifex:layer"].decode() == name


def test_all_columns_of_rows_are_reserved() -> None:
    assert {f.name for f in ROW_FIELDS} <= RESERVED_COLUMNS


def test_an_entry_matches_until_anything_of_its_medium_changes() -> None:
    what = medium(1)
    columns = media_entries([outcome(what, 3)], "r1")
    entry = LedgerEntry(**{name: columns[name][0] if name in columns else 0 for name in LEDGER_SCHEMA.names})
    assert entry.matches(what, "r1")
    assert not entry.matches(what, "r2")
    assert not entry.matches(medium(1, edition=1), "r1")
    assert not entry.matches(medium(2), "r1")
