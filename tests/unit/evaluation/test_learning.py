"""The pictures of a training show what they should, and are the same bytes each time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scanops.evaluation import learning
from tests.pictures import noise

CURVE = [{**dict.fromkeys(learning.SHOWN, 0.5), "epoch": float(epoch)} for epoch in (1, 2, 3)]


def _size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def _examples(classes: int) -> dict[int, np.ndarray]:
    return {c: np.stack([noise(10 * c + version, 32, 32) for version in range(4)]) for c in range(classes)}


def test_each_class_has_its_row_of_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture grows by a row a class, up to a page; equal examples give equal bytes."""
    monkeypatch.setattr(learning, "MAX_CLASSES", 3)
    names = ["a", "b", "c", "d"]
    drawn = [learning.render(CURVE, _examples(count), names)["augmented.png"] for count in (1, 2, 3, 4)]
    assert drawn[1] == learning.render(CURVE, _examples(2), names)["augmented.png"]
    assert drawn[2] == drawn[3]
    widths, heights = zip(*map(_size, drawn), strict=True)
    assert len(set(widths)) == 1
    assert heights[1] - heights[0] == heights[2] - heights[1] > 100
