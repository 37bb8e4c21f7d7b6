"""Names and numbers in Markdown, as text that nothing acts on."""

from __future__ import annotations


def cell(value: object) -> str:
    """Keep a name inside its cell: what Markdown, HTML or a terminal would act on is written out.

    Args:
        value: Shown by its `str`.

    Returns:
        One line.
    """
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(value))
    return "".join(f"\\{letter}" if letter in "\\|`*<>[]" else letter for letter in text)
