"""One file in, its facts out: everything that can be measured of an image without looking at another."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanops import filenames, imaging, plain_files
from scanops.data import thumbnails
from scanops.errors import ImageError

FILES_A_TASK = 64
BORDER_SHARE = 32  # the border is this fraction of each side wide
COLOUR_SAMPLE_PX = 128
EXACT = 256  # so many squares of levels add up to less than 2^24
Pixels = npt.NDArray[np.uint8]
Views = bytes  # a name of its own, because Facts has a field `bytes`


@dataclass(frozen=True)
class Bounds:
    """What is too large to be read.

    Attributes:
        max_pixels: Of one image or frame.
        max_frames: Of one DICOM file.
    """

    max_pixels: int
    max_frames: int


@dataclass(frozen=True)
class Facts:
    """What was measured of one image; what it means is judged elsewhere, so facts can be kept.

    Attributes:
        path: Relative POSIX path; a frame of several is `<file>/frame-0007`.
        sha256: Hash of the file's bytes, or None for a file that cannot be opened.
        bytes: Size of the file, or None for a file that cannot be opened.
        fault: Defect kind of a file that cannot be used, else None.
        fault_note: What is wrong with it, else None. All below is None or empty when there is a fault.
        pixel_sha256: Hash of the upright pixels and their shape.
        format: Format of the bytes.
        mode: Stored mode.
        width: Stored width in pixels.
        height: Stored height in pixels.
        mean: Mean grey level in [0, 255], of the picture as `thumbnails.reduce` leaves it.
        std: Standard deviation of the same grey levels; averaging takes fine noise out of it.
        border: Mean grey level of the outermost 1/32 of each side.
        spread: Mean difference between the highest and the lowest colour channel, in grey levels.
        identifying: Names of metadata fields that may say who or where.
        patient: Pseudonym of the patient that the file names, or of the file when it holds frames.
        phash: See `thumbnails.hash_perceptually`.
        views: See `thumbnails.take`.
    """

    path: str
    sha256: str | None = None
    bytes: int | None = None
    fault: str | None = None
    fault_note: str | None = None
    pixel_sha256: str | None = None
    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    mean: float | None = None
    std: float | None = None
    border: float | None = None
    spread: float | None = None
    identifying: tuple[str, ...] = ()
    patient: str | None = None
    phash: str | None = None
    views: Views = b""


def lost(path: str) -> list[Facts]:
    """Describe a file that ended the process that read it.

    Args:
        path: Relative POSIX path.
    """
    return [Facts(path, fault="undecodable", fault_note="ended the process that decoded it")]


def scan_file(root: Path, path: str, bounds: Bounds) -> list[Facts]:
    """Read one file once and describe its images.

    Args:
        root: Folder that `path` is relative to.
        path: Relative POSIX path.
        bounds: What is too large.

    Returns:
        Facts of its image, or of each frame. A file that cannot be used gets a fault, never an exception.
    """
    try:
        data = plain_files.read(root / filenames.to_file(path))
    except ImageError as error:
        return [Facts(path, fault=error.kind, fault_note=error.fault)]
    except OSError as error:
        return [Facts(path, fault="undecodable", fault_note=f"cannot be opened ({error.strerror})")]
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        images = imaging.decode_frames(
            data, subject=path, max_pixels=bounds.max_pixels, max_frames=bounds.max_frames
        )
        found = [_measure(path, sha256, len(data), image) for image in images]
    except ImageError as error:
        suffix = PurePosixPath(path).suffix.lower()
        unknown = error.kind == "undecodable" and suffix not in imaging.SUFFIXES
        kind = "unsupported" if unknown else error.kind
        return [Facts(path, sha256, len(data), fault=kind, fault_note=error.fault)]
    return found if len(found) == 1 else [_frame(facts, number) for number, facts in enumerate(found)]


def hash_pixels(picture: Image.Image) -> str:
    """Hash a picture independently of the file that holds it.

    Args:
        picture: What decoding gave: one channel where it is grey.

    Returns:
        SHA-256 of shape and values, in hexadecimal.
    """
    return _hash(np.asarray(picture))


def _hash(pixels: Pixels) -> str:
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(np.asarray((height, width, pixels.size // (height * width)), "<u4").tobytes())
    digest.update(pixels.data)
    return digest.hexdigest()


def _measure(path: str, sha256: str, size: int, image: imaging.Decoded) -> Facts:
    picture = image.picture
    pixels = np.asarray(picture)
    levels = pixels if picture.mode == "L" else np.asarray(picture.convert("L"))
    working = thumbnails.reduce(levels)
    views, (mean, std) = thumbnails.take(working), _mean_and_std(working)
    return Facts(
        path=path,
        sha256=sha256,
        bytes=size,
        pixel_sha256=_hash(pixels),
        format=image.format,
        mode=image.mode,
        width=image.width,
        height=image.height,
        mean=mean,
        std=std,
        border=_border(levels),
        spread=_spread(picture),
        identifying=image.identifying,
        patient=image.patient,
        phash=thumbnails.hash_perceptually(views),
        views=views,
    )


def _frame(facts: Facts, number: int) -> Facts:
    """Name a frame; frames of one file belong to one patient, named or not."""
    path = imaging.frame_path(facts.path, number)
    patient = facts.patient or f"file-{str(facts.sha256)[:16]}"
    return Facts(**{**vars(facts), "path": path, "patient": patient})


def _spread(picture: Image.Image) -> float:
    if picture.mode == "L":
        return 0.0
    factor = max(picture.size) // COLOUR_SAMPLE_PX
    sample = picture.reduce(factor) if factor > 1 else picture
    return round(float(np.ptp(np.asarray(sample), axis=2).mean()), 4)


def _mean_and_std(levels: Pixels) -> tuple[float, float]:
    """Return mean and standard deviation, from sums that are exact."""
    flat = levels.ravel()
    whole = len(flat) - len(flat) % EXACT
    # Single precision is exact below 2^24, which the squares of so few levels do not reach.
    parts = flat[:whole].reshape(-1, EXACT).astype(np.float32)
    rest = flat[whole:].astype(np.int64)
    total = int((parts @ np.ones(EXACT, np.float32)).sum(dtype=np.float64)) + int(rest.sum())
    squares = int(np.vecdot(parts, parts).sum(dtype=np.float64)) + int(rest @ rest)
    count = len(flat)
    return round(total / count, 4), round(math.sqrt(count * squares - total**2) / count, 4)


def _border(levels: Pixels) -> float:
    """Return the mean level of a frame, from the strips that make it up."""
    height, width = levels.shape
    across, down = (max(1, side // BORDER_SHARE) for side in (width, height))
    below, right = max(down, height - down), max(across, width - across)
    middle = levels[down:below]
    edge = np.concatenate([levels[:down], levels[below:], middle[:, :across], middle[:, right:]], axis=None)
    return round(int(edge.sum(dtype=np.int64)) / edge.size, 4)
