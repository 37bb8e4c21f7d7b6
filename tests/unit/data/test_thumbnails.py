"""Two views of a picture: its frame, and its content."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scanops.data import thumbnails
from tests.pictures import noise


def _smooth(seed: int, side_px: int = 400) -> Image.Image:
    return Image.fromarray(noise(seed, 8, 8)[..., 0]).resize((side_px, side_px), Image.Resampling.BICUBIC)


def _bits(image: Image.Image) -> int:
    return int(thumbnails.hash_perceptually(thumbnails.take(thumbnails.reduce(image))), 16)


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
        left, top, right, bottom = thumbnails.find_content(canvas)
        assert max(abs(left - 30), abs(top - 40), abs(right - 120), abs(bottom - 130)) <= 3


def test_a_plain_picture_is_all_content() -> None:
    """Where nothing stands out, the whole frame is the content."""
    assert thumbnails.find_content(Image.new("L", (70, 50), 9)) == (0, 0, 70, 50)


def test_views_of_any_shape_are_small_squares() -> None:
    """Pictures of one pixel, one row, or thousands of pixels give the same number of bytes."""
    for size in ((1, 1), (1, 900), (3000, 2), (640, 480)):
        taken = thumbnails.take(thumbnails.reduce(Image.new("L", size, 7)))
        assert len(taken) == thumbnails.BYTES
        assert np.all(thumbnails.unpack(taken) == 7)
