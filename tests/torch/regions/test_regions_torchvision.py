"""RoIAlign and RoIPool equal torchvision's operators."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import roi_align as their_align
from torchvision.ops import roi_pool as their_pool

from vifex.pool.regions import roi_align, roi_pool


@st.composite
def problems(draw: st.DrawFn, *, step: float) -> dict[str, object]:
    """Maps and boxes: inside, partly and wholly outside, without an area."""
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    h, w = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    scale = draw(st.sampled_from([1.0, 0.5, 0.25, 1 / 16]))
    k = draw(st.integers(0, 6))
    reach = int(2 * max(h, w) / scale / step)
    edges = st.integers(-reach // 2, reach).map(lambda i: i * step)
    box = st.tuples(edges, edges, edges, edges)
    boxes = np.array(draw(st.lists(box, min_size=k, max_size=k)), dtype=np.float64).reshape(k, 4)
    boxes = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1
    )
    seed = draw(st.integers(0, 2**32 - 1))
    return {
        "maps": np.random.default_rng(seed).normal(size=(n, c, h, w)),
        "boxes": boxes,
        "index": np.array(draw(st.lists(st.integers(0, n - 1), min_size=k, max_size=k)), dtype=np.int64),
        "scale": scale,
        "size": draw(st.tuples(st.integers(1, 7), st.integers(1, 7))),
    }


def rois(problem: dict[str, object], dtype: torch.dtype) -> torch.Tensor:
    joined = np.concatenate([problem["index"][:, None], problem["boxes"]], axis=1)  # type: ignore[index,list-item]
    return torch.from_numpy(joined).to(dtype)


@settings(max_examples=150, deadline=None)
@given(problem=problems(step=0.37), ratio=st.sampled_from([-1, 0, 1, 2, 3]), aligned=st.booleans())
def test_roi_align_is_torchvisions(problem: dict[str, object], ratio: int, aligned: bool) -> None:
    """In double precision, where rounding does not decide whether a sample on the border counts."""
    maps = problem["maps"]
    theirs = their_align(
        torch.from_numpy(maps),
        rois(problem, torch.float64),
        problem["size"],
        problem["scale"],
        ratio,
        aligned,
    )
    ours = roi_align(
        maps,
        problem["boxes"],
        spatial_scale=problem["scale"],
        output_size=problem["size"],
        sampling_ratio=ratio,
        aligned=aligned,
        image_index=problem["index"],
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-10)


@settings(max_examples=100, deadline=None)
@given(problem=problems(step=0.25), ratio=st.sampled_from([-1, 2]), aligned=st.booleans())
def test_roi_align_is_torchvisions_in_single_precision(
    problem: dict[str, object], ratio: int, aligned: bool
) -> None:
    """Quarters of a pixel and one bin or two are exact in float32, as are samples on the border then."""
    maps = problem["maps"].astype(np.float32)
    size = (min(2, problem["size"][0]), min(2, problem["size"][1]))
    theirs = their_align(
        torch.from_numpy(maps), rois(problem, torch.float32), size, problem["scale"], ratio, aligned
    )
    ours = roi_align(
        maps,
        problem["boxes"],
        spatial_scale=problem["scale"],
        output_size=size,
        sampling_ratio=ratio,
        aligned=aligned,
        image_index=problem["index"],
    )
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@settings(max_examples=200, deadline=None)
@given(problem=problems(step=0.25), dtype=st.sampled_from([np.float32, np.float64]))
def test_roi_pool_is_torchvisions(problem: dict[str, object], dtype: type) -> None:
    """To the bit: it only picks numbers. Quarters include the halves, where rounding has a direction."""
    maps = problem["maps"].astype(dtype)
    theirs = their_pool(
        torch.from_numpy(maps),
        rois(problem, torch.from_numpy(maps).dtype),
        problem["size"],
        problem["scale"],
    )
    ours = roi_pool(
        maps,
        problem["boxes"],
        spatial_scale=problem["scale"],
        output_size=problem["size"],
        image_index=problem["index"],
    )
    np.testing.assert_array_equal(ours, theirs.numpy())


@pytest.mark.parametrize("aligned", [True, False])
def test_at_the_size_of_use(aligned: bool) -> None:
    """Maps of 64 x 14 x 14, float32, 40 boxes over two images of 224 pixels, 7 x 7 bins."""
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(2, 64, 14, 14)).astype(np.float32)
    corners = rng.uniform(-20, 220, size=(40, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 120, size=(40, 2))], axis=1).astype(np.float32)
    index = rng.integers(0, 2, size=40)
    joined = torch.from_numpy(np.concatenate([index[:, None].astype(np.float32), boxes], axis=1))
    options = {"spatial_scale": 1 / 16, "image_index": index}
    ours = roi_align(maps, boxes, aligned=aligned, **options)
    theirs = their_align(torch.from_numpy(maps), joined, 7, 1 / 16, -1, aligned).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    pooled = their_pool(torch.from_numpy(maps), joined, 7, 1 / 16).numpy()
    np.testing.assert_array_equal(roi_pool(maps, boxes, **options), pooled)
    averaged = roi_align(maps, boxes, aligned=aligned, reduce="mean", **options)
    np.testing.assert_allclose(averaged, theirs.mean(axis=(2, 3)), atol=1e-5)
