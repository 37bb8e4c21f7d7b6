"""A seeded set of synthetic head slices, so that the whole pipeline runs with nothing to download.

The images look like T1-weighted MRI of four classes but show no person. A few files are defective on
purpose, in known ways, so that validation and splitting have something to find.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanops.data.phantom_anatomy import PLANES, draw_head
from scanops.data.phantom_defects import DEFECTS, TWINNED, Planted, Spot, count_of_each, plant
from scanops.data.phantom_lesions import add_lesion
from scanops.data.phantom_scanner import acquire, choose_protocol
from scanops.errors import ConfigError
from scanops.workers import each

__all__ = ["CLASSES", "Planted", "draw", "generate"]

CLASSES = ("glioma", "meningioma", "no_tumor", "pituitary")

_TEST_EVERY = 5  # one image in five is in the supplied test set
_PNG_SHARE = 0.15
_RGB_SHARE = 0.2
_IMAGES_A_TASK = 8


@dataclass(frozen=True)
class _Slot:
    """One image to be made: its number settles class, plane and supplied split."""

    index: int
    kind: str
    plane: str
    split: str


def draw(kind: str, plane: str, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw one slice.

    Args:
        kind: one of `CLASSES`.
        plane: "axial", "coronal" or "sagittal".
        rng: source of every variation.

    Returns:
        uint8 [H, W], 0 to 255, with both sides between 150 and 420 pixels.

    Raises:
        ValueError: `kind` or `plane` is unknown.
    """
    if kind not in CLASSES or plane not in PLANES:
        raise ValueError(f"no phantom of {kind!r} in plane {plane!r}: use one of {CLASSES} and of {PLANES}")
    protocol = choose_protocol(plane, rng)
    head = draw_head(plane, rng)
    return acquire(add_lesion(kind, head, rng), protocol, rng)


def generate(
    root: Path,
    *,
    images: int,
    seed: int,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Planted]:
    """Write `images` files to `root`/{train,test}/{class}/ and plant defects among them.

    The files depend on `images` and `seed` alone: each image has its own random stream, so neither the
    number of workers nor their pace shows in the result.

    Args:
        root: an empty or missing folder.
        images: how many files to write, defective ones included; from 60 on there are defects.
        seed: any non-negative integer.
        workers: how many processes to draw in; the usable cores when None.
        progress: called after each image with the number of images finished.

    Returns:
        What was planted, one record a defective file, sorted by path.

    Raises:
        ConfigError: `images` is negative, or `root` already holds something that would mix with the set.
    """
    if images < 0:
        raise ConfigError("images", f"is {images}", "Ask for 0 or more")
    if root.exists() and any(root.iterdir()):
        raise ConfigError(str(root), "is not empty", "Remove it, or choose another folder for the phantom")
    root.mkdir(parents=True, exist_ok=True)
    slots = [_slot(index) for index in range(images)]
    paths = []
    write = partial(_write_image, root, seed)
    with contextlib.closing(each(write, slots, workers=workers, chunk=_IMAGES_A_TASK)) as written:
        for path in written:
            paths.append(path)
            if progress is not None:
                progress(len(paths))
    rng = np.random.default_rng([seed, images])  # image numbers end below `images`, so this stream is new
    planted = [plant(root, defect, spot, rng) for defect, spot in _choose_spots(slots, paths, rng)]
    return sorted(planted, key=lambda one: one.path)


def _slot(index: int) -> _Slot:
    """Give image `index` its class, plane and split, each balanced within the others."""
    turn = index // len(CLASSES)
    return _Slot(
        index=index,
        kind=CLASSES[index % len(CLASSES)],
        plane=PLANES[turn % len(PLANES)],
        split="test" if turn % _TEST_EVERY == _TEST_EVERY - 1 else "train",
    )


def _write_image(root: Path, seed: int, slot: _Slot) -> str:
    """Draw and save one image; return its POSIX path relative to `root`."""
    rng = np.random.default_rng([seed, slot.index])
    is_png, is_rgb = rng.random() < _PNG_SHARE, rng.random() < _RGB_SHARE
    image = Image.fromarray(draw(slot.kind, slot.plane, rng))
    if is_rgb:
        image = image.convert("RGB")
    path = f"{slot.split}/{slot.kind}/{slot.index:04d}.{'png' if is_png else 'jpg'}"
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    if is_png:
        image.save(root / path, "PNG", compress_level=4)
    else:
        image.save(root / path, "JPEG", quality=int(rng.integers(89, 96)))
    return path


def _choose_spots(
    slots: Sequence[_Slot], paths: Sequence[str], rng: np.random.Generator
) -> Iterator[tuple[str, Spot]]:
    """Yield each defect's kind and place: spread over the classes, duplicates over both splits."""
    unused: list[_Slot] = [slots[index] for index in rng.permutation(len(slots))]

    def take(kinds: Collection[str], split: str, suffix: str = "") -> str:
        fits = (s for s in unused if s.kind in kinds and s.split == split and paths[s.index].endswith(suffix))
        slot = next(fits)
        unused.remove(slot)
        return paths[slot.index]

    for number in range(count_of_each(len(slots))):
        for turn, defect in enumerate(DEFECTS):
            kind = CLASSES[(number + turn) % len(CLASSES)]
            if defect not in TWINNED:
                yield defect, Spot(take({kind}, "train"), None)
                continue
            # Every second duplicate crosses the supplied split, which therefore leaks a little.
            path = take({kind}, "train" if (number + turn) % 2 else "test")
            conflicts = defect == "label_conflict"
            # A JPEG, so that its pixels saved as PNG are other bytes.
            yield defect, Spot(path, take(set(CLASSES) - {kind} if conflicts else {kind}, "train", ".jpg"))
