"""A network is asked about the very pixels that it was taught on, whichever way they come."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanops import imaging
from scanops.bundle import batch
from scanops.bundle.predictor import Predictor
from scanops.imaging import CropTally, InputForm
from scanops.serving.limits import Limits
from scanops.serving.one_batch import OneBatch
from scanops.training import pixels
from tests import dicom_files
from tests.bundles import make_bundle
from tests.heads import Head
from tests.pictures import encode, noise, save

HEADS = [Head(300, 260), Head(120, 200, 0.4, 0.5, 0.3, 0.3), Head(700, 500, 0.55, 0.45, 0.2, 0.3)]


def _rotated(shown: np.ndarray) -> bytes:
    """Store a picture lying on its side, with the EXIF entry that stands it up."""
    image = Image.fromarray(shown)
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Heads and no heads, in every way that files store pictures."""
    for number, head in enumerate(HEADS):
        shown = head.draw(number)
        save(tmp_path / f"raw/{number}.png", encode(shown, "PNG", "L"))
        save(tmp_path / f"raw/{number}.jpg", encode(shown, "JPEG"))
        save(tmp_path / f"raw/{number}.bmp", encode(shown, "BMP", "P"))
        save(tmp_path / f"raw/{number}-lying.jpg", _rotated(shown))
    frames = np.stack([HEADS[0].draw(seed)[..., 0] for seed in range(3)])
    save(tmp_path / "raw/x.dcm", dicom_files.encode(frames))
    save(tmp_path / "raw/none.png", encode(noise(3)))
    return tmp_path / "raw"


@pytest.mark.parametrize("crop", ["none", "brain"])
def test_training_and_serving_see_the_same_pixels(raw: Path, tmp_path: Path, crop: imaging.Crop) -> None:
    """The trainer's array, the batch reader and the service's way give the same bytes and the same count.

    Some of the JPEGs are so large that a fraction of their pixels is decoded: by everybody, or by nobody.
    """
    predictor = Predictor(make_bundle(tmp_path / "bundle", size_px=64, crop=crop))
    files = sorted(path.name for path in raw.iterdir() if path.suffix != ".dcm")
    frames = [imaging.frame_path("x.dcm", number) for number in range(3)]
    trained_on, served = CropTally(), CropTally()
    with pixels.decoded(raw, [*files, *frames], InputForm(64, "pad", crop), trained_on) as array:
        taught = np.array(array)
    read = np.concatenate(list(batch.read(predictor, raw, [*files, *frames], tally=served)))
    np.testing.assert_array_equal(taught, read)
    sent = np.stack([predictor.prepare((raw / name).read_bytes()) for name in files])
    np.testing.assert_array_equal(taught[: len(files)], sent)
    threads = OneBatch(predictor, Limits(), lambda _: None, remembered=False)
    served_as = np.stack([threads.prepare((raw / name).read_bytes()).pixels for name in files])
    np.testing.assert_array_equal(taught[: len(files)], served_as)
    expected = (len(files) + 3, 1) if crop == "brain" else (0, 0)
    assert (trained_on.images, trained_on.fallbacks) == (served.images, served.fallbacks) == expected


def test_the_crop_shows(raw: Path, tmp_path: Path) -> None:
    """A bundle that says `brain` sees a larger head than one that says `none`, in the same file."""
    data = (raw / "0.png").read_bytes()
    folders = {crop: make_bundle(tmp_path / crop, size_px=64, crop=crop) for crop in ("none", "brain")}
    means = {crop: Predictor(folder).prepare(data).mean() for crop, folder in folders.items()}
    assert means["brain"] > 1.5 * means["none"]
