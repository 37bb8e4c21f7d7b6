"""PNG's and WebP's chunks: those that describe the picture stay, those that tell of it go.

Standards: PNG third edition (W3C 2025), and the WebP container specification.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from scanops.strip_segments import exif_of

_PNG_START = b"\x89PNG\r\n\x1a\n"
# Beside the critical chunks, whose names begin with a capital letter.
_PNG_KEPT = {
    *(b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI"),
    *(b"sBIT", b"bKGD", b"pHYs", b"hIST", b"sPLT", b"acTL", b"fcTL", b"fdAT"),
}
_WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_HAS_EXIF, _HAS_XMP = 0x08, 0x04  # flags in the first byte of VP8X


def without_chunks(data: bytes, orientation: int) -> bytes:
    """Leave out a PNG file's texts, EXIF and foreign chunks, and what follows its end.

    Args:
        data: A PNG file.
        orientation: How its picture lies; kept where it is not 1.

    Returns:
        The file without; its pixels are the same bytes.

    Raises:
        ValueError: It is not laid out as PNG.
    """
    kept = [_PNG_START]
    for name, chunk in _png_chunks(data):
        if name[:1].isupper() or name in _PNG_KEPT:
            kept.append(chunk)
        if name == b"IHDR" and orientation != 1:
            content = b"eXIf" + exif_of(orientation)
            kept.append(
                struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
            )
    return b"".join(kept)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, name = len(_PNG_START), b""
    while name != b"IEND":
        if at + 12 > len(data):
            raise ValueError("ends before its last chunk")
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at : at + length + 12]
        at += length + 12


def without_riff_chunks(data: bytes, orientation: int) -> bytes:
    """Leave out a WebP file's EXIF, XMP and foreign chunks, and what follows its end.

    Args:
        data: A WebP file.
        orientation: How its picture lies; kept where it is not 1.

    Returns:
        The file without; its pixels are the same bytes.

    Raises:
        ValueError: It is not laid out as WebP.
    """
    if data[8:12] != b"WEBP":
        raise ValueError("is another kind of RIFF")
    kept = [b"WEBP"]
    for name, content in _riff_chunks(data):
        if name == b"VP8X":
            flags = content[0] & ~(_HAS_EXIF | _HAS_XMP) | (_HAS_EXIF if orientation != 1 else 0)
            kept.append(_riff_chunk(name, bytes([flags]) + content[1:]))
        elif name in _WEBP_KEPT:
            kept.append(_riff_chunk(name, content))
    if orientation != 1:
        kept.append(_riff_chunk(b"EXIF", exif_of(orientation)))
    return _riff_chunk(b"RIFF", b"".join(kept))


def _riff_chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("ends before its last chunk")
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length]
        if len(content) < length or (name == b"VP8X" and length < 10):
            raise ValueError("ends within a chunk")
        yield name, content
        at += 8 + length + length % 2
