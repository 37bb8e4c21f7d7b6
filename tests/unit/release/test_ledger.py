"""The ledger's chain, and what the stages hold by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.errors import ConfigError, VerdictError
from scanops.release import ledger, lineage, promotion
from scanops.release.ledger import Entry, Release, Stage

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


def release(letter: str) -> Release:
    """Make a release whose hashes are one letter, repeated."""
    return Release(
        reference=f"registry.example.org/scanops@sha256:{letter * 64}",
        image_id=f"sha256:{letter * 63}0",
        bundle_sha256=letter * 62 + "12",
        model_sha256="e" * 64,
        data_sha256="d" * 64,
        params_sha256="a" * 64,
        gate_sha256="9" * 64,
        gate_verdict="pass",
        git_sha=letter * 38 + "77",
        model="scanops",
        model_version=str(ord(letter) - ord("a") + 1),
        evidence={},
    )


def book(*moves: tuple[Stage, str], rollbacks: tuple[int, ...] = ()) -> list[Entry]:
    """Write a ledger, an entry an hour; entries of these numbers are rollbacks."""
    entries: list[Entry] = []
    for number, (stage, letter) in enumerate(moves, 1):
        entries.append(
            Entry(
                number=number,
                previous=entries[-1].sha256 if entries else ledger.NOTHING,
                when=START + timedelta(hours=number),
                who="Ada <ada@example.org>",
                action="rollback" if number in rollbacks else "promote",
                origin=None,
                stage=stage,
                release=release(letter),
                replaces=None,
            )
        )
    return entries


def text(entries: list[Entry]) -> str:
    """Write entries as the branch holds them."""
    return "".join(f"{entry.line}\n" for entry in entries)


BOOK = book(("candidate", "a"), ("staging", "a"), ("production", "a"), ("candidate", "b"), ("staging", "b"))


def test_what_was_written_is_read() -> None:
    """Lines come back as the same entries."""
    assert ledger.parse(text(BOOK)) == BOOK
    assert ledger.parse("") == []


@given(st.data())
def test_no_line_changes_moves_or_goes_unnoticed(data: st.DataObject) -> None:
    """But for the last lines cut off, whatever is done to the lines breaks the chain."""
    lines = text(BOOK).splitlines()
    place = data.draw(st.integers(0, len(lines) - 2))
    line, act = lines[place], data.draw(st.sampled_from(["cut", "swap", "double", "letter"]))
    if act == "cut":
        del lines[place]
    elif act == "swap":
        lines[place : place + 2] = lines[place + 1], line
    elif act == "double":
        lines.insert(place, line)
    else:
        at = data.draw(st.integers(0, len(line) - 1))
        lines[place] = line[:at] + chr((ord(line[at]) + 1 - 32) % 95 + 32) + line[at + 1 :]
    with pytest.raises(VerdictError, match="the ledger"):
        ledger.parse("\n".join(lines))


def test_a_stage_holds_what_came_last() -> None:
    """Now, and at a time in the past."""
    now = ledger.at(BOOK, "staging")
    assert now
    assert now.release == release("b")
    then = ledger.at(BOOK, "staging", START + timedelta(hours=4))
    assert then
    assert then.release == release("a")
    assert ledger.at(BOOK, "staging", START) is None


def test_rollbacks_go_back_step_by_step() -> None:
    """What was undone is not gone back to; what was before it is."""
    moves: list[tuple[Stage, str]] = [("production", letter) for letter in "abcb"]
    assert ledger.before(book(*moves[:3]), "production") == release("b")
    assert ledger.before(book(*moves, rollbacks=(4,)), "production") == release("a")
    assert ledger.before(book(*moves, ("production", "a"), rollbacks=(4, 5)), "production") is None
    assert ledger.before([], "production") is None


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("sha256:" + "a" * 64, "a"),
        ("registry.example.org/scanops@sha256:" + "b" * 64, "b"),
        ("b" * 7, "b"),
        (release("a").image_id, "a"),
        (release("b").git_sha, "b"),
        ("2", "b"),
        ("v1", "a"),
        ("production", "a"),
        ("staging", "b"),
        ("staging@2026-11-17", "ab"),
        ("staging@2026-11-17T12:30Z", "a"),
        ("staging@2026-11-17T15:30+01:00", "b"),
        ("staging@2030-01-01", "b"),
    ],
)
def test_any_name_leads_to_it(reference: str, found: str) -> None:
    """Digest, id, bundle, commit, version, stage, and a stage in the past."""
    assert lineage.find(BOOK, reference) == [release(letter) for letter in found]


@pytest.mark.parametrize(
    "reference", ["abc", "latest", "staging@tuesday", "production@2020-01-01", "f" * 12, "9"]
)
def test_what_means_nothing_is_told(reference: str) -> None:
    """A name that leads nowhere is a fault of usage, never an empty answer."""
    with pytest.raises(ConfigError):
        lineage.find(BOOK, reference)


def test_only_the_next_goes_on() -> None:
    """Staging takes the candidate of now, production what staging holds."""
    assert promotion.choose(BOOK, "staging", None) == release("b")
    assert promotion.choose(BOOK, "production", "b" * 12) == release("b")
    with pytest.raises(VerdictError, match="superseded by bundle bbbbbbbbbbbb"):
        promotion.choose(BOOK, "staging", "a" * 12)
    with pytest.raises(VerdictError, match="never was in staging"):
        promotion.choose(BOOK[:1] + book(("staging", "c")), "production", "a" * 12)
