"""Small pieces of the decoder by hand: first bytes, turns, fits, times, sentences."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from vifex.media.decode.files.damage import Damage
from vifex.media.decode.files.reasons import clean, why_not
from vifex.media.decode.files.sniff import look, text_kind, webp_size
from vifex.media.decode.geometry import Shape, Turn, clip_box, whole_pixels
from vifex.media.decode.images.resize import ready_pixels
from vifex.media.decode.timing.times import Clock, Gaps
from vifex.media.signatures import BRANDS, SIGNATURES
from vifex.values import Box, PixelSpec
from vifex.values.pixels import fit

ONE = 1 << 16
MATRICES = {
    (ONE, 0, 0, ONE): Turn(),
    (0, ONE, -ONE, 0): Turn(True, True, False),  # a quarter clockwise
    (-ONE, 0, 0, -ONE): Turn(False, True, True),
    (0, -ONE, ONE, 0): Turn(True, False, True),
    (-ONE, 0, 0, ONE): Turn(False, True, False),  # mirrored left to right
    (ONE, 0, 0, -ONE): Turn(False, False, True),
    (0, ONE, ONE, 0): Turn(True, False, False),
    (46341, 46341, -46341, 46341): None,  # an eighth of a turn
}


@pytest.mark.parametrize("parts", MATRICES)
def test_display_matrices(parts: tuple[int, int, int, int]) -> None:
    a, b, c, d = parts
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], dtype=np.int32).tobytes()
    assert Turn.from_matrix(matrix) == MATRICES[parts]
    assert Turn.from_matrix(matrix[:8]) is None


@pytest.mark.parametrize("turn", [t for t in MATRICES.values() if t is not None])
def test_a_box_of_the_upright_image_is_found_in_the_stored_one(turn: Turn) -> None:
    stored = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    upright = turn.apply(stored)
    box = Box(1, 2, 4, 5)
    there = turn.undo(box, upright.shape[1], upright.shape[0])
    left, top, right, bottom = whole_pixels(there, 7, 5)
    np.testing.assert_array_equal(turn.apply(stored[top:bottom, left:right]), upright[2:5, 1:4])


def test_square_pixels_stretch_the_width_as_stored() -> None:
    assert Shape(720, 576, aspect=Fraction(16, 15)).upright == (768, 576)
    assert Shape(720, 576, Turn(True), Fraction(16, 15)).upright == (576, 768)


def test_fit_rounds_as_torchvision() -> None:
    """800 x 534 to 128: int(128 * 800 / 534) = 191, and the crop starts at round(79 / 2) = 40."""
    to = fit(PixelSpec(112, 112, resize="shortest", resize_px=128), 800, 534)
    assert (to.width, to.height, to.left, to.top) == (191, 128, 40, 8)


def test_a_crop_may_round_down_as_transformers() -> None:
    """The same image: int(79 / 2) = 39."""
    to = fit(PixelSpec(112, 112, resize="shortest", resize_px=128, crop_down=True), 800, 534)
    assert (to.width, to.height, to.left, to.top) == (191, 128, 39, 8)


def test_stretch_crop_resizes_to_a_size_of_its_own() -> None:
    """Torchvision's videos: 128 x 171 whatever the aspect, then (171 - 112) / 2 = 29.5, to even: 30."""
    to = fit(PixelSpec(112, 112, resize="stretch_crop", resize_hw_px=(128, 171)), 800, 534)
    assert (to.width, to.height, to.left, to.top) == (171, 128, 30, 8)


def test_bilinear_2x2_reads_the_four_nearest_pixels() -> None:
    """8 pixels to 2: centres at 2 and 6 lie between pixels 1, 2 and 5, 6, of which it takes the mean."""
    row = np.array([0, 10, 20, 200, 200, 50, 70, 255], dtype=np.uint8)
    image = Image.fromarray(np.repeat(np.tile(row, (2, 1))[..., None], 3, axis=2))
    spec = PixelSpec(1, 2, interpolation="bilinear_2x2", decode="exact")
    np.testing.assert_array_equal(ready_pixels(image, spec, None)[0, :, 0], [15, 60])


def test_boxes_are_clipped_to_the_image() -> None:
    assert clip_box(Box(-5, 2, 300, 9), 100, 8) == Box(0, 2, 100, 8)
    assert clip_box(Box(100, 0, 120, 8), 100, 8) is None
    assert whole_pixels(Box(99.7, 0.2, 99.9, 0.3), 100, 8) == (99, 0, 100, 1)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image"),
        (b"\x00\x00\x00\x20ftypavif", "image"),
        (b"\x00\x00\x00\x20ftypisom", "video"),
        (b"RIFF0000AVI LIST", "video"),
        (b"RIFF0000WEBPVP8 ", "image"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"P3 2 2 255 0 0 0", "image"),
        ("gr\u00fc\u00df dich\n".encode(), "text"),
        (("x" * 4095 + "\u00e9").encode()[:4096], "text"),
        (b"G@\x00\x10\x00", "unknown"),
    ],
)
def test_first_bytes(head: bytes, kind: str) -> None:
    assert look(head) == kind


def test_kinds_of_text() -> None:
    assert text_kind(b"\xef\xbb\xbf<!DOCTYPE html><html>") == "a web page"
    assert text_kind(b"hello") == "a text file"


def test_webp_states_its_size_in_the_header() -> None:
    extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xfe\x3f\x00" + b"\x0f\x00\x00"
    assert webp_size(extended) == (0x3FFF, 16)
    assert webp_size(b"RIFF") is None


def test_clocks_compare_ticks() -> None:
    """A start of 1.466667 s, rounded to microseconds, is tick 132000 of 1/90000: t is 0, not -3e-7."""
    clock = Clock(Fraction(1, 90000), round(Fraction(1466667, 1_000_000) * 90000))
    assert clock.seconds(132000) == 0
    assert clock.text == "1/90000"


def test_the_median_gap_leaves_out_doubles() -> None:
    gaps = Gaps()
    assert gaps.median() == 1
    for pts in (0, 40, 80, 80, 120, 900):
        gaps.add(pts)
    assert gaps.median() == 40


def test_damage_is_said_in_sentences() -> None:
    damage = Damage()
    assert damage.sentences() == ()
    damage.undecoded(ValueError("bad slice."), Fraction(5, 2))
    damage.n_backwards = 1200
    damage.log.add("h264", "error while decoding MB 3 4\n")
    assert damage.n_lost == 1
    assert damage.sentences() == (
        "1 frame could not be decoded, the first at about 2.50 s: bad slice.",
        "1,200 frames went back in time and were placed directly after the frame before.",
        "FFmpeg reported damage (messages: 1), first 'h264: error while decoding MB 3 4'.",
    )


def test_foreign_messages_are_cleaned() -> None:
    assert clean("a\n\x1b[31mb\t c. ") == "a [31mb c"
    assert len(clean("x" * 999)) == 160
    assert why_not(MemoryError()) == "it needs more memory than the limit allows"
    assert why_not(KeyError()) == "the decoder failed (KeyError)"


def test_the_table_of_signatures_has_no_line_that_another_hides() -> None:
    """The first mark that fits counts, so a longer one must come before a shorter one with the same start."""
    for table in (SIGNATURES, BRANDS):
        marks = [signature.mark for signature in table]
        for i, mark in enumerate(marks):
            assert not any(mark.startswith(earlier) for earlier in marks[:i]), mark
