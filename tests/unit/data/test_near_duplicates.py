"""Copies after a change are found; other pictures are not."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from scanops.data import near_duplicates, thumbnails
from scanops.data.phantom import draw

LEAST = 0.97
KINDS = ("glioma", "meningioma", "pituitary", "no_tumor")
PLANES = ("axial", "coronal", "sagittal")


@pytest.fixture(scope="module")
def scans() -> list[Image.Image]:
    """Draw 24 different head slices."""
    return [
        Image.fromarray(draw(KINDS[seed % 4], PLANES[seed % 3], np.random.default_rng(seed))).convert("L")
        for seed in range(24)
    ]


def _find(
    images: list[Image.Image], fresh: list[bool] | None = None, threads: int = 1
) -> near_duplicates.Pairs:
    views = thumbnails.unpack(
        b"".join(thumbnails.take(thumbnails.reduce(np.asarray(image.convert("L")))) for image in images)
    )
    sizes = np.asarray([image.size for image in images])
    chosen = None if fresh is None else np.asarray(fresh)
    return near_duplicates.find(views, sizes, LEAST, fresh=chosen, threads=threads)


def _reencode(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(io.BytesIO(file.getvalue()))


def _crop(image: Image.Image) -> Image.Image:
    return ImageOps.crop(image, border=round(min(image.size) * 0.05))


def _pad(image: Image.Image) -> Image.Image:
    return ImageOps.pad(image, (max(image.size) + 40,) * 2, color=0)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda image: image.resize((image.width * 2 // 3, image.height * 2 // 3)),
    "re-encoded": _reencode,
    "brighter": lambda image: image.point(lambda level: min(255, level * 1.15)),
    "less contrast": lambda image: image.point(lambda level: 128 + (level - 128) * 0.85),
    "cropped": _crop,
    "padded": _pad,
    "mirrored": ImageOps.mirror,
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found(scans: list[Image.Image], change: str) -> None:
    """Each kind of change is seen through, and a flip is recorded as one."""
    copies = [CHANGES[change](image) for image in scans]
    found = _find([*scans, *copies])
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    expected = {(index, index + len(scans)) for index in range(len(scans))}
    assert len(expected - pairs) <= 1
    assert pairs <= expected
    assert found.mirrored.all() == (change == "mirrored")
    assert found.similarity.min() >= LEAST


def test_different_scans_are_not_joined(scans: list[Image.Image]) -> None:
    """Heads look alike, and are different pictures all the same."""
    assert len(_find(scans).first) == 0


def test_new_pictures_are_compared_with_the_old_alone(scans: list[Image.Image]) -> None:
    """What an earlier comparison found plus what a later one adds is what one comparison finds."""
    images = [*scans, *(_reencode(image) for image in scans[:6]), *(_crop(image) for image in scans[6:12])]
    fresh = [index % 3 == 0 for index in range(len(images))]
    old = [index for index, new in enumerate(fresh) if not new]
    before, after, whole = _find([images[i] for i in old]), _find(images, fresh), _find(images)
    rows = [(old[i], old[j]) for i, j in zip(before.first, before.second, strict=True)]
    rows += list(zip(after.first.tolist(), after.second.tolist(), strict=True))
    assert sorted(rows) == list(zip(whole.first.tolist(), whole.second.tolist(), strict=True))
    assert len(rows) >= 11


def test_threads_change_nothing(scans: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """In however many threads and chunks pictures are compared, the pairs are the same."""
    images = [*scans, *map(_reencode, scans)]
    alone = _find(images)
    monkeypatch.setattr(near_duplicates, "CHUNK", 5)
    for mine, theirs in zip(vars(alone).values(), vars(_find(images, threads=3)).values(), strict=True):
        assert np.array_equal(mine, theirs)


def test_pictures_without_structure_resemble_nothing() -> None:
    """Plain pictures, and none at all, are no pairs."""
    assert len(_find([Image.new("L", (60, 60), level) for level in (0, 0, 90)]).first) == 0
    empty = near_duplicates.find(np.zeros((0, 2, 48, 48), np.uint8), np.zeros((0, 2), np.int64), LEAST)
    assert len(empty.first) == 0


def test_few_pictures_are_compared_as_well(scans: list[Image.Image]) -> None:
    """However few there are, old or new, a copy is found."""
    for count in range(1, 8):
        images = [*scans[:count], scans[0].resize((180, 180))]
        for fresh in (None, [index == count for index in range(count + 1)], [True] + [False] * count):
            found = _find(images, fresh)
            assert (found.first.tolist(), found.second.tolist()) == ([0], [count])
