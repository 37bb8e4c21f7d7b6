"""From a picture to the square: crop, then fit, then three channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanops import brain_crop, imaging, network_input
from scanops.imaging import CropTally, InputForm
from tests.heads import Head
from tests.pictures import encode, noise

HEAD = Head(300, 200, across=0.3, along=0.2)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 128), st.sampled_from(["pad", "stretch"]))
def test_resize_gives_the_square(height: int, width: int, size_px: int, fit: network_input.Fit) -> None:
    """Any aspect becomes the square; an evenly grey image keeps its grey where it is not padded."""
    resized = network_input.resize(np.full((height, width, 3), 77, np.uint8), size_px, fit)
    assert resized.shape == (size_px, size_px, 3)
    assert set(np.unique(resized)) <= {0, 77}
    assert (resized == 77).any()


def test_padding_keeps_the_aspect() -> None:
    """A picture twice as wide as high fills the width and half of the height, centred."""
    resized = network_input.resize(np.full((50, 100, 3), 255, np.uint8), 64, "pad")
    rows = np.flatnonzero(resized[:, 32, 0])
    assert (rows[0], rows[-1]) == (16, 47)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(16, 128),
    st.sampled_from(["pad", "stretch"]),
    st.sampled_from(["none", "brain"]),
)
def test_one_channel_gives_what_three_equal_ones_give(
    height: int, width: int, size_px: int, fit: network_input.Fit, crop: network_input.Crop
) -> None:
    """A grey picture gives the same input in one channel as in three, bit for bit."""
    grey = Image.fromarray(Head(width, height).draw()).convert("L")
    form = InputForm(size_px, fit, crop)
    made = network_input.make(grey, form, None)
    np.testing.assert_array_equal(made, network_input.make(grey.convert("RGB"), form, None))
    assert made.shape == (size_px, size_px, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_without_a_crop_the_whole_picture_is_resized(mode: str) -> None:
    """With `crop: none` an input is what resizing the decoded pixels gives, so that earlier results stay."""
    decoded = imaging.decode(encode(HEAD.draw(), mode=mode))
    for fit in ("pad", "stretch"):
        made = imaging.to_input(decoded, InputForm(48, fit))
        np.testing.assert_array_equal(made, imaging.resize(decoded.pixels, 48, fit))


def test_the_crop_comes_before_the_fit() -> None:
    """The head's box is cut out first; its own aspect is then kept, and it fills the square's longer side."""
    decoded = imaging.decode(encode(HEAD.draw()))
    box = brain_crop.find(decoded.picture)
    assert box is not None
    made = imaging.to_input(decoded, InputForm(64, "pad", "brain"))
    expected = imaging.resize(decoded.pixels[box[1] : box[3], box[0] : box[2]], 64, "pad")
    np.testing.assert_array_equal(made, expected)
    assert not np.array_equal(made, imaging.resize(decoded.pixels, 64, "pad"))


def test_colours_survive() -> None:
    """A colour picture keeps its colours through crop and fit."""
    pixels = HEAD.draw()
    pixels[HEAD.inside] = (200, 90, 40)
    made = imaging.to_input(imaging.decode(encode(pixels)), InputForm(32, "pad", "brain"))
    np.testing.assert_array_equal(made[16, 16], (200, 90, 40))


def test_a_picture_without_a_head_is_whole_and_counted() -> None:
    """Where nothing stands out the input is that of the whole picture, and the tally says so."""
    tally = CropTally()
    form = InputForm(32, "pad", "brain")
    empty = imaging.decode(encode(noise(1)))
    np.testing.assert_array_equal(
        imaging.to_input(empty, form, tally), imaging.to_input(empty, InputForm(32), tally)
    )
    imaging.to_input(imaging.decode(encode(HEAD.draw())), form, tally)
    assert (tally.images, tally.fallbacks) == (2, 1)
