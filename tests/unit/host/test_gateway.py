"""The gateway's switch is one file, and its log tells what a version answered."""

from __future__ import annotations

from pathlib import Path

from scanops_host import gateway
from scanops_host.judgement import Timing

from tests.unit.host.settings import make_settings


def test_switching_there_and_back(tmp_path: Path) -> None:
    """A slot that was switched to is active, however often that is asked for."""
    settings = make_settings(tmp_path)
    (tmp_path / "gateway").mkdir()
    assert gateway.active(settings) == "a"
    for slot in ("b", "b", "a", "a", "b"):
        gateway.switch(settings, slot)
        assert gateway.active(settings) == slot
        assert gateway.other(slot) != slot


def test_the_log_counts_one_slot_from_now_on(tmp_path: Path) -> None:
    """Earlier lines, the other slot's and half a line do not count; 500 and above are failures."""
    settings = make_settings(tmp_path)
    file = tmp_path / "access.log"
    file.write_text("1.0 500 0.1 b\n")
    log, seen = gateway.Log(settings), Timing(0, 0, [])
    with file.open("a") as out:
        out.write("2.0 200 0.020 b\n3.0 200 0.9 a\n4.0 502 - b\n5.0 422 0.01 b\n6.0 200 0.0")
    log.count("b", seen)
    assert (seen.sent, seen.failed, seen.seconds) == (3, 1, [0.02, 0.01])
    with file.open("a") as out:
        out.write("3 b\n")
    log.count("b", seen)
    assert (seen.sent, seen.seconds[-1]) == (4, 0.03)
    file.write_text("7.0 200 0.5 b\n")  # rotated
    log.count("b", seen)
    assert seen.sent == 5
