"""What a path says of an image: its format, and the frame where a DICOM file holds several."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container
from pathlib import Path

from scanops import filenames

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".dcm": "DICOM",
    ".dicom": "DICOM",
}
_FRAME = re.compile(r"(?P<file>.+)/frame-(?P<number>\d{4,9})", re.DOTALL)


def named_rightly(path: str, image_format: str) -> bool:
    """Tell whether a file's suffix says what its bytes are.

    Args:
        path: The file's path, or its name.
        image_format: `imaging.Decoded.format`.

    Returns:
        True also for DICOM under any name that claims no other format: often it has no suffix, or an UID.
    """
    claimed = SUFFIXES.get(posixpath.splitext(path)[1].lower())  # pathlib takes ten times as long
    return claimed == image_format or (image_format == "DICOM" and claimed is None)


def frame_path(path: str, number: int) -> str:
    """Name one frame of a file of several.

    Args:
        path: The file's path in a manifest.
        number: The frame, from 0.
    """
    return f"{path}/frame-{number:04}"


def file_path(path: str, files: Container[str] = ()) -> str:
    """Name the file that a path of a manifest leads to.

    Args:
        path: What `frame_path` returned, or the path of a whole file.
        files: Paths of files that are known; a file that is itself called `frame-0007` is one of them.
    """
    found = None if path in files else _FRAME.fullmatch(path)
    return found["file"] if found else path


def locate(root: Path, path: str) -> tuple[Path, int | None]:
    """Find the file, and the frame in it, that a path of a manifest leads to.

    Args:
        root: Folder that the path is relative to.
        path: As `frame_path` or `filenames.to_text` write it.

    Returns:
        The file, and the number of the frame, or None for a whole file.
    """
    whole = root / filenames.to_file(path)
    found = _FRAME.fullmatch(path)
    # No file can lie below another file: where one is found there, it is called so itself.
    if found is None or whole.is_file():
        return whole, None
    return root / filenames.to_file(found["file"]), int(found["number"])
