r"""File names as text that UTF-8 can hold, and back again without loss.

A POSIX file name is bytes. Python reads one that is not UTF-8 with surrogates, which no UTF-8 file (Parquet,
JSON, HTML) can hold. Here such a byte is written `\xNN`. So that no two names become one, a backslash is
written `\x5c` where the name itself already spells such an escape; every other name stays as it is.
"""

from __future__ import annotations

import re

_FIRST_SURROGATE = 0xDC00  # PEP 383: byte NN is read as U+DCNN, for NN from 80 to FF
_TO_ESCAPE = re.compile(r"[\udc80-\udcff]|\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPE = re.compile(r"\\x(5c|[89a-f][0-9a-f])")


def to_text(name: str) -> str:
    r"""Write a file's name or path as text.

    Args:
        name: As `os.fsdecode`, `os.scandir` or `pathlib` give it.

    Returns:
        The same text for any name in UTF-8 that does not spell an escape (`\x5c`, or `\x80` to `\xff`).
    """
    return _TO_ESCAPE.sub(_escape, name)


def to_file(text: str) -> str:
    """Find the name or path on the disk that a text stands for: the inverse of `to_text`.

    Args:
        text: What `to_text` returned.

    Returns:
        What `os.fsencode`, `open` and `pathlib` take.
    """
    return _ESCAPE.sub(_unescape, text)


def _escape(found: re.Match[str]) -> str:
    return rf"\x{ord(found[0]) & 0xFF:02x}"


def _unescape(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return "\\" if byte == ord("\\") else chr(_FIRST_SURROGATE + byte)
