"""Two views of a picture: its frame, and its content."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scanops.data import thumbnails
from tests.pictures import noise


def _smooth(seed: int, side_px: int = 400) -> Image.Image:
    return Image.fromarray(noise(seed, 8, 8)[..., 0]).resize((side_px, side_px), Image.Resampling.BICUBIC)


def _bits(image: Image.Image) -> int:
    return int(thumbnails.hash_perceptually(thumbnails.take(thumbnails.reduce(np.asarray(image)))), 16)


def test_perceptual_hash_survives_resizing() -> None:
    """A smaller copy of a smooth picture keeps nearly all bits; another picture does not."""
    first, second, third = _bits(_smooth(5)), _bits(_smooth(5).resize((150, 150))), _bits(_smooth(6))
    assert (first ^ second).bit_count() <= 4
    assert (first ^ third).bit_count() >= 16


def test_content_is_found_without_its_border() -> None:
    """What stands on a plain border, black or white, is boxed to the pixel; specks do not count."""
    for border in (0, 255):
        canvas = Image.new("L", (200, 160), border)
        canvas.paste(_smooth(1, 90), (30, 40))
        canvas.putpixel((5, 5), 255 - border)
        left, top, right, bottom = thumbnails.find_content(np.asarray(canvas))
        assert max(abs(left - 30), abs(top - 40), abs(right - 120), abs(bottom - 130)) <= 3


def test_a_plain_picture_is_all_content() -> None:
    """Where nothing stands out, the whole frame is the content."""
    assert thumbnails.find_content(np.full((50, 70), 9, np.uint8)) == (0, 0, 70, 50)


def test_views_of_any_shape_are_small_squares() -> None:
    """Pictures of one pixel, one row, or thousands of pixels give the same number of bytes."""
    for size in ((1, 1), (1, 900), (3000, 2), (640, 480)):
        taken = thumbnails.take(thumbnails.reduce(np.full(size, 7, np.uint8)))
        assert len(taken) == thumbnails.BYTES
        assert np.all(thumbnails.unpack(taken) == 7)


def test_halving_is_pillows() -> None:
    """Pictures of twice the working size shrink to what Pillow's own reduction gives, bit for bit."""
    for height, width in ((512, 512), (300, 640), (2, 600), (600, 2), (511, 600), (600, 511)):
        levels = noise(3, height, width)[..., 0].copy()
        expected = np.asarray(Image.fromarray(levels).reduce(2))
        assert np.array_equal(thumbnails.reduce(levels), expected)
