"""One file in, one row out: everything that can be said of an image without looking at another."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from scipy import fft

from scanops import imaging
from scanops.config import Validation
from scanops.errors import ImageError
from scanops.workers import each

FILES_A_TASK = 16


@dataclass
class Row:
    """What the scan says of one file; the manifest adds what needs the others.

    Attributes:
        path: Relative POSIX path.
        sha256: Hash of the bytes, or None for a file that cannot be opened.
        pixel_sha256: Hash of the upright RGB pixels and their shape, or None when undecodable.
        phash: 64-bit perceptual hash as 16 hexadecimal digits, or None.
        bytes: Size of the file, or None for a file that cannot be opened.
        format: Format of the bytes, or None.
        mode: Stored mode, or None.
        width: Stored width in pixels, or None.
        height: Stored height in pixels, or None.
        mean: Mean grey level in [0, 255], or None.
        std: Standard deviation of the grey levels, or None.
        defects: Kinds of defects found in this file alone.
        notes: One sentence a defect, in the same order.
    """

    path: str
    sha256: str | None = None
    pixel_sha256: str | None = None
    phash: str | None = None
    bytes: int | None = None
    format: str | None = None
    mode: str | None = None
    width: int | None = None
    height: int | None = None
    mean: float | None = None
    std: float | None = None
    defects: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, note: str) -> None:
        """Record a defect.

        Args:
            kind: A defect kind of the manifest.
            note: What was seen.
        """
        self.defects.append(kind)
        self.notes.append(note)


def scan(
    root: Path, paths: Sequence[str], rules: Validation, workers: int | None = None
) -> Generator[Row, None, None]:
    """Scan files in parallel; the rows come in the order of `paths` whatever the worker count.

    Args:
        root: Folder that the paths are relative to.
        paths: Relative POSIX paths.
        rules: Bounds and thresholds.
        workers: Processes; None takes the cores this process may use, 1 stays in this process.

    Returns:
        One row a path; to be closed by whoever may not read to the end.
    """
    return each(partial(scan_file, root, rules=rules), paths, workers=workers, chunk=FILES_A_TASK)


def scan_file(root: Path, path: str, rules: Validation) -> Row:
    """Read one file once and describe it.

    Args:
        root: Folder that `path` is relative to.
        path: Relative POSIX path.
        rules: Bounds and thresholds.

    Returns:
        Its row. A file that cannot be used gets a defect, never an exception.
    """
    row = Row(path)
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        row.add("undecodable", f"cannot be opened ({error.strerror})")
        return row
    row.bytes, row.sha256 = len(data), hashlib.sha256(data).hexdigest()
    try:
        decoded = imaging.decode(data, max_pixels=rules.max_pixels)
    except ImageError as error:
        suffix = PurePosixPath(path).suffix.lower()
        unknown = error.kind == "undecodable" and suffix not in imaging.SUFFIXES
        row.add("unsupported" if unknown else error.kind, error.fault)
        return row
    _describe(row, decoded)
    _judge(row, decoded, rules)
    return row


def hash_pixels(pixels: imaging.Pixels) -> str:
    """Hash a picture independently of the file that holds it.

    Args:
        pixels: uint8 [H, W, 3].

    Returns:
        SHA-256 of shape and values, in hexadecimal.
    """
    shape = np.asarray(pixels.shape, "<u4").tobytes()
    return hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def hash_perceptually(grey: Image.Image) -> str:
    """Hash what a picture looks like (pHash: Zauner, 2010, the sign of low DCT frequencies).

    Args:
        grey: An image in mode `L`.

    Returns:
        64 bits as 16 hexadecimal digits: 1 where a coefficient is above the median of its 8 × 8 block.
    """
    small = np.asarray(grey.resize((32, 32), Image.Resampling.BILINEAR), np.float64)
    low = fft.dctn(small, norm="ortho")[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return np.packbits(bits).tobytes().hex()


def _describe(row: Row, decoded: imaging.Decoded) -> None:
    grey = Image.fromarray(decoded.pixels).convert("L")
    levels = np.asarray(grey)
    row.pixel_sha256 = hash_pixels(decoded.pixels)
    row.phash = hash_perceptually(grey)
    row.format, row.mode = decoded.format, decoded.mode
    row.width, row.height = decoded.width, decoded.height
    row.mean, row.std = round(float(levels.mean()), 4), round(float(levels.std()), 4)


def _judge(row: Row, decoded: imaging.Decoded, rules: Validation) -> None:
    expected = imaging.SUFFIXES.get(PurePosixPath(row.path).suffix.lower())
    if expected != decoded.format:
        row.add(
            "format_mismatch", f"is {decoded.format} but named {PurePosixPath(row.path).suffix or 'bare'}"
        )
    if min(decoded.width, decoded.height) < rules.min_side_px:
        row.add("too_small", f"is {decoded.width} × {decoded.height} px")
    deviation = row.std or 0.0
    if deviation < rules.blank_std:
        row.add("blank", f"varies by {deviation:.2f} grey levels")
    elif deviation < rules.low_contrast_std:
        row.add("low_contrast", f"varies by {deviation:.2f} grey levels")
    if decoded.mode != "L":
        spread = float(np.ptp(decoded.pixels, axis=2).mean())
        if spread > rules.colour_spread:
            row.add("colour_image", f"has channels {spread:.1f} levels apart")
    if decoded.identifying:
        row.add("identifying_metadata", f"carries {', '.join(decoded.identifying)}")
