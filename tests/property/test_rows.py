"""However batches are cut and mixed, the columns hold each medium's rows in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vifex.extraction.pipeline.rows import MediumRows, Part, RowChunk, build_rows, in_order
from vifex.extraction.planning.view_plan import plan_view
from vifex.store import row_schema
from vifex.values import Box, Layer, LayerSpec, Medium, Sample
from vifex.values.sample_facts import FactsBuilder

PLAN = plan_view("main", "default", precision="fp32")
SPEC = LayerSpec(Layer("x", "vector", (3,)), "none", (3,), False, "float32")
RECIPE = replace(PLAN.recipe, layers=(SPEC,))
SCHEMA = row_schema(RECIPE)
NOTHING = np.empty(0, np.uint8)


def sample(medium: int, ordinal: int, of_video: bool) -> Sample:
    if not of_video:
        box = Box(0.5, 1, 2, 3) if ordinal else None
        return Sample(0, ordinal, NOTHING, box=box)
    start = ordinal / 8
    return Sample(
        0, ordinal, NOTHING, 10 * ordinal, 512 * ordinal - medium, "1/4096", start, start, start + 0.125
    )


@given(data=st.data(), counts=st.lists(st.integers(1, 9), min_size=1, max_size=6), batch=st.integers(1, 7))
def test_rows_are_those_of_the_samples(data: st.DataObject, counts: list[int], batch: int) -> None:
    media = [
        Medium(f"file:///{i}", f"{i}", "video" if i % 2 else "image", 1, 1, "cat" if i else None)
        for i in range(len(counts))
    ]
    # Each medium's samples in order, one medium after the other as a decoder writes them.
    written = [(i, sample(i, n, bool(i % 2))) for i, count in enumerate(counts) for n in range(count)]
    parts: list[list[Part]] = [[] for _ in media]
    batches = [written[start : start + batch] for start in range(0, len(written), batch)]
    for rows in data.draw(st.permutations(batches)):  # batches come back in any order
        builder = FactsBuilder()
        for _, one in rows:
            builder.add(one)
        vectors = np.array([[i, one.ordinal, -1] for i, one in rows], np.float32)
        chunk = RowChunk(builder.take().records, {"x": vectors})
        owners = [i for i, _ in rows]
        for i in sorted(set(owners)):
            parts[i].append((chunk, owners.index(i), owners.index(i) + owners.count(i)))
    order = data.draw(st.permutations(range(len(media))))
    built = build_rows([MediumRows(media[i], in_order(parts[i])) for i in order], SCHEMA, RECIPE)
    expected = []
    for i in order:
        for n in range(counts[i]):
            one, medium = sample(i, n, bool(i % 2)), media[i]
            box = one.box
            expected.append(
                {
                    "key": f"{medium.medium_id}:{n}",
                    "medium_id": medium.medium_id,
                    "uri": medium.uri,
                    "name": medium.name,
                    "time_base": one.time_base,
                    "label": medium.label,
                    "split": None,
                    "ordinal": n,
                    "frame_index": one.frame_index,
                    "pts": one.pts,
                    "t_s": one.t_s,
                    "t_start_s": one.t_start_s,
                    "t_end_s": one.t_end_s,
                    **{side: box and getattr(box, side) for side in ("x0", "y0", "x1", "y1")},
                    "x": [i, n, -1],
                }
            )
    assert built.to_pylist() == expected
    built.validate(full=True)
