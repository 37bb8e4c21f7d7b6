"""Defects planted on purpose among the phantom's images, and the record of each."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SMALLEST_SET = 60
IMAGES_PER_DEFECT = 200


@dataclass(frozen=True)
class Planted:
    """One defect planted on purpose.

    Attributes:
        kind: one of `DEFECTS`.
        path: POSIX path of the defective file, relative to the root.
        twin: for a duplicate or a conflict the other image, else None.
    """

    kind: str
    path: str
    twin: str | None


@dataclass(frozen=True)
class Spot:
    """Where one defect goes: the file to replace and, for a kind in `TWINNED`, the file to copy."""

    path: str
    twin: str | None


# From the file to spoil (or to copy) and a random stream: the new content, and the suffix to name it by.
Spoil = Callable[[Path, np.random.Generator], tuple[bytes, str]]


def count_of_each(images: int) -> int:
    """Return how many defects of each kind a set of `images` files holds; 0 for a small set."""
    return max(1, images // IMAGES_PER_DEFECT) if images >= SMALLEST_SET else 0


def plant(root: Path, kind: str, spot: Spot, rng: np.random.Generator) -> Planted:
    """Replace the file at `spot` by a defective one.

    Args:
        root: folder that holds the images.
        kind: one of `DEFECTS`.
        spot: the file to replace, whose suffix may change, and the file to copy where one is needed.
        rng: source of the defect's details.

    Returns:
        The record of what was planted.

    Raises:
        KeyError: `kind` is unknown.
    """
    content, suffix = _SPOILS[kind](root / (spot.twin or spot.path), rng)
    path = Path(spot.path).with_suffix(suffix).as_posix()
    (root / spot.path).unlink()
    (root / path).write_bytes(content)
    return Planted(kind, path, spot.twin)


def _encode(image: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format)
    return buffer.getvalue()


def _copy_bytes(file: Path, _: np.random.Generator) -> tuple[bytes, str]:
    return file.read_bytes(), file.suffix


def _copy_pixels(file: Path, _: np.random.Generator) -> tuple[bytes, str]:
    with Image.open(file) as image:
        return _encode(image, "PNG"), ".png"


def _cut_short(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    content = file.read_bytes()
    return content[: int(len(content) * rng.uniform(0.4, 0.7))], file.suffix


def _misname(file: Path, _: np.random.Generator) -> tuple[bytes, str]:
    with Image.open(file) as image:
        return _encode(image, "PNG"), ".jpg"


def _wipe(_: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    width, height = (int(side) for side in rng.integers(200, 401, 2))
    return _encode(Image.new("L", (width, height), int(rng.integers(0, 60))), "JPEG"), ".jpg"


def _shrink(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    side_px = int(rng.integers(12, 25))
    with Image.open(file) as image:
        return _encode(image.convert("L").resize((side_px, side_px)), "PNG"), ".png"


def _scramble(_: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    # The zero keeps the noise from opening with any image format's signature.
    return b"\x00" + rng.bytes(int(rng.integers(2_000, 9_000))), ".jpg"


def _fade(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("L"), dtype=np.float32)
    faint = rng.uniform(20, 90) + pixels * (rng.uniform(26.0, 38.0) / 255)
    return _encode(Image.fromarray(faint.astype(np.uint8)), "PNG"), ".png"


_SPOILS: dict[str, Spoil] = {
    "exact_duplicate": _copy_bytes,
    "pixel_duplicate": _copy_pixels,
    "label_conflict": _copy_bytes,
    "truncated": _cut_short,
    "format_mismatch": _misname,
    "blank": _wipe,
    "too_small": _shrink,
    "undecodable": _scramble,
    "low_contrast": _fade,
}
DEFECTS = tuple(_SPOILS)
TWINNED = frozenset({"exact_duplicate", "pixel_duplicate", "label_conflict"})
