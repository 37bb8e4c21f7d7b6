"""What one set teaches a trunk has nothing of the set that the trunk is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import teacher
from scanops.data.phantom import draw
from scanops.validation_rules import Validation

pytestmark = pytest.mark.tensorflow


def scan(seed: int) -> Image.Image:
    """Draw a head slice."""
    kind, plane = ("glioma", "no_tumor")[seed % 2], ("axial", "coronal", "sagittal")[seed % 3]
    return Image.fromarray(draw(kind, plane, np.random.default_rng(seed))).convert("L")


def save(root: Path, name: str, picture: Image.Image) -> None:
    """Lay a picture into a folder of its class."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    picture.save(root / name)


def test_whatever_looks_like_the_other_set_is_left_out(tmp_path: Path) -> None:
    """A copy, one that was resized and saved as JPEG, and a copy of that; other slices stay."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for seed in range(12):
        save(ours, f"a/{seed:02}.png", scan(seed))
    for seed in range(20, 26):
        save(theirs, f"yes/{seed}.png", scan(seed))
    small = scan(21).resize((150, 150))
    save(ours, "b/same.png", scan(20))
    save(ours, "b/smaller.jpg", small)
    save(ours, "b/smaller again.png", small)
    assert teacher.resembling(ours, theirs, Validation()) == {
        "b/same.png",
        "b/smaller.jpg",
        "b/smaller again.png",
    }
