"""Defects planted on purpose among the phantom's images, and the record of each."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from scanops.data.phantom_copies import CHANGES, change

SMALLEST_SET = 100
IMAGES_PER_DEFECT = 200
# Shares of red, green and blue. Much green in each: it is most of the grey level, which is to stay.
TINTS = ((1.0, 0.7, 0.2), (0.5, 1.0, 0.2), (0.2, 0.8, 1.0))


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
    """Where one defect goes: a file, replaced where there is one, and for `TWINNED` kinds the one to copy."""

    path: str
    twin: str | None


# From the file to spoil (or to copy) and a random stream: the new content, and the suffix to name it by.
Spoil = Callable[[Path, np.random.Generator], tuple[bytes, str]]


def count_of_each(images: int) -> int:
    """Return how many defects of each kind a set of `images` files holds; 0 for a small set."""
    return max(1, images // IMAGES_PER_DEFECT) if images >= SMALLEST_SET else 0


def plant(root: Path, kind: str, spot: Spot, rng: np.random.Generator) -> Planted:
    """Write a defective file at `spot`, in the place of what is there.

    Args:
        root: folder that holds the images.
        kind: one of `DEFECTS`.
        spot: the file to write, whose suffix may change, and the file to copy where one is needed.
        rng: source of the defect's details.

    Returns:
        The record of what was planted.

    Raises:
        KeyError: `kind` is unknown.
    """
    content, suffix = _SPOILS[kind](root / (spot.twin or spot.path), rng)
    path = Path(spot.path).with_suffix(suffix).as_posix()
    (root / spot.path).unlink(missing_ok=True)
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
    faint = rng.uniform(60, 120) + (pixels - pixels.mean()) * (rng.uniform(4.0, 9.0) / pixels.std())
    return _encode(Image.fromarray(faint.clip(0, 255).astype(np.uint8)), "PNG"), ".png"


def _change(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    return change(file, str(rng.choice(list(CHANGES))), rng), ".jpg"


def _tint(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    with Image.open(file) as image:
        levels = np.asarray(image.convert("L"), dtype=np.float32)
    tinted = levels[:, :, None] * np.array(TINTS[int(rng.integers(len(TINTS)))], np.float32)
    return _encode(Image.fromarray(tinted.astype(np.uint8)), "PNG"), ".png"


def _sign(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    """Add a made-up name or place, in one of the three ways that cameras and programs write them."""
    buffer, way, exif = io.BytesIO(), int(rng.integers(3)), Image.Exif()
    with Image.open(file) as image:
        if way == 0:
            text = PngInfo()
            text.add_text("Author", "Phantom, P.")
            image.save(buffer, "PNG", pnginfo=text)
            return buffer.getvalue(), ".png"
        if way == 1:
            exif[ExifTags.Base.Artist] = "Phantom, P."
        else:
            exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        image.save(buffer, "JPEG", quality=92, exif=exif)
        return buffer.getvalue(), ".jpg"


def _exceed(file: Path, rng: np.random.Generator) -> tuple[bytes, str]:
    """Make what a reader of one picture refuses: an animation, or a header of 1.6 thousand million pixels."""
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        with Image.open(file) as image:
            frames = [image.convert("L"), image.convert("L").transpose(Image.Transpose.ROTATE_180)]
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
        return buffer.getvalue(), ".gif"
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    row = zlib.compress(bytes(40_001))
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", row), ".png"


def _png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


_SPOILS: dict[str, Spoil] = {
    "exact_duplicate": _copy_bytes,
    "pixel_duplicate": _copy_pixels,
    "near_duplicate": _change,
    "label_conflict": _copy_bytes,
    "truncated": _cut_short,
    "format_mismatch": _misname,
    "blank": _wipe,
    "too_small": _shrink,
    "undecodable": _scramble,
    "low_contrast": _fade,
    "colour_image": _tint,
    "identifying_metadata": _sign,
    "unsupported": _exceed,
}
DEFECTS = tuple(_SPOILS)
TWINNED = frozenset({"exact_duplicate", "pixel_duplicate", "near_duplicate", "label_conflict"})
