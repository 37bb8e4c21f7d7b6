"""From bytes to pixels: right for every mode, and hostile bytes get a kind, not a crash."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from scanops import imaging
from scanops.errors import ImageError
from tests.pictures import encode, noise, save


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_lossless_formats_keep_their_pixels(image_format: str, mode: str) -> None:
    """What was saved without loss is what is decoded, and the header is told."""
    pixels = noise(1)
    decoded = imaging.decode(encode(pixels, image_format, mode))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert (decoded.format, decoded.mode, decoded.width, decoded.height) == (image_format, mode, 96, 80)


def test_transparency_is_laid_on_black() -> None:
    """A transparent pixel shows black, whatever colour hides below it."""
    rgba = np.full((8, 8, 4), 200, np.uint8)
    rgba[:4, :, 3] = 0
    rgba[4:, :, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG")
    pixels = imaging.decode(buffer.getvalue()).pixels
    assert (pixels[:4] == 0).all()
    assert (pixels[4:] == 200).all()


def test_palette_is_looked_up() -> None:
    """A palette image decodes to the colours of its palette."""
    image = Image.fromarray(noise(2)).convert("P")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    np.testing.assert_array_equal(imaging.decode(buffer.getvalue()).pixels, np.asarray(image.convert("RGB")))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    size_px=st.integers(8, 128),
    turned=st.sampled_from([1, 6]),
    fit=st.sampled_from(["pad", "stretch"]),
)
def test_no_more_of_a_jpeg_is_decoded_than_a_network_needs(
    height: int, width: int, size_px: int, turned: int, fit: imaging.Fit
) -> None:
    """Neither side falls below the network's, the header is told as stored, and it looks the same."""
    shade = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width)).astype(np.uint8)
    image = Image.fromarray(shade).convert("RGB")
    exif = image.getexif()
    exif[0x0112] = turned
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif)
    form = imaging.InputForm(size_px, fit)
    whole, reduced = (imaging.decode(buffer.getvalue(), form=given) for given in (None, form))
    assert (reduced.width, reduced.height, reduced.mode) == (whole.width, whole.height, "RGB")
    assert all(
        side >= min(size_px, stored)
        for side, stored in zip(reduced.picture.size, whole.picture.size, strict=True)
    )
    assert (reduced.picture.size == whole.picture.size) == (turned != 1 or min(height, width) < 2 * size_px)
    seen, expected = (imaging.to_input(one, form).astype(int) for one in (reduced, whole))
    assert np.abs(seen - expected).mean() < 3


def test_a_head_is_looked_for_in_the_whole_picture() -> None:
    """With a crop every pixel is decoded, and what was stored without loss always is."""
    shown = noise(5, 512, 512)
    crop = imaging.InputForm(64, "pad", "brain")
    assert imaging.decode(encode(shown, "JPEG"), form=crop).picture.size == (512, 512)
    assert imaging.decode(encode(shown), form=imaging.InputForm(64)).picture.size == (512, 512)
    (only,) = imaging.decode_frames(encode(shown, "JPEG"), form=imaging.InputForm(64))
    assert only.picture.size == (64, 64)


def test_sixteen_bits_are_scaled_from_their_range() -> None:
    """A 16-bit image uses the whole of 0…255, in the order of its values."""
    values = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    pixels = imaging.decode(buffer.getvalue()).pixels
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels[..., 0].ravel().astype(int)) >= 0).all()


def test_cmyk_becomes_rgb() -> None:
    """A JPEG for print decodes to three channels."""
    assert imaging.decode(encode(noise(3), "JPEG", "CMYK")).pixels.shape == (80, 96, 3)


def test_exif_rotation_is_honoured() -> None:
    """A picture that says it lies on its side is stood up; the stored size is still told."""
    pixels = noise(4)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    decoded = imaging.decode(buffer.getvalue())
    np.testing.assert_array_equal(decoded.pixels, np.rot90(pixels, -1))
    assert (decoded.width, decoded.height) == (96, 80)


def test_identifying_fields_are_named_not_kept() -> None:
    """GPS, artist and text fields are reported by name; their values appear nowhere."""
    image = Image.fromarray(noise(5))
    exif = image.getexif()
    exif[0x013B] = "Jane Roe"
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    decoded = imaging.decode(buffer.getvalue())
    assert decoded.identifying == ("Artist", "GPSInfo")
    assert "Jane" not in repr(decoded)


