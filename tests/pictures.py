"""Small images made on the spot."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from scanops.imaging import Pixels


def noise(seed: int, height: int = 80, width: int = 96) -> Pixels:
    """Draw uint8 [height, width, 3] grey noise that no other seed gives."""
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 1), np.uint8)
    return np.repeat(levels, 3, axis=2)


def encode(pixels: Pixels, image_format: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    """Encode pixels as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, image_format, **options)
    return buffer.getvalue()


def save(path: Path, data: bytes) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
