"""Manifest and config of an image: small enough to come with the plan instead of as files."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

from scanops_host.faults import outside, usage


def unpack(packed: str, place: Path) -> None:
    """Write a document where blobs wait; whether it is the right one, its reader asks.

    Args:
        packed: Base64 of what zlib made of it, as `pipelines.stage_image` writes it.
        place: The file.

    Raises:
        FaultError: It is not of that form, or the disk takes no more.
    """
    try:
        data = zlib.decompress(base64.b64decode(packed, validate=True))
    except (ValueError, zlib.error) as error:
        raise usage(f"plan: its document {place.name[:12]} is none ({error}). Deploy again") from error
    try:
        place.write_bytes(data)
    except OSError as error:
        raise outside(
            f"disk: {error.strerror} for what is sent. Free some, then run the deployment again"
        ) from error