@pytest.mark.parametrize(
    ("mode", "image_format"),
    [
        ("L", "JPEG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "JPEG"),
        ("RGB", "PNG"),
        ("P", "PNG"),
    ],
)
def test_grey_pictures_come_in_one_channel(mode: str, image_format: str) -> None:
    """However it is stored, and it is shown in three equal ones; nothing but pixels is kept."""
    grey = Image.fromarray(noise(11)).convert("L")
    stored = Image.fromarray(np.asarray(grey, np.uint16) * 9) if mode == "I;16" else grey.convert(mode)
    buffer = io.BytesIO()
    stored.save(buffer, image_format, **({"comment": "Jane"} if image_format == "JPEG" else {}))
    decoded = imaging.decode(buffer.getvalue())
    assert (decoded.mode, decoded.picture.mode, decoded.picture.info) == (mode, "L", {})
    assert decoded.pixels.shape == (80, 96, 3)
    assert (decoded.pixels == decoded.pixels[..., :1]).all()


@given(row=st.integers(0, 79), column=st.integers(0, 95), channel=st.integers(0, 2))
def test_one_colour_keeps_three_channels(row: int, column: int, channel: int) -> None:
    """A single pixel by a single level is enough, wherever it lies."""
    pixels = noise(11)
    pixels[row, column, channel] ^= 1
    decoded = imaging.decode(encode(pixels))
    assert decoded.picture.mode == "RGB"
    np.testing.assert_array_equal(decoded.pixels, pixels)


def test_an_ordinary_file_is_one_image() -> None:
    """Read frame by frame, a picture is one frame, the same as read at once."""
    data = encode(noise(12))
    (only,) = imaging.decode_frames(data)
    np.testing.assert_array_equal(only.pixels, imaging.decode(data).pixels)
    assert only.patient is None


def test_reading_by_path(tmp_path: Path) -> None:
    """A path of the manifest leads to the pixels; links and folders are refused; what is missing raises."""
    save(tmp_path / "a/x.png", encode(noise(13)))
    np.testing.assert_array_equal(imaging.read(tmp_path, "a/x.png").pixels, noise(13))
    (tmp_path / "a/link.png").symlink_to(tmp_path / "a/x.png")
    with pytest.raises(ImageError, match=r"link\.png: is a link"):
        imaging.read(tmp_path, "a/link.png")
    with pytest.raises(ImageError, match="is a folder"):
        imaging.read(tmp_path, "a")
    with pytest.raises(FileNotFoundError):
        imaging.read(tmp_path, "a/gone.png")


@pytest.mark.parametrize(
    ("data", "pixels"),
    [(encode(noise(14), "JPEG"), 80 * 96), (b"no image", 0), (b"", 0), (encode(noise(14))[:20], 0)],
)
def test_pixels_are_counted_by_the_header(data: bytes, pixels: int) -> None:
    """The declared size is told without decoding, and is 0 where none can be read."""
    assert imaging.count_pixels(data) == pixels
    assert imaging.count_pixels(_giant_png()) == 1_600_000_000


def _giant_png() -> bytes:
    """A PNG of 40,000 × 40,000 pixels that is a few hundred bytes long."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    header = (40_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "undecodable"),
        (b"<html><body>404</body></html>", "undecodable"),
        (np.random.default_rng(0).bytes(4096), "undecodable"),
        (encode(noise(6), "JPEG")[:2000], "truncated"),
        (encode(noise(6), "PNG")[:2000], "truncated"),
        (_giant_png(), "unsupported"),
        (encode(noise(6), "GIF", save_all=True, append_images=[Image.fromarray(noise(7))]), "unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "undecodable"),
    ],
    ids=["empty", "html", "random", "cut_jpeg", "cut_png", "giant", "animated", "postscript"],
)
def test_bad_bytes_get_their_kind(data: bytes, kind: str) -> None:
    """Whatever comes, the answer is an `ImageError` of the right kind."""
    with pytest.raises(ImageError) as caught:
        imaging.decode(data, subject="file.jpg")
    assert caught.value.kind == kind
    assert "file.jpg" in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_damage_never_crashes(image_format: str, edits: list[tuple[int, int]], kept: float) -> None:
    """A damaged file decodes, or raises `ImageError`: nothing else, however it was damaged."""
    data = bytearray(encode(noise(8), image_format))
    for position, value in edits:
        data[position % len(data)] = value
    try:
        pixels = imaging.decode(bytes(data[: max(1, int(len(data) * kept))]), max_pixels=10**6).pixels
    except ImageError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3


def _with_exif() -> bytes:
    image = Image.fromarray(noise(9))
    exif = image.getexif()
    exif[0x0112], exif[0x013B] = 6, "A"
    exif.get_ifd(0x8769)[0x9003] = "2018:11:23 15:11:05"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_metadata_never_crashes(edits: list[tuple[int, int]]) -> None:
    """Damage in the EXIF block costs the metadata, never more than an `ImageError`."""
    data = bytearray(_with_exif())
    for position, value in edits:
        data[position] = value
    try:
        imaging.decode(bytes(data), max_pixels=10**6)
    except ImageError:
        return


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_that_of_pillow(orientation: int) -> None:
    """Standing up by our table is what Pillow's own function does."""
    image = Image.fromarray(noise(10, 20, 30))
    exif = image.getexif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    with Image.open(io.BytesIO(buffer.getvalue())) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(imaging.decode(buffer.getvalue()).pixels, expected)
