"""Text from file names, made safe to look at: what cannot be seen is written out."""

from __future__ import annotations

from markupsafe import Markup, escape

BREAK = Markup("<wbr>")
SPACES = "\u00a0\u202f"  # Python calls these unprintable; between a number and its unit they are meant


def visible(text: str) -> str:
    r"""Write out characters that a reader cannot see or that would turn the line around.

    Args:
        text: Any text, also with newlines, bidirectional controls, or the surrogates that stand for the
            bytes of a name that is not UTF-8.

    Returns:
        The text with each of these as a backslash escape: `\n`, `\u202e`, `\xff` for the raw byte 0xFF.
        It can always be encoded as UTF-8.
    """
    return text if text.isprintable() else "".join(map(_visible_character, text))


def breakable(path: str) -> Markup:
    """Escape a path for HTML, with places where a long one may be broken.

    Args:
        path: A POSIX path.

    Returns:
        Escaped markup: a line may end after each slash.
    """
    return Markup("/").join(
        (BREAK if index else Markup("")) + escape(part) for index, part in enumerate(visible(path).split("/"))
    )


def _visible_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a raw byte, as os.fsdecode keeps it (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character if character.isprintable() or character in SPACES else repr(character)[1:-1]
