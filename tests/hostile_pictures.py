"""Pictures that no scanner writes: damaged, lying, far too large, or of unusual modes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

from tests.pictures import noise


def chunk(kind: bytes, data: bytes) -> bytes:
    """Write a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """Write a grey PNG file of such chunks, whose header claims a size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def bomb() -> bytes:
    """Make 36 million black pixels out of 35 kB."""
    rows = zlib.compress(bytes(6000 * 6001), 9)
    return png(6000, 6000, chunk(b"IDAT", rows))


def text_bomb() -> bytes:
    """Make a sound picture whose comment unpacks to 64 MB."""
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in noise(60)[..., 0]))
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
    return png(96, 80, text, chunk(b"IDAT", pixels))


def animated(image_format: str, seed: int) -> bytes:
    """Write three frames in one file."""
    frames = [Image.fromarray(noise(seed + one)) for one in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, image_format, save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def lost_palette() -> bytes:
    """Give a TIFF file of two frames in a palette, which the second has lost: Pillow raises a KeyError."""
    frames = [Image.new("P", (16, 16), n) for n in (1, 2)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    colour_map = struct.pack("<HH", 320, 3)  # TIFF 6.0, section 5
    before, found, after = file.getvalue().rpartition(colour_map)
    assert found
    return before + struct.pack("<HH", 65_000, 3) + after


def sixteen_bits() -> bytes:
    """Write grey levels of 16 bits."""
    buffer = io.BytesIO()
    Image.fromarray(noise(20)[..., 0].astype(np.uint16) * 16).save(buffer, "PNG")
    return buffer.getvalue()


def cmyk() -> bytes:
    """Write a JPEG in printing colours."""
    buffer = io.BytesIO()
    smooth = Image.fromarray(noise(21, 8, 8)).resize((96, 96), Image.Resampling.BICUBIC)
    smooth.convert("CMYK").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def transparent_palette() -> bytes:
    """Write a palette whose first colour is transparent."""
    buffer = io.BytesIO()
    image = Image.fromarray(noise(22)[..., 0]).convert("P")
    image.save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def lying_on_its_side() -> bytes:
    """Write a picture that EXIF turns upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° to the right
    buffer = io.BytesIO()
    Image.fromarray(np.rot90(noise(23)).copy()).save(
        buffer, "PNG", exif=exif, pnginfo=PngImagePlugin.PngInfo()
    )
    return buffer.getvalue()


def huge() -> bytes:
    """Claim 1,600 million pixels; whoever tries to decode them finds no PNG data."""
    return png(40_000, 40_000, chunk(b"IDAT", b"?"))
