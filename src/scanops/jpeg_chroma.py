"""Tell by a JPEG file's header that its picture has no colour, although it is stored in three channels.

Most grey scans are saved as colour JPEG. Where the encoder fitted the Huffman tables to the picture, those of
the colour differences then know a single word, "no more coefficients": every difference is nought, and red,
green and blue are the luminance to the bit. Such a file is decoded in one channel, in half the time.

Standard: ITU-T T.81 (ISO/IEC 10918-1), annex B for the segments, annex F.2 for what the words mean.
"""

from __future__ import annotations

from collections.abc import Iterator

_TABLES, _ADOBE, _SCAN = 0xC4, 0xEE, 0xDA
# Baseline and extended sequential, in Huffman codes; progressive files scatter a block over many scans.
_FRAMES = (0xC0, 0xC1)
# What has no length, and what is no marker: decoders step over 0xFF00 as over any other rubbish.
_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xDA)}
_COUNTS = 16  # codes of each length from 1 to 16 bits
# A table of one word, coded in one bit: of a DC table no difference, of an AC table the end of a block.
_SILENT = b"\x01" + bytes(_COUNTS - 1) + b"\x00"
_AC = 0x10


def is_empty(data: bytes) -> bool:
    """Say whether a JPEG file is certain to hold luminance alone.

    Args:
        data: The bytes of one file.

    Returns:
        True: decoded to RGB, all three channels equal the luminance. False: there may be colour, or the file
        is not laid out in a way that tells.
    """
    if _SILENT not in data:  # which costs a hundredth of reading the header
        return False
    try:
        return _tells_so(data)
    except (IndexError, ValueError):
        return False  # whoever decodes it says what is wrong with it


def _tells_so(data: bytes) -> bool:
    tables: dict[int, bytes] = {}
    components: bytes | None = None
    for marker, content in _segments(data):
        if marker == _TABLES:
            tables.update(_tables(content))
        elif marker == _ADOBE and content[:5] == b"Adobe" and content[11] != 1:
            return False  # its three channels may be red, green and blue themselves
        elif marker in _FRAMES:
            components = content[6::3]
        elif marker == _SCAN:
            # One scan of all three: no later one can bring other tables.
            whole = content[0] == 3 and content[1:7:2] == components == b"\x01\x02\x03"
            return whole and all(_is_silent(tables, content[at]) for at in (4, 6))
    return False


def _is_silent(tables: dict[int, bytes], selector: int) -> bool:
    """Say whether the tables that a scan names for a component have the one word."""
    dc, ac = selector >> 4, selector & 0x0F
    return tables.get(dc) == tables.get(_AC | ac) == _SILENT


def _tables(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the tables of a segment: class and number, then how many words have each length and the words."""
    at = 0
    while at < len(content):
        start = at + 1 + _COUNTS
        end = start + sum(content[at + 1 : start])
        if end > len(content):
            raise ValueError("a table is longer than its segment")
        yield content[at], content[at + 1 : end]
        at = end


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give marker and content of each segment up to the first scan's own."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one has to be")
        marker = data[at + 1]
        if marker == 0xFF:  # markers may be padded
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            raise ValueError("a marker that has no place in a header")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            raise ValueError("ends within a segment")
        yield marker, data[at + 4 : end]
        if marker == _SCAN:
            return
        at = end
