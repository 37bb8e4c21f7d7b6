"""What a reader cannot see is written out; what he can see stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.quality.visible_text import breakable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("image (1).jpg", "image (1).jpg"),
        ("Übersicht/頭部 – 3\u202f%", "Übersicht/頭部 – 3\u202f%"),
        ("a\nb\tc\0", r"a\nb\tc\x00"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800", r"\ud800"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
    ],
)
def test_only_the_invisible_is_escaped(text: str, shown: str) -> None:
    """Letters of any script stay; controls, surrogates and direction marks become escapes."""
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_written(text: str) -> None:
    """Whatever a file is called, its name can be put into a UTF-8 page on one line, as text."""
    assert len(visible(text).encode().splitlines()) <= 1
    assert set(breakable(text).replace("<wbr>", "")).isdisjoint('<>"')
