"""Outputs of an earlier run do not outlive a run that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.earlier_outputs import removed_on_failure
from scanops.atomic import write_json
from scanops.errors import VerdictError

REPORT = {"verdict": "pass", "images": 1}


@pytest.mark.parametrize("kind", [VerdictError("a", "b", "c"), OSError(28, "full"), KeyboardInterrupt()])
def test_what_an_earlier_run_left_is_removed(tmp_path: Path, kind: BaseException) -> None:
    """Whatever ended the run; the note says what is gone."""
    place = tmp_path / "r.json"
    write_json(place, REPORT)
    with pytest.raises(type(kind)) as caught, removed_on_failure({"--json": place}):
        raise kind
    assert not place.exists()
    assert caught.value.__notes__ == [f"removed, as they were an earlier run's: {place}"]


def test_what_this_run_wrote_stays(tmp_path: Path) -> None:
    """Data that fail are a failure too, and its reports are what the reader needs."""
    place = tmp_path / "r.json"
    write_json(place, REPORT)

    @removed_on_failure({"--json": place})
    def work() -> None:
        write_json(place, REPORT)
        raise VerdictError("a", "b", "c")

    with pytest.raises(VerdictError) as caught:
        work()
    assert place.exists()
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("option", ["--json", "--html", "--manifest"])
@pytest.mark.parametrize("data", [b"years of work", b'{"name": 1}', b"[]", b"\xff"])
def test_what_is_none_of_ours_stays(tmp_path: Path, option: str, data: bytes) -> None:
    """A file that a wrong option names is not lost to a run that failed."""
    place = tmp_path / "thesis"
    place.write_bytes(data)
    with pytest.raises(VerdictError), removed_on_failure({option: place}):
        raise VerdictError("a", "b", "c")
    assert place.read_bytes() == data


def test_a_run_that_ends_well_removes_nothing(tmp_path: Path) -> None:
    """Nor does it where an output was not there before."""
    place = tmp_path / "r.json"
    write_json(place, REPORT)
    with removed_on_failure({"--json": place, "--html": tmp_path / "r.html"}):
        pass
    assert place.exists()
