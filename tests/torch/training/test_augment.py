"""Random changes: the same generator gives the same images, and each change does what it says."""

from __future__ import annotations

import pytest
import torch

from vifex.training.augment import Augmenter, colour, geometry, mixing
from vifex.training.augment.rand_augment import OPERATIONS, rand_augment
from vifex.training.config import Config, with_settings


def images(count: int = 8, side_px: int = 12) -> torch.Tensor:
    rng = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, 3, side_px, side_px), generator=rng, dtype=torch.uint8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


EVERYTHING = (
    "augment.crop_px=2", "augment.flip=true", "augment.rotate_deg=10", "augment.zoom=0.1",
    "augment.brightness=0.2", "augment.contrast=0.2", "augment.saturation=0.2", "augment.blur=0.5",
    "augment.erase=0.5", "augment.cutout_px=4", "augment.rand_augment=2",
)  # fmt: skip


@pytest.mark.parametrize("settings", [(), EVERYTHING, ("augment.scale=[0.3, 1]",)])
def test_the_same_generator_gives_the_same_images(settings: tuple[str, ...]) -> None:
    config = with_settings(Config(), settings)
    augmenter = Augmenter(config.augment, 12, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    torch.manual_seed(1)
    one = augmenter.train(images(), rng(3))
    torch.manual_seed(2)  # the global generator is not read
    two = augmenter.train(images(), rng(3))
    assert torch.equal(one, two)
    assert one.shape == (8, 3, 12, 12)
    assert one.dtype == torch.float32
    if settings:
        assert not torch.equal(one, augmenter.train(images(), rng(4)))
    assert torch.isfinite(one).all()


def test_without_changes_images_are_normalised_and_shown_as_they_were() -> None:
    augmenter = Augmenter(Config().augment, 12, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    ready = augmenter.plain(images())
    wanted = (images().double() / 255 - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.2, 0.25, 0.3]
    ).view(3, 1, 1)
    torch.testing.assert_close(ready.double(), wanted, atol=1e-5, rtol=0)
    assert torch.equal(augmenter.shown(ready), images())
    assert torch.equal(augmenter.train(images(), rng()), ready)


def test_each_crop_is_a_window_of_its_own_image() -> None:
    numbered = torch.arange(8 * 36).reshape(8, 1, 6, 6).to(torch.int64)
    cut = geometry.padded_crop(numbered.float(), 0, 4, rng())
    tops = {(int(c[0, 0, 0]) % 36) // 6 for c in cut}
    for i, window in enumerate(cut):
        corner = int(window[0, 0, 0])
        assert corner // 36 == i
        wanted = numbered[i, 0, (corner % 36) // 6 :, corner % 6 :][:4, :4]
        assert torch.equal(window[0].long(), wanted)
    assert len(tops) > 1


def test_a_border_is_mirrored_for_bytes_and_for_numbers_alike() -> None:
    as_bytes = geometry.padded_crop(images(), 3, 12, rng(1))
    as_numbers = geometry.padded_crop(images().float(), 3, 12, rng(1))
    assert torch.equal(as_bytes.float(), as_numbers)


def test_about_half_of_the_images_are_mirrored() -> None:
    many = images(400, 4)
    flipped = geometry.flip(many, rng())
    is_flipped = torch.tensor([torch.equal(a, b.flip(-1)) for a, b in zip(flipped, many, strict=True)])
    is_same = torch.tensor([torch.equal(a, b) for a, b in zip(flipped, many, strict=True)])
    assert (is_flipped | is_same).all()
    assert 0.4 < is_flipped.float().mean() < 0.6


def test_no_rotation_and_no_zoom_leave_images_as_they_are() -> None:
    floats = images().float()
    torch.testing.assert_close(geometry.rotate_and_zoom(floats, 0, 0, rng()), floats, atol=1e-2, rtol=0)
    torch.testing.assert_close(
        geometry.scaled_crop(floats, (1, 1), 12, rng()).mean(), floats.mean(), atol=9, rtol=0
    )


def test_erased_parts_are_zero_and_the_rest_stays() -> None:
    ones = torch.ones(64, 3, 12, 12)
    square = colour.erase_squares(ones, 4, rng())
    assert ((square == 0).sum((1, 2, 3)) == 3 * 16).all()
    part = colour.erase(ones, 0.5, rng())
    erased = (part == 0).flatten(1).any(1)
    assert 0.3 < erased.float().mean() < 0.7
    assert ((part == 0) | (part == 1)).all()


def test_mixing_mixes_targets_as_it_mixes_images() -> None:
    """Images that are 1 where the class is 1 keep their mean equal to the share of that class."""
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    shares = torch.nn.functional.one_hot(labels, 2).float()
    pixels = labels.float().view(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()
    for mix in (mixing.mixup, mixing.cutmix):
        for seed in range(5):
            mixed, targets = mix(pixels, shares, 1.0, rng(seed))
            torch.testing.assert_close(mixed.mean((1, 2, 3)), targets[:, 1])
            torch.testing.assert_close(targets.sum(1), torch.ones(6))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_each_operation_gives_images(name: str) -> None:
    dark = images(4, 40) // 2
    for magnitude in (-1.0, 1.0):
        changed = OPERATIONS[name](dark, magnitude)
        assert changed.shape == dark.shape
        assert changed.dtype == torch.uint8
        if name != "solarize":  # only bright pixels change
            assert torch.equal(changed, dark) == (name == "identity")


def test_rand_augment_changes_images_one_by_one() -> None:
    changed = rand_augment(images(32), 1, 9, rng())
    alone = torch.tensor([torch.equal(a, b) for a, b in zip(changed, images(32), strict=True)])
    assert 0 < alone.sum() < 16
