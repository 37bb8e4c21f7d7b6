"""Pictures in a page are small, the same each time, and carry nothing but pixels."""

from __future__ import annotations

import base64
import io

from PIL import Image

from scanops.quality.inline_images import SIDE_PX, InlineImages
from tests import pictures


def _decode(source: str) -> bytes:
    return base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))


def test_pictures_are_shrunk_once() -> None:
    """A picture is asked for once, fits the thumbnail, and keeps its shape."""
    asked: list[str] = []

    def give(path: str) -> Image.Image:
        asked.append(path)
        return Image.fromarray(pictures.noise(1, 100, 320))

    images = InlineImages(give)
    first = images.get("a.png")
    assert first is images.get("a.png")
    assert asked == ["a.png"]
    assert first is not None
    assert (first.width, first.height) == (SIDE_PX, 50)
    assert Image.open(io.BytesIO(_decode(first.source))).size == (SIDE_PX, 50)


def test_metadata_stay_behind() -> None:
    """A comment, EXIF and a colour profile, which may name a patient, do not reach the page."""
    picture = Image.fromarray(pictures.noise(1)).convert("L")
    picture.info.update(
        comment=b"Jane Roe", exif=b"Exif\0\0Jane Roe", icc_profile=b"Jane Roe", dpi=(300, 300)
    )
    found = InlineImages({"a.jpg": picture}.get).get("a.jpg")
    assert found is not None
    assert b"Jane Roe" not in _decode(found.source)
    assert picture.info["comment"] == b"Jane Roe"


def test_other_modes_are_converted() -> None:
    """A palette or an alpha channel is no reason to fail."""
    for mode in ("P", "RGBA", "1", "I;16"):
        assert InlineImages({"a": Image.new(mode, (9, 9))}.get).get("a") is not None


def test_missing_pictures_are_none() -> None:
    """What cannot be read is not asked for again."""
    asked: list[str] = []
    images = InlineImages(asked.append)  # returns None
    assert images.get("a") is None
    assert images.get("a") is None
    assert asked == ["a"]
