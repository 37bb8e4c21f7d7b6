"""DICOM files: every syntax, frames, who they name, and hostile bytes within bounds."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.filewriter import dcmwrite
from pydicom.pixels.decoders.base import get_decoder

from scanops import dicom_elements, dicom_frames, imaging
from scanops.errors import ImageError
from tests import dicom_files
from tests.dicom_files import BUNDLED
from tests.pictures import save

GREY = np.random.default_rng(1).integers(0, 4096, (20, 30), np.uint16)
FRAMES = np.random.default_rng(2).integers(0, 256, (5, 20, 30), np.uint8)
PICTURES = [
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "examples_palette.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtdose_rle.dcm",
]


def refused(data: bytes, max_pixels: int = 10**6) -> ImageError:
    """Decode what must be refused."""
    with pytest.raises(ImageError) as caught:
        list(imaging.decode_frames(data, subject="scan", max_pixels=max_pixels, max_frames=100))
    assert str(caught.value).startswith("scan: ")
    return caught.value


def test_header_is_told() -> None:
    """Format, mode and size are those of the file, and the pixels are grey."""
    decoded = imaging.decode(dicom_files.encode(GREY))
    assert (decoded.format, decoded.mode, decoded.width, decoded.height) == ("DICOM", "I;16", 30, 20)
    assert decoded.picture.mode == "L"
    assert imaging.decode(dicom_files.encode(GREY.astype(np.uint8))).mode == "L"
    assert imaging.decode(dicom_files.encode(np.zeros((4, 5, 3), np.uint8))).mode == "RGB"
    assert imaging.count_pixels(dicom_files.encode(GREY)) == 600


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.dcm")), ids=lambda path: path.stem)
def test_every_file_decodes_or_says_why_not(path: Path) -> None:
    """Each file that pydicom brings along is a picture, or gets the kind that it deserves."""
    shapes, sizes = [], []
    with contextlib.suppress(ImageError):
        for image in imaging.decode_frames(path.read_bytes(), max_frames=100):
            shapes.append(image.pixels.shape)
            sizes.append((image.height, image.width, 3))
    assert shapes == sizes


def _without_a_decoder() -> list[Path]:
    found = []
    for path in sorted(BUNDLED.glob("*.dcm")):
        data = pydicom.dcmread(path, force=True)
        syntax = data.file_meta.get("TransferSyntaxUID", uid.ImplicitVRLittleEndian)
        if "PixelData" in data and syntax.is_encapsulated and not get_decoder(syntax).is_available:
            found.append(path)
    return found


@pytest.mark.parametrize("path", _without_a_decoder(), ids=lambda path: path.stem)
def test_compressed_syntax_without_a_decoder_is_named(path: Path) -> None:
    """Where no decoder is installed, the message names the syntax and the remedy."""
    error = refused(path.read_bytes())
    assert error.kind == "unsupported"
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.name in error.fault
    assert "gdcmconv" in error.remedy


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm"),
        ("SC_rgb_rle_32bit.dcm", "SC_rgb_rle.dcm"),
        ("rtdose_rle_1frame.dcm", "rtdose_1frame.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
    ],
)
def test_lossless_syntaxes_agree(name: str, reference: str) -> None:
    """One picture in two syntaxes is one picture."""
    one, other = (imaging.decode((BUNDLED / file).read_bytes()).pixels for file in (name, reference))
    np.testing.assert_array_equal(one, other)


def test_run_lengths_agree_with_pydicom() -> None:
    """Our unpacking of RLE gives what pydicom's own does, frame by frame, for runs and for noise."""
    calm = np.repeat(np.arange(12, dtype=np.uint16).reshape(3, 4), 50, axis=1).reshape(3, 10, 20)
    for stored in (calm, FRAMES, FRAMES.astype(np.int16) - 100):
        made = dicom_files.dataset(stored)
        made.compress(uid.RLELossless)
        for number in range(len(stored)):
            ours = dicom_frames.decode(made, uid.RLELossless, number, "scan")
            np.testing.assert_array_equal(ours, stored[number])


