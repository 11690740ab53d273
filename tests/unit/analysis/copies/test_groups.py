"""Groups around a representative, and the threshold of a collection."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vifex.analysis.copies.background import Background, make_background
from vifex.analysis.copies.edits import EDITS, edited
from vifex.analysis.copies.groups import stars, stars_of_two
from vifex.analysis.copies.pairs import Pairs
from vifex.analysis.copies.pixels import shows_same, small_image
from vifex.analysis.copies.threshold import best_threshold, chance_threshold, measured
from vifex.analysis.rows import unit_vectors


def pairs_of(*pairs: tuple[int, int, float]) -> Pairs:
    first, second, similarity = (np.array(part) for part in zip(*sorted(pairs), strict=True))
    return Pairs(first.astype(np.int32), second.astype(np.int32), similarity.astype(np.float32))


def test_a_chain_is_no_group() -> None:
    """0 - 1 - 2 - 3 - 4 - 5: only neighbours are alike, so no image is grouped with one that it is unlike."""
    pairs = pairs_of(*((i, i + 1, 0.9 + i / 100) for i in range(5)))
    found = stars(pairs, pairs.similarity, 6)
    assert {(star.row, tuple(sorted(star.members.tolist()))) for star in found} == {(1, (0, 2)), (4, (3, 5))}


def test_the_representative_has_the_most_pairs_and_members_come_by_score() -> None:
    pairs = pairs_of((0, 3, 0.91), (1, 3, 0.95), (2, 3, 0.93), (1, 2, 0.99), (5, 6, 0.97))
    found = stars(pairs, pairs.similarity, 7)
    assert [(star.row, star.members.tolist()) for star in found] == [(5, [6]), (3, [1, 2, 0])]
    assert pairs.similarity[found[1].pairs].tolist() == pytest.approx([0.95, 0.93, 0.91])


def test_images_of_another_store_belong_to_each_image_they_are_like() -> None:
    pairs = pairs_of((0, 3, 0.91), (0, 1, 0.95), (2, 3, 0.99))
    found = stars_of_two(pairs, pairs.similarity)
    assert [(star.row, star.members.tolist()) for star in found] == [(2, [3]), (0, [1, 3])]
    none = pairs.chosen(np.zeros(3, bool))
    assert stars_of_two(none, none.similarity) == stars(none, none.similarity, 4) == []


def test_the_threshold_lies_between_copies_and_others() -> None:
    assert best_threshold(np.array([0.8, 0.9, 0.95]), np.array([0.1, 0.6])) == pytest.approx(0.7)
    # One other image among twenty copies costs less than the copies below it.
    copies = np.linspace(0.7, 0.9, 20)
    assert best_threshold(copies, np.array([0.1, 0.72])) < 0.73


def test_a_threshold_is_measured_by_hand_counted_figures() -> None:
    """4 of 6 copies and 1 of 6 others are at least 0.5: precision 4 / 5; Wilson's interval by its formula."""
    copies = {"cropped": np.array([0.9, 0.6, 0.1]), "resized": np.array([0.5, 0.8, 0.2])}
    others = np.array([[0.6, 0.1], [0.2, 0.1], [0.3, -np.inf]])
    found = measured(0.5, copies, others, 3)
    assert (found.precision, found.recall) == (0.8, pytest.approx(4 / 6))
    assert found.false_alarms == pytest.approx(1 / 3)
    assert found.recall_by_edit == pytest.approx({"cropped": 2 / 3, "resized": 2 / 3})
    z, p, n = 1.959964, 0.8, 5
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    assert found.precision_low == pytest.approx(middle - reach, abs=1e-6)
    assert found.precision_high == pytest.approx(middle + reach, abs=1e-6)


def test_a_threshold_of_chance_is_passed_by_chance() -> None:
    """Normal best scores; a tenth of the rows have a copy, which hardly raises it."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.5, 0.05, 20_000)
    clean = chance_threshold(scores)
    assert 0.0005 < (scores >= clean).mean() < 0.002
    scores[:2000] = 0.95
    assert clean <= chance_threshold(scores) < clean + 0.03


def test_the_bias_is_half_the_similarity_to_a_neighbour_in_the_background() -> None:
    rng = np.random.default_rng(1)
    unit = unit_vectors(rng.normal(size=(400, 8)).astype(np.float32))
    unit[100:200] = unit[0]
    background = make_background(unit, 0.999)
    assert len(background.unit) == 300
    expected = np.sort(unit[:5] @ background.unit.T, axis=1)[:, -6] / 2
    np.testing.assert_allclose(background.bias(unit[:5]), np.maximum(expected, 0), atol=1e-6)
    assert not Background(unit[:10]).bias(unit).any()


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    """Images with large and small structure, as photographs have."""
    rng = np.random.default_rng(2)
    small = [rng.integers(0, 255, (6, 8, 3), np.uint8) for _ in range(8)]
    return [Image.fromarray(s).resize((160, 120), Image.Resampling.BICUBIC) for s in small]


def test_pixels_tell_edited_copies_from_other_images(images: list[Image.Image]) -> None:
    greys = [small_image(image) for image in images]
    for i, image in enumerate(images):
        for name in EDITS:
            copy = edited(image, name, i)
            assert shows_same(greys[i], small_image(copy)), name
            assert np.array_equal(np.asarray(copy), np.asarray(edited(image, name, i)))
        assert not any(shows_same(greys[i], other) for other in greys[:i])
