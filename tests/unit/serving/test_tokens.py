"""Tokens: a file of hashes that may change while the service runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanops.errors import ConfigError
from scanops.serving import tokens
from scanops.serving.tokens import Tokens


def put(file: Path, *lines: str) -> Path:
    """Replace a file at once, as configuration tools do."""
    new = file.with_suffix(".new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return new.replace(file)


def test_each_token_names_its_owner_and_no_other_does(tmp_path: Path) -> None:
    """Several tokens hold at once; the file holds nothing that could be presented."""
    (one, first), (two, second) = tokens.make("gateway"), tokens.make("page")
    file = put(tmp_path / "tokens", "# for the ward", "", first, second)
    held = Tokens(file)
    assert (held.owner(one), held.owner(two)) == ("gateway", "page")
    assert [held.owner(wrong) for wrong in ("", one[:-1], one + "x", first, first.split(":")[1])] == [
        None
    ] * 5
    assert one not in file.read_text(encoding="utf-8")


def test_a_token_has_256_random_bits() -> None:
    """None is made twice, and each is long enough for a plain hash."""
    made = {tokens.make("a")[0] for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) == 43 for token in made)


def test_a_changed_file_holds_at_once(tmp_path: Path) -> None:
    """Tokens are rotated without a restart: both hold for a while, then the new one alone."""
    (old, first), (new, second) = tokens.make("gateway"), tokens.make("gateway")
    file = put(tmp_path / "tokens", first)
    held = Tokens(file)
    assert held.owner(new) is None
    put(file, first, second)
    assert (held.owner(old), held.owner(new)) == ("gateway", "gateway")
    put(file, second)
    assert (held.owner(old), held.owner(new)) == (None, "gateway")


def test_a_file_that_is_gone_lets_nobody_in_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not to know who may come in is to let nobody in; it is logged once."""
    token, line = tokens.make("a")
    file = put(tmp_path / "tokens", line)
    held = Tokens(file)
    file.unlink()
    assert [held.owner(token) for _ in range(3)] == [None] * 3
    assert caplog.text.count("cannot be read") == 1
    put(file, line)
    assert held.owner(token) == "a"


def test_a_wrong_line_after_the_start_is_logged_by_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A slip in one line locks nobody else out, and its text is not logged: it may be a token."""
    token, line = tokens.make("a")
    file = put(tmp_path / "tokens", line)
    held = Tokens(file)
    put(file, line, "a:secret-in-clear")
    assert held.owner(token) == "a"
    assert '"wrong_lines": [2]' in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no token"),
        ("# none\n", "holds no token"),
        ("a:zz\n", "wrong in line 1"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_at_the_start_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    """A service that would let nobody in, or everybody, does not start."""
    file = tmp_path / "tokens"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        Tokens(file)


@pytest.mark.parametrize("name", ["", "A", "a b", "a:b", "a" * 33, "-a"])
def test_a_name_that_could_not_be_read_back_is_refused(name: str) -> None:
    """What is made can be used."""
    with pytest.raises(ConfigError, match="cannot name"):
        tokens.make(name)
