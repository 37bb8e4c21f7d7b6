"""TIFF's entries: those that describe the picture stay, those that tell of it go.

Standards: TIFF 6.0 section 2 and its technical notes; EXIF 2.32 for the tables that entries point to.
"""

from __future__ import annotations

import struct

# How the picture is stored, and how its levels and colours are meant; everything else tells of it.
_KEPT = {
    *range(254, 260),  # size, bits, compression
    *(262, 263, 264, 265, 266, 273, 274, *range(277, 285)),  # colours, strips, orientation, resolution
    *(*range(286, 294), 296, 297, 301, *range(317, 322), *range(322, 326), 330),  # place, transfer, tiles
    *(332, 334, 336, 338, 339, 340, 341, 342, 347),  # inks, samples, JPEG's tables
    *(*range(512, 516), *range(517, 522), *range(529, 533), 34675),  # old JPEG, YCbCr, colour profile
}
_TABLES = {34665, 34853, 40965}  # EXIF, GPS and interoperability: entries that point to more entries
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ENTRY_BYTES = 12
_MAX_TABLES = 64


def without_entries(data: bytes, _orientation: int) -> bytes:
    """Leave out a TIFF file's entries that do not describe its picture; their values become zeros.

    Every byte that stays keeps its place, so nothing that points into the file has to change.

    Args:
        data: A TIFF file; its orientation is an entry that stays.

    Returns:
        The file without, as long as before.

    Raises:
        ValueError: It is not laid out as TIFF.
    """
    return bytes(_Tiff(data).clear())


class _Tiff:
    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)
        self._order = "<" if data.startswith(b"II") else ">"
        self._tables = 0

    def clear(self) -> bytearray:
        at = self._read("I", 4)
        while at:
            at = self._clear_directory(at)
        return self._data

    def _clear_directory(self, at: int) -> int:
        """Clear one table of entries, and return where the next is."""
        entries = self._entries(at)
        end = at + 2 + len(entries) * _ENTRY_BYTES
        following = self._read("I", end)
        kept = []
        for place in entries:
            tag = self._read("H", place)
            if tag in _KEPT:
                kept.append(bytes(self._data[place : place + _ENTRY_BYTES]))
            else:
                self._wipe(place)
        if len(kept) < len(entries):
            rest = bytes((len(entries) - len(kept)) * _ENTRY_BYTES)
            table = struct.pack(f"{self._order}H", len(kept)) + b"".join(kept)
            self._data[at : end + 4] = table + struct.pack(f"{self._order}I", following) + rest
        return following

    def _wipe(self, place: int) -> None:
        """Overwrite what an entry holds or points to; the entry itself is left."""
        tag, kind, count = struct.unpack_from(f"{self._order}HHI", self._data, place)
        size = _VALUE_BYTES.get(kind, 1) * count
        target = self._read("I", place + 8)
        if tag in _TABLES and target:
            for entry in self._entries(target):
                self._wipe(entry)
                self._data[entry : entry + _ENTRY_BYTES] = bytes(_ENTRY_BYTES)
        if size > 4:
            if target + size > len(self._data):
                raise ValueError("an entry points out of the file")
            self._data[target : target + size] = bytes(size)

    def _entries(self, at: int) -> list[int]:
        """Return the places of a table's entries."""
        self._tables += 1
        if self._tables > _MAX_TABLES:  # tables that point to each other
            raise ValueError("has too many tables")
        count = self._read("H", at)
        end = at + 2 + count * _ENTRY_BYTES
        if end > len(self._data):
            raise ValueError("a table ends out of the file")
        return list(range(at + 2, end, _ENTRY_BYTES))

    def _read(self, code: str, at: int) -> int:
        if not 0 <= at <= len(self._data) - struct.calcsize(code):
            raise ValueError("points out of the file")
        return int(struct.unpack_from(self._order + code, self._data, at)[0])
