"""Shared memory slots."""

from __future__ import annotations

import numpy as np

from vifex.extraction.decoders.memory.shared_memory import SharedBlock, attach, lay_out, view_slot


def test_slots_do_not_overlap_and_both_sides_see_the_same_bytes() -> None:
    plans, size = lay_out(
        [(3, 2, (5, 7, 3), "uint8"), (2, 1, (4, 3, 3, 3), "uint8"), (2, 3, (5000,), "float32")]
    )
    block = SharedBlock(size)
    other = attach(block.address, size)
    views = [view_slot(block.memory, p, s) for p in plans for s in range(p.count)]
    for number, view in enumerate(views):
        view[:] = number + 1
    seen = [view_slot(other, p, s) for p in plans for s in range(p.count)]
    assert [set(np.unique(v)) for v in seen] == [{n + 1} for n in range(7)]
    assert [v.shape for v in seen] == [(2, 5, 7, 3)] * 3 + [(1, 4, 3, 3, 3)] * 2 + [(3, 5000)] * 2
    assert [v.dtype.name for v in seen] == ["uint8"] * 5 + ["float32"] * 2
    del views, view, seen
    other.close()
    block.close()


def test_a_view_outlives_the_block() -> None:
    """The engine may still read a batch when a run ends."""
    plans, size = lay_out([(1, 1, (2, 2, 3), "uint8")])
    block = SharedBlock(size)
    view = view_slot(block.memory, plans[0], 0)
    view[:] = 9
    block.close()
    assert view.min() == 9
