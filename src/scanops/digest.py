"""SHA-256, the only name that a file or a bundle is known by."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_file(path: Path) -> str:
    """Hash a file's bytes.

    Args:
        path: Any file.

    Returns:
        SHA-256 in hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_bytes(content: bytes) -> str:
    """Hash bytes at hand.

    Args:
        content: Any.

    Returns:
        SHA-256 in hexadecimal.
    """
    return hashlib.sha256(content).hexdigest()
