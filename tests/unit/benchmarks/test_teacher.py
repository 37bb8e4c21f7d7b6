"""What one set teaches a trunk has nothing of the set that the trunk is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

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
    """A copy, one that was resized and saved as JPEG, its mirror image; other slices stay."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for seed in range(12):
        save(ours, f"a/{seed:02}.png", scan(seed))
    for seed in range(20, 26):
        save(theirs, f"yes/{seed}.png", scan(seed))
    small = scan(21).resize((150, 150))
    save(ours, "b/same.png", scan(20))
    save(ours, "b/smaller.jpg", small)
    save(ours, "b/mirrored.png", ImageOps.mirror(small))
    assert teacher.resembling(ours, theirs, Validation()) == {"b/same.png", "b/smaller.jpg", "b/mirrored.png"}


def test_a_picture_that_is_merely_like_one_is_left_out_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too far from a copy to be a near duplicate is still near enough to be left out."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ground = np.random.default_rng(0).normal(0, 25, (32, 32)).round()
    veil = np.asarray(Image.fromarray(ground).resize((256, 256), Image.Resampling.BICUBIC))
    plain = np.asarray(scan(20).resize((256, 256)), np.float64)
    save(theirs, "yes/20.png", scan(20).resize((256, 256)))
    for seed in range(4):
        save(ours, f"a/{seed:02}.png", scan(seed))
    save(ours, "b/veiled.png", Image.fromarray((plain + veil).clip(0, 255).astype(np.uint8)))
    rules = Validation()
    assert teacher.resembling(ours, theirs, rules) == {"b/veiled.png"}
    monkeypatch.setattr(teacher, "LEAST_SIMILARITY", rules.near_duplicate_similarity)
    assert teacher.resembling(ours, theirs, rules) == set()


def test_no_part_keeps_what_is_left_out() -> None:
    """Neither train nor validation nor test holds one of the shared pictures; all others stay."""
    divided = pd.DataFrame({"path": list("abcdef"), "split": ["train", "val", "test"] * 2})
    left = teacher.without(divided, {"a", "b", "c"})
    assert left["path"].tolist() == ["d", "e", "f"]
    assert left["split"].tolist() == ["train", "val", "test"]
