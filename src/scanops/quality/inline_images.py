"""Pictures inside a page: small JPEGs as `data:` addresses, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

SIDE_PX = 160
QUALITY = 70


@dataclass(frozen=True)
class InlineImage:
    """A picture ready for an `img` element.

    Attributes:
        source: `data:image/jpeg;base64,…`.
        width: In pixels.
        height: In pixels.
    """

    source: str
    width: int
    height: int


class InlineImages:
    """Encodes the pictures that a page shows, each once.

    Args:
        pictures: Gives the decoded picture of a path, mode `L` or `RGB`, or None where there is none.
    """

    def __init__(self, pictures: Callable[[str], Image.Image | None]) -> None:
        self._pictures = pictures
        self._encoded: dict[str, InlineImage | None] = {}

    def get(self, path: str) -> InlineImage | None:
        """Encode a picture.

        Args:
            path: A path of the manifest.

        Returns:
            The picture with its longer side at most `SIDE_PX`, or None where it cannot be read.
        """
        if path not in self._encoded:
            picture = self._pictures(path)
            self._encoded[path] = None if picture is None else _encode(picture)
        return self._encoded[path]


def _encode(picture: Image.Image) -> InlineImage:
    small = picture.copy() if picture.mode in ("L", "RGB") else picture.convert("RGB")
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    # Pillow writes a picture's comment into the new file: it may name the patient.
    small.info = {}
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return InlineImage(f"data:image/jpeg;base64,{text}", small.width, small.height)
