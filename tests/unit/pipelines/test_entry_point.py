"""Every entry point ends with the right code and one message."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import entry_point
from scanops.errors import ConfigError, ImageError, OutsideError, ScanopsError, Told, VerdictError
from scanops.release.reproduce import EXIT_CODE_FILE

ROOT = Path(__file__).parents[3]


def _raises(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("params.yaml", "is wrong", "Correct it"), 2),
        (VerdictError("the data", "are wrong", "Mend them"), 3),
        (ImageError("truncated", "a.jpg", "ends early", "Fetch it again"), 3),
        (OutsideError("registry", "is silent", "Start it"), 4),
        (OSError(errno.ENOSPC, "No space left on device", "data/raw"), 4),
        (OSError(errno.EACCES, "Permission denied", "reports"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_fault_has_its_code(
    error: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A user's mistake ends with one message and its code, which DVC's caller can read from a file."""
    noted = tmp_path / "code"
    monkeypatch.setenv(EXIT_CODE_FILE, str(noted))
    with pytest.raises(SystemExit) as ended:
        entry_point.run(_raises(error))
    assert ended.value.code == code
    assert noted.read_text() == str(code)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if isinstance(error, ScanopsError):
        assert said == f"error: {error.subject}: {error.fault}. {error.remedy}\n"


@pytest.mark.parametrize(
    "error", [ConfigError("a", "b", "c"), OSError(errno.ENOSPC, "full", "disk"), KeyboardInterrupt()]
)
def test_what_was_noted_on_the_way_is_told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """A note for the reader stands below the message, once; a worker's traceback does not."""
    error.add_note("Traceback of a worker")
    error.add_note(Told("removed: r.json"))
    with pytest.raises(SystemExit):
        entry_point.run(_raises(error))
    said = capsys.readouterr().err
    assert said.endswith("\nremoved: r.json\n")
    assert "Traceback" not in said


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    """What is nobody's mistake but ours is not dressed up as one."""
    with pytest.raises(ZeroDivisionError):
        entry_point.run(_raises(ZeroDivisionError()))
    with pytest.raises(OSError, match="odd"):
        entry_point.run(_raises(OSError(errno.EIO, "odd")))


# Of commands, and none themselves.
PARTS = {
    "__init__",
    "challenge_run",
    "compare_measure",
    "compare_run",
    "earlier_outputs",
    "entry_point",
    "evaluate_pass",
    "evaluate_run",
    "evaluate_share",
    "export_run",
    "model_card_facts",
    "promote_run",
    "report_sources",
    "train_run",
    "validate_command",
    "validate_run",
}


@pytest.mark.parametrize("name", sorted({p.stem for p in (ROOT / "pipelines").glob("*.py")} - PARTS))
def test_help_helps(name: str) -> None:
    """Each entry point says what it does and what its options mean, without doing anything."""
    done = subprocess.run(
        [sys.executable, "-m", f"pipelines.{name}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage:")
    assert len(done.stdout.splitlines()) > 4
