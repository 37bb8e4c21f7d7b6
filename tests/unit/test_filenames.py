r"""Every name that a file can have becomes text that UTF-8 holds, and leads back to that file alone."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanops.filenames import to_file, to_text

# Bytes that any file may be called, and names made of what the escapes are made of.
NAMES = st.binary(min_size=1, max_size=40) | st.lists(
    st.sampled_from([b"\\", b"x", b"\\x", b"5c", b"ff", b"\xff", b"\xc3", b"\xa9", b"8", b"a", b"/"]),
    min_size=1,
).map(b"".join)


@given(NAMES)
@example(b"\\x5c")
@example(b"\\\xff")
@example(b"\\x\xff")
@example(b"\\x5cxff")
def test_the_way_back_gives_the_same_bytes(name: bytes) -> None:
    """The text is UTF-8, and its file is the one it came from."""
    text = to_text(os.fsdecode(name))
    text.encode("utf-8")
    assert os.fsencode(to_file(text)) == name


@given(NAMES, NAMES)
def test_no_two_names_become_one(first: bytes, second: bytes) -> None:
    """Different files have different texts."""
    texts = [to_text(os.fsdecode(name)) for name in (first, second)]
    assert (texts[0] == texts[1]) == (first == second)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\\")))
def test_ordinary_names_stay(name: str) -> None:
    """A name in UTF-8 without a backslash is its own text, both ways."""
    assert to_text(name) == to_file(name) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"caf\xe9.png", r"caf\xe9.png"),
        ("café.png".encode(), "café.png"),
        (rb"C:\scans\1.png", r"C:\scans\1.png"),
        (rb"caf\xe9.png", r"caf\x5cxe9.png"),
        (rb"\x41", r"\x41"),
    ],
)
def test_the_text_can_be_read(name: bytes, text: str) -> None:
    r"""A byte that is not UTF-8 is `\xNN`; a backslash changes only where it would be taken for that."""
    assert to_text(os.fsdecode(name)) == text