def test_lossy_jpeg_is_close() -> None:
    """A JPEG inside decodes as the picture it was made of."""
    flat = np.full((32, 48, 3), (200, 40, 90), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(flat).save(buffer, "JPEG", quality=95)
    data = dicom_files.encapsulated(
        flat, uid.JPEGBaseline8Bit, [buffer.getvalue()], PhotometricInterpretation="YBR_FULL_422"
    )
    assert np.abs(imaging.decode(data).pixels.astype(int) - flat).max() <= 3


def test_without_preamble() -> None:
    """A file without preamble, and one without any file meta information, is read like the others."""
    plain = dicom_files.encode(GREY)
    np.testing.assert_array_equal(imaging.decode(plain[132:]).pixels, imaging.decode(plain).pixels)
    for implicit, little in ((True, True), (False, True), (False, False)):
        made = dicom_files.dataset(GREY)
        if not little:
            made.PixelData = GREY.byteswap().tobytes()
        buffer = io.BytesIO()
        del made.file_meta.TransferSyntaxUID
        bare = pydicom.Dataset(made)
        dcmwrite(buffer, bare, implicit_vr=implicit, little_endian=little, force_encoding=True)
        np.testing.assert_array_equal(imaging.decode(buffer.getvalue()).pixels, imaging.decode(plain).pixels)


def test_deflated() -> None:
    """A deflated file is unpacked."""
    made = dicom_files.dataset(GREY)
    made.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    expected = imaging.decode(dicom_files.encode(GREY)).pixels
    np.testing.assert_array_equal(imaging.decode(dicom_files.written(made)).pixels, expected)


def test_frames_come_in_order() -> None:
    """Each frame is an image, the same by its number as in a row."""
    data = dicom_files.encode(FRAMES)
    images = list(imaging.decode_frames(data, max_frames=5))
    assert len(images) == 5
    for number, image in enumerate(images):
        np.testing.assert_array_equal(image.pixels[..., 0], FRAMES[number])
        np.testing.assert_array_equal(imaging.decode(data, frame=number).pixels, image.pixels)


def test_frames_of_bits_need_not_begin_at_a_byte() -> None:
    """Frames of one bit a pixel are packed without a gap."""
    bits = np.random.default_rng(3).integers(0, 2, (3, 5, 3), np.uint8)
    made = dicom_files.dataset(bits, NumberOfFrames=3, Rows=5, Columns=3, SamplesPerPixel=1)
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PhotometricInterpretation = 1, 1, 0, "MONOCHROME2"
    del made.PlanarConfiguration
    made.PixelData = np.packbits(bits.ravel(), bitorder="little").tobytes()
    images = list(imaging.decode_frames(dicom_files.written(made), max_frames=3))
    np.testing.assert_array_equal([image.pixels[..., 0] for image in images], bits * 255)


def test_several_frames_are_no_image() -> None:
    """Which frame is meant must be said; the message says how many there are."""
    data = dicom_files.encode(FRAMES)
    with pytest.raises(ImageError, match="holds 5 frames") as caught:
        imaging.decode(data)
    assert caught.value.kind == "unsupported"
    with pytest.raises(ImageError, match="no frame 5, only 5"):
        imaging.decode(data, frame=5)


def test_too_many_frames() -> None:
    """The number of frames is bounded, by the header alone."""
    with pytest.raises(ImageError, match="holds 5 frames, more than 4") as caught:
        next(iter(imaging.decode_frames(dicom_files.encode(FRAMES), max_frames=4)))
    assert caught.value.kind == "unsupported"


def test_frames_of_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that names a frame leads to it; the file is parsed once for frames asked for in a row."""
    save(tmp_path / "a b/x.dcm", dicom_files.encode(FRAMES))
    parsed = []
    original = dicom_elements.parse

    def counted(data: bytes, subject: str) -> tuple[pydicom.Dataset, uid.UID]:
        parsed.append(subject)
        return original(data, subject)

    monkeypatch.setattr(dicom_elements, "parse", counted)
    for number, path in enumerate(imaging.frame_path("a b/x.dcm", n) for n in range(5)):
        np.testing.assert_array_equal(imaging.read(tmp_path, path).pixels[..., 0], FRAMES[number])
    assert parsed == ["a b/x.dcm"]
    save(tmp_path / "a b/x.dcm", dicom_files.encode(FRAMES[::-1].copy(), StudyDescription="changed"))
    np.testing.assert_array_equal(imaging.read(tmp_path, "a b/x.dcm/frame-0000").pixels[..., 0], FRAMES[4])
    with pytest.raises(ImageError, match="no frame 7"):
        imaging.read(tmp_path, "a b/x.dcm/frame-0007")


def test_a_frame_of_a_picture_is_refused(tmp_path: Path) -> None:
    """Only DICOM is read by frames."""
    buffer = io.BytesIO()
    Image.new("L", (9, 9)).save(buffer, "PNG")
    save(tmp_path / "x.png", buffer.getvalue())
    with pytest.raises(ImageError, match="no frames"):
        imaging.read(tmp_path, "x.png/frame-0001")
    with pytest.raises(ImageError, match="no frame 1"):
        imaging.decode(buffer.getvalue(), frame=1)


@pytest.mark.parametrize(
    ("elements", "kind", "said"),
    [
        ({"Rows": 60000, "Columns": 60000}, "unsupported", "60000 × 60000 pixels"),
        ({"Rows": 0}, "undecodable", "30 × 0 pixels"),
        ({"NumberOfFrames": 90}, "truncated", "ends before"),
        ({"NumberOfFrames": -1}, "undecodable", "-1 frames"),
        ({"BitsAllocated": 64, "BitsStored": 64}, "unsupported", "64 bits"),
        ({"SamplesPerPixel": 4}, "unsupported", "4 samples"),
        ({"BitsStored": 17}, "undecodable", "cannot be decoded"),
        ({"PhotometricInterpretation": "HSV"}, "unsupported", "photometric"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "unsupported", "palette in segments"),
        ({"PhotometricInterpretation": None}, "undecodable", "AttributeError"),
        ({"PhotometricInterpretation": "RGB"}, "undecodable", "cannot be decoded"),
        ({"Rows": None, "SOPClassUID": uid.EncapsulatedPDFStorage}, "unsupported", "without a picture"),
        ({"Rows": None}, "truncated", "ends before"),
        ({"RescaleSlope": "1e300", "RescaleIntercept": "nan"}, "undecodable", "cannot be decoded"),
    ],
)
def test_impossible_headers(elements: dict[str, object], kind: str, said: str) -> None:
    """What the header claims is held against bounds, and against the bytes that are there."""
    error = refused(dicom_files.encode(GREY, **elements))
    assert (error.kind, said in error.fault) == (kind, True), error


def test_pixels_in_floating_point() -> None:
    """Parametric maps are named for what they are."""
    made = dicom_files.dataset(GREY)
    del made.PixelData
    made.FloatPixelData = GREY.astype(np.float32).tobytes()
    assert "floating point" in refused(dicom_files.written(made)).fault


def _peak_mb(data: bytes) -> float:
    tracemalloc.start()
    try:
        refused(data)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_run_length_bomb() -> None:
    """A run-length code that unfolds to far more than the picture writes no more than the picture."""
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    data = dicom_files.encapsulated(FRAMES[0], uid.RLELossless, [header + b"\x81\x07" * 500_000])
    assert set(np.unique(imaging.decode(data).pixels)) == {7}
    tracemalloc.start()
    imaging.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("kind", "syntax"), [("JPEG", uid.JPEGBaseline8Bit), ("JPEG2000", uid.JPEG2000Lossless)]
)
def test_a_code_stream_of_another_size(kind: str, syntax: uid.UID) -> None:
    """What the code stream inside claims is checked before its decoder makes room for it."""
    buffer = io.BytesIO()
    options = {"no_jp2": True} if kind == "JPEG2000" else {}
    Image.new("L", (3000, 2000)).save(buffer, kind, **options)
    data = dicom_files.encapsulated(FRAMES[0], syntax, [buffer.getvalue()])
    assert "another size" in refused(data).fault
    assert _peak_mb(data) < 3


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_box_without_a_length_does_not_hang(length: int) -> None:
    """A code stream in boxes of JPEG 2000, one of which is shorter than its header, is refused at once."""
    file = io.BytesIO()
    Image.new("L", (40, 48)).save(file, "JPEG2000")
    boxed = bytearray(file.getvalue())
    good = dicom_files.encapsulated(np.zeros((48, 40), np.uint8), uid.JPEG2000Lossless, [bytes(boxed)])
    assert imaging.decode(good).width == 40
    boxed[12:16] = length.to_bytes(4, "big")
    bad = dicom_files.encapsulated(np.zeros((48, 40), np.uint8), uid.JPEG2000Lossless, [bytes(boxed)])
    assert refused(bad).kind == "undecodable"


def test_deflate_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to too much is refused at the bound."""
    monkeypatch.setattr(dicom_elements, "MAX_INFLATED_BYTES", 1 << 20)
    made = dicom_files.dataset(GREY)
    made.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    made.PixelData = bytes(50 << 20)
    data = dicom_files.written(made)
    assert len(data) < 200_000
    error = refused(data)
    assert (error.kind, "unpacks" in error.fault) == ("unsupported", True)
    assert _peak_mb(data) < 20


def test_a_flood_of_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of nothing but elements is left after a bounded number, within sequences, too."""
    monkeypatch.setattr(dicom_elements, "MAX_READS", 20_000)
    start = dicom_files.encode(GREY)[:400].ljust(400)
    meta = start[: start.index(b"\x08\x00\x16\x00")]
    flat = b"".join(struct.pack("<HH2sH", 0x11 + n // 60000 * 2, n % 60000, b"SH", 0) for n in range(60_000))
    assert "more elements" in refused(meta + flat).fault
    item = b"\xfe\xff\x00\xe0\0\0\0\0"
    nested = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + item * 60_000
    assert "more elements" in refused(meta + nested).fault


def test_endless_nesting() -> None:
    """Sequences within sequences do not exhaust the stack."""
    start = dicom_files.encode(GREY)
    meta = start[: start.index(b"\x08\x00\x16\x00")]
    level = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    assert refused(meta + level * 20_000).kind in ("undecodable", "truncated")


def test_a_flood_of_fragments() -> None:
    """Pixel data cut into very many pieces are not put together."""
    data = dicom_files.encapsulated(FRAMES[0], uid.JPEGBaseline8Bit, [b"\xff\xd8\xff\xd9"])
    place = data.rindex(b"\xfe\xff\xdd\xe0")
    flood = b"\xfe\xff\x00\xe0\0\0\0\0" * (dicom_frames.MAX_FRAGMENTS + 1)
    assert "fragments" in refused(data[:place] + flood + data[place:]).fault


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(PICTURES),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=20),
    st.booleans(),
    st.floats(0, 1),
)
def test_damage_never_crashes(name: str, edits: list[tuple[int, int]], early: bool, kept: float) -> None:
    """A damaged file decodes, or raises `ImageError` in bounded time; its size is read or is 0."""
    data = bytearray((BUNDLED / name).read_bytes())
    for position, value in edits:
        data[position % min(len(data), 2500 if early else len(data))] = value
    damaged = bytes(data[: max(1, int(len(data) * kept))] if not edits else data)
    begun = time.process_time()
    assert imaging.count_pixels(damaged) >= 0
    with contextlib.suppress(ImageError):
        for image in imaging.decode_frames(damaged, max_pixels=10**6, max_frames=50):
            assert image.pixels.dtype == np.uint8
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_cut_is_truncated(name: str) -> None:
    """A file that ends within its pixels says so."""
    data = (BUNDLED / name).read_bytes()
    pixels = pydicom.dcmread(io.BytesIO(data))["PixelData"].value
    kind = refused(data[: len(data) - len(pixels) // 2 if name != "image_dfl.dcm" else len(data) // 2]).kind
    assert kind == "truncated"


def test_nothing_of_the_file_is_said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither warnings nor logs nor messages hold a value of a damaged file: values name patients."""
    named = {"PatientName": "Roe^Jane", "PatientID": "4711-secret", "StudyDate": "Roe^Jane"}
    plain = dicom_files.encode(GREY, WindowCenter="8888", WindowWidth="9999", **named)
    several = dicom_files.encode(GREY, NumberOfFrames="8888", **named)
    files = [plain.replace(b"9999", b"Roe^"), several.replace(b"8888", b"Roe^"), plain[:-300]]
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")  # pytest undoes what the module set
        messages = [str(refused(file)) for file in files]
    said = (
        "".join(messages)
        + caplog.text
        + "".join(capfd.readouterr())
        + "".join(str(one.message) for one in caught)
    )
    assert "Roe" not in said
    assert "4711" not in said


def test_private_syntax_is_named_without_its_text() -> None:
    """An unknown transfer syntax is unsupported, and only digits of it are shown."""
    made = dicom_files.dataset(GREY)
    data = dicom_files.written(made).replace(b"1.2.840.10008.1.2.1\0", b"1.9.9\x1b[2J.9.9.9.9.9.9\0"[:20])
    error = refused(data)
    assert error.kind == "unsupported"
    assert error.fault.isprintable()


def test_deflated_bytes_that_are_none() -> None:
    """Damage in a deflated part is damage of the file."""
    data = (BUNDLED / "image_dfl.dcm").read_bytes()
    assert refused(data[:400] + zlib.compress(b"x" * 1000) + data[400:]).kind in ("undecodable", "truncated")


def test_hostile_files_are_refused_quickly() -> None:
    """A megabyte of each kind of flood costs a second at most."""
    begun = time.process_time()
    meta = dicom_files.encode(GREY)[:132]
    refused(meta + b"\x08\x00\x16\x00SQ\0\0\xff\xff\xff\xff" * 80_000)
    refused(meta + b"\x10\x00\x10\x00PN\0\0" * 130_000)
    assert time.process_time() - begun < 5
