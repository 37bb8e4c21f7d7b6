"""JPEG's segments and GIF's blocks: those that describe the picture stay, those that tell of it go.

Standards: ISO/IEC 10918-1 annex B (JPEG), EXIF 2.32 section 4.5 (orientation), GIF89a.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_COMMENT = 0xFE
_APPLICATION = range(0xE0, 0xF0)
# Restart markers, and a byte of the picture that happens to be 0xFF, stand within a scan.
_WITHIN_SCAN = {0x00, *range(0xD0, 0xD8)}
# What decides how pixels are shown: JFIF's header, colour profiles, Adobe's colour transform.
_KEPT = ((0xE0, b"JFIF\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_GRAPHIC_CONTROL, _GIF_APPLICATION = 0xF9, 0xFF
_KEPT_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def exif_of(orientation: int) -> bytes:
    """Write the smallest EXIF that says how a picture lies.

    Args:
        orientation: 1 to 8.

    Returns:
        A TIFF header with one entry, as EXIF 2.32 lays it out.
    """
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def without_segments(data: bytes, orientation: int) -> bytes:
    """Leave out a JPEG file's application segments and comments, and what follows its end.

    Args:
        data: A JPEG file.
        orientation: How its picture lies; kept where it is not 1.

    Returns:
        The file without; its scans are the same bytes.

    Raises:
        ValueError: It is not laid out as JPEG.
    """
    kept = [b"\xff\xd8"]
    segments = [segment for segment in _segments(data) if _is_kept(segment)]
    if orientation != 1:
        content = b"Exif\0\0" + exif_of(orientation)
        # JFIF's header stands first wherever there is one.
        after = 1 if segments and segments[0].startswith(b"\xff\xe0") else 0
        segments.insert(after, b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content)
    return b"".join(kept + segments)


def _segments(data: bytes) -> Iterator[bytes]:
    """Yield what follows the start of a JPEG file: segments, a scan with its data as one, and the end."""
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise ValueError("no marker where one has to be")
        marker = data[at + 1 : at + 2]
        if marker == b"\xff":  # markers may be padded
            at += 1
            continue
        if not marker or marker[0] == _END:
            yield data[at : at + 2]
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            raise ValueError("a segment is shorter than its own length")
        end = at + 2 + length
        if marker[0] == _SCAN:
            end = _scan_end(data, end)
        yield data[at:end]
        at = end


def _scan_end(data: bytes, at: int) -> int:
    while (at := data.find(b"\xff", at)) != -1:
        if at + 1 < len(data) and data[at + 1] in _WITHIN_SCAN:
            at += 2
        elif data[at + 1 : at + 2] == b"\xff":
            at += 1
        else:
            return at
    return len(data)


def _is_kept(segment: bytes) -> bool:
    marker = segment[1] if len(segment) > 1 else _END
    if marker in _APPLICATION:
        return any(marker == kept and segment[4:].startswith(name) for kept, name in _KEPT)
    return marker != _COMMENT


def without_blocks(data: bytes, _orientation: int) -> bytes:
    """Leave out a GIF file's comments, texts and foreign blocks, and what follows its end.

    Args:
        data: A GIF file.

    Returns:
        The file without; its images are the same bytes.

    Raises:
        ValueError: It is not laid out as GIF.
    """
    at = 13 + _table_bytes(data, 10)
    kept = [data[:at]]
    while at < len(data) and data[at] != _TRAILER:
        end = _block_end(data, at)
        if data[at] == _IMAGE or _is_kept_extension(data, at):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at : at + 1]])


def _is_kept_extension(data: bytes, at: int) -> bool:
    kind = data[at + 1]
    return kind == _GRAPHIC_CONTROL or (
        kind == _GIF_APPLICATION and data[at + 3 : at + 14] in _KEPT_APPLICATIONS
    )


def _block_end(data: bytes, at: int) -> int:
    if data[at] == _IMAGE:
        at += 11 + _table_bytes(data, at + 9)  # its descriptor, its colours, the code size
    elif data[at] == _EXTENSION:
        at += 2
    else:
        raise ValueError("no block where one has to be")
    while at < len(data) and data[at]:
        at += 1 + data[at]
    if at >= len(data):
        raise ValueError("a block has no end")
    return at + 1


def _table_bytes(data: bytes, flags_at: int) -> int:
    """Return the size of the table of colours that a field of flags declares."""
    if flags_at >= len(data):
        raise ValueError("ends within a header")
    flags = data[flags_at]
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
