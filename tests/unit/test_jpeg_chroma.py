"""A JPEG is called grey by its header only where every pixel is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scanops import imaging, jpeg_chroma
from scanops.errors import ImageError
from tests.pictures import encode, noise

ADOBE = b"\xff\xee\x00\x0eAdobe\x00d\x00\x00\x00\x00"  # and the transform


def _tinted(seed: int = 1) -> imaging.Pixels:
    """Grey noise of which one corner has a colour."""
    pixels = noise(seed).copy()
    pixels[:16, :16, 0] = 255 - pixels[:16, :16, 0]
    return pixels


def _in_colours(data: bytes) -> imaging.Pixels:
    """Decode as Pillow does when nobody tells it that there is no colour."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@given(
    seed=st.integers(0, 99),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    quality=st.sampled_from((1, 40, 75, 100)),
    subsampling=st.sampled_from((0, 1, 2)),
    enough_px=st.sampled_from((None, 8, 24)),
)
def test_one_channel_gives_what_three_would(
    seed: int, height: int, width: int, quality: int, subsampling: int, enough_px: int | None
) -> None:
    """Whatever the size, the quality, the subsampling and the part decoded: the same levels, to the bit."""
    data = encode(noise(seed, height, width), "JPEG", quality=quality, subsampling=subsampling, optimize=True)
    assert jpeg_chroma.is_empty(data)
    form = None if enough_px is None else imaging.InputForm(enough_px)
    found = imaging.decode(data, form=form)
    assert (found.picture.mode, found.mode) == ("L", "RGB")
    with Image.open(io.BytesIO(data)) as image:
        if enough_px is not None:
            image.draft(None, (enough_px, enough_px))
        np.testing.assert_array_equal(found.pixels, np.asarray(image.convert("RGB")))


def test_pixels_are_hashed_and_fitted_alike() -> None:
    """A network sees the same of a grey picture whether or not its header told."""
    told, untold = (encode(noise(3), "JPEG", optimize=optimize) for optimize in (True, False))
    assert (jpeg_chroma.is_empty(told), jpeg_chroma.is_empty(untold)) == (True, False)
    form = imaging.InputForm(32)
    fitted = [imaging.to_input(imaging.decode(data, form=form), form) for data in (told, untold)]
    np.testing.assert_array_equal(*fitted)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(_tinted(), "JPEG", optimize=True), id="one corner has a colour"),
        pytest.param(encode(noise(1), "JPEG"), id="tables as the standard has them"),
        pytest.param(encode(noise(1), "JPEG", optimize=True, progressive=True), id="progressive"),
        pytest.param(encode(noise(1), "JPEG", "L", optimize=True), id="one channel"),
        pytest.param(encode(noise(1), "JPEG", "CMYK", optimize=True), id="four channels"),
        pytest.param(encode(noise(1)), id="no JPEG"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_does_not_tell_is_decoded_in_colours(data: bytes) -> None:
    """Nothing is called grey for want of a sign of colour."""
    assert not jpeg_chroma.is_empty(data)


def test_three_channels_that_are_colours_themselves() -> None:
    """Red with empty green and blue has the same tables as luminance without colour differences."""
    told = encode(noise(1), "JPEG", optimize=True)
    start = told.index(b"\xff\xdb")  # after JFIF's header, which would say YCbCr
    red = told[:2] + ADOBE + b"\x00" + told[start:]
    assert not jpeg_chroma.is_empty(red)
    found = imaging.decode(red).pixels
    np.testing.assert_array_equal(found, _in_colours(red))
    assert (found[..., 0] != found[..., 1]).any()
    assert jpeg_chroma.is_empty(told[:2] + ADOBE + b"\x01" + told[start:])


def test_what_decoders_step_over_hides_nothing() -> None:
    """Tables that stand behind rubbish, which looks like a segment around them, are those of the decoder."""
    told, coloured = (encode(pixels, "JPEG", optimize=True) for pixels in (noise(1), _tinted()))
    assert jpeg_chroma.is_empty(told)
    silent = [_segment(told, at) for at in _places(told, 0xC4)]
    at = coloured.index(b"\xff\xc4")
    hidden = coloured[at : coloured.index(b"\xff\xda")]
    around = b"\xff\x00" + (len(hidden) + 2).to_bytes(2, "big")
    data = coloured[:at] + b"".join(silent) + around + hidden + coloured[coloured.index(b"\xff\xda") :]
    assert not jpeg_chroma.is_empty(data)
    np.testing.assert_array_equal(imaging.decode(data).pixels, _in_colours(data))


def _places(data: bytes, marker: int) -> list[int]:
    header = data[: data.index(b"\xff\xda")]
    return [at for at in range(len(header) - 1) if header[at : at + 2] == bytes((0xFF, marker))]


def _segment(data: bytes, at: int) -> bytes:
    return data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]


def test_later_scans_could_bring_colour() -> None:
    """A file whose first scan is of the luminance alone is not told by the tables that it has till then."""
    told = encode(noise(1), "JPEG", optimize=True)
    at = told.index(b"\xff\xda")
    alone = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert not jpeg_chroma.is_empty(told[:at] + alone + told[at + 14 :])


@given(
    tinted=st.booleans(),
    edits=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6),
    kept=st.floats(0.01, 1.0),
)
def test_damage_is_never_taken_for_grey(tinted: bool, edits: list[tuple[int, int]], kept: float) -> None:
    """A damaged header raises nothing here, and where the picture still comes, it is the one with colours."""
    data = bytearray(encode(_tinted() if tinted else noise(1), "JPEG", optimize=True))
    for place, value in edits:
        data[place % len(data)] = value
    damaged = bytes(data[: max(1, round(kept * len(data)))])
    if not jpeg_chroma.is_empty(damaged):
        return
    try:
        expected = _in_colours(damaged)
    except Exception:  # Pillow's decoders raise many kinds on damaged content
        return
    try:
        found = imaging.decode(damaged).pixels
    except ImageError:
        return
    np.testing.assert_array_equal(found, expected)
