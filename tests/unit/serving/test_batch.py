"""The batch command: every file has its row, whatever happens on the way."""

from __future__ import annotations

import csv
import errno
import fcntl
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from scanops import imaging
from scanops.bundle.predictor import Predictor
from scanops.errors import ConfigError
from scanops.serving import batch, batch_answers, batch_table
from scanops.serving.batch_journal import Journal
from tests.bundles import make_bundle
from tests.dicom_files import encode as encode_dicom
from tests.pictures import encode, noise, save
from tests.unit.serving import hostile_answer

ROOT = Path(__file__).parents[3]
CLASSES = ("left", "=right", "none")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here."""
    return make_bundle(tmp_path_factory.mktemp("bundle"), CLASSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fill a folder with good, bad and hostile files."""
    root = tmp_path / "scans"
    frames = np.stack([noise(seed, 40, 40)[..., 0] for seed in range(3)])
    save(root / "a" / "series.dcm", encode_dicom(frames))
    save(root / "a" / "single", encode_dicom(frames[0]))
    save(root / "b.png", encode(noise(7)))
    save(root / "=cmd|' !A0.png", encode(noise(8)))
    save(root / 'new\nline, "quoted".png', encode(noise(9)))
    save(Path(os.fsdecode(os.fsencode(root) + b"/not-utf8-\xff.png")), encode(noise(10)))
    save(root / "broken.png", encode(noise(11))[:300])
    save(root / "empty.jpg", b"")
    save(root / "text.png", b"no picture")
    save(root / ".hidden.png", encode(noise(12)))
    (root / "link.png").symlink_to("b.png")
    os.mkfifo(root / "pipe.png")
    return root


def command(folder: Path, out: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, workers: int = 1) -> int:
    """Run the command in this process; return its exit code."""
    words = [str(folder), "--out", str(out), "--bundle", str(bundle), "--workers", str(workers)]
    monkeypatch.setattr(sys, "argv", ["batch", *words])
    before = signal.getsignal(signal.SIGTERM)
    try:
        batch.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def rows(out: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_has_its_row(
    folder: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good files have the predictor's answer, bad ones their error, in the order of their paths."""
    out = tmp_path / "out" / "predictions.csv"
    assert command(folder, out, bundle, monkeypatch) == 0
    told = {row["path"]: row for row in rows(out)}
    assert {path: row["error"] for path, row in told.items() if row["error"]} == {
        "broken.png": "truncated",
        "empty.jpg": "undecodable",
        "link.png": "unsupported",
        "pipe.png": "unsupported",
        "text.png": "undecodable",
    }
    good = {path for path, row in told.items() if not row["error"]}
    assert good == {
        *("a/series.dcm/frame-0000", "a/series.dcm/frame-0001", "a/series.dcm/frame-0002", "a/single"),
        *("b.png", "./=cmd|' !A0.png", 'new\nline, "quoted".png', "not-utf8-\\xff.png"),
    }
    assert [path.removeprefix("./") for path in told] == sorted(path.removeprefix("./") for path in told)
    predictor = Predictor(bundle)
    for path in good:
        image = imaging.read(folder, path.removeprefix("./"), form=predictor.form)
        given = predictor.predict(predictor.fit_input(image)[None]).probabilities[0]
        assert [float(told[path][f"p_{name}"]) for name in CLASSES] == pytest.approx(given, abs=1e-5)
        assert told[path]["class"] == CLASSES[int(given.argmax())]
        assert told[path]["abstained"] == "false"
    assert [file.name for file in out.parent.iterdir()] == [out.name]


def test_parquet_holds_the_same(
    folder: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both forms say the same; Parquet names the bundle and the notice as well."""
    outs = [tmp_path / f"predictions.{suffix}" for suffix in ("csv", "parquet")]
    for out in outs:
        assert command(folder, out, bundle, monkeypatch) == 0
    table = parquet.read_table(outs[1])
    assert table.column_names == [
        "path",
        "class",
        "p_left",
        "p_=right",
        "p_none",
        "abstained",
        "why",
        "error",
    ]
    for row, other in zip(rows(outs[0]), table.to_pylist(), strict=True):
        assert row["path"].removeprefix("./") == other["path"]
        assert (row["class"] or None, row["error"] or None) == (other["class"], other["error"])
        if other["error"] is None:
            assert float(row["p_left"]) == pytest.approx(other["p_left"], abs=1e-6)
    assert table.schema.metadata[b"bundle_sha256"].decode() == Predictor(bundle).bundle_sha256
    assert b"not for diagnosis" in table.schema.metadata[b"notice"]


def test_processes_change_nothing(
    folder: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process and two write the same bytes; an output among the scans is not taken for one."""
    one, two = folder / "one.csv", tmp_path / "two.csv"
    for _ in range(2):
        assert command(folder, one, bundle, monkeypatch) == 0
    content = one.read_bytes()
    one.unlink()
    assert command(folder, two, bundle, monkeypatch, workers=2) == 0
    assert two.read_bytes() == content


def test_a_file_that_kills_its_decoder_is_a_row(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segmentation fault costs the file that caused it, and no other."""
    for name in ("a.png", "killer.png", "z.png"):
        save(tmp_path / "scans" / name, encode(noise(1)))
    monkeypatch.setattr(batch_answers, "answer", hostile_answer.answer_or_die)
    assert command(tmp_path / "scans", tmp_path / "p.csv", bundle, monkeypatch, workers=2) == 0
    assert [row["error"] for row in rows(tmp_path / "p.csv")] == ["", "undecodable", ""]


def start(folder: Path, out: Path, bundle: Path) -> subprocess.Popen[str]:
    """Run the command in a process of its own."""
    words = [sys.executable, "-m", "scanops.serving.batch", str(folder), "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        [*words, "--bundle", str(bundle)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def await_lines(journal: Path, least: int, process: subprocess.Popen[str]) -> None:
    """Wait until a journal holds some files."""
    while not (journal.exists() and journal.read_bytes().count(b"\n") > least):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 130)])
def test_a_run_that_was_ended_goes_on(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: signal.Signals,
    code: int,
) -> None:
    """After a kill there is no half-written output; the next run reads the rest alone."""
    scans, out = tmp_path / "scans", tmp_path / "p.csv"
    data = encode(noise(1, 700, 700))
    for number in range(60):
        save(scans / f"{number:03}.png", data)
    journal = out.with_name("p.csv.journal")
    with start(scans, out, bundle) as process:
        await_lines(journal, 5, process)
        process.send_signal(how)
        said = process.communicate()[1]
    assert process.returncode == code, said
    assert not out.exists()
    answered = journal.read_bytes().count(b"\n") - 1
    assert 5 <= answered < 60
    assert command(scans, out, bundle, monkeypatch) == 0
    assert f"60 files, {answered} of them before" in capsys.readouterr().out
    assert not journal.exists()
    told = rows(out)
    assert [row.pop("path") for row in told] == [f"{number:03}.png" for number in range(60)]
    assert all(row == told[0] for row in told)  # one picture, whichever run answered for it


@pytest.mark.parametrize("damage", [b'{"file": "a.p', b"\0\0\0\0\n", b"[]\n", b'{"file": 3, "rows": 7}\n'])
def test_a_damaged_journal_costs_its_end_alone(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: bytes,
) -> None:
    """What a power cut leaves is not trusted; what stands before it is, unless the file has changed."""
    scans, out = tmp_path / "scans", tmp_path / "p.csv"
    for number in range(4):
        save(scans / f"{number}.png", encode(noise(number)))
    journal = out.with_name("p.csv.journal")
    monkeypatch.setattr(batch_table, "write", stop)
    with pytest.raises(ZeroDivisionError):
        command(scans, out, bundle, monkeypatch)
    monkeypatch.undo()
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5
    journal.write_bytes(b"".join(lines[:4]) + damage + lines[4])
    save(scans / "1.png", encode(noise(100)))
    capsys.readouterr()
    assert command(scans, out, bundle, monkeypatch) == 0
    assert "4 files, 2 of them before" in capsys.readouterr().out
    again = tmp_path / "again.csv"
    assert command(scans, again, bundle, monkeypatch) == 0
    assert again.read_bytes() == out.read_bytes()


def stop(*_arguments: object) -> None:
    """Fail, as nothing in the command does."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        (b"A diary of mine\nof two lines\n", False),
        (b"no line at all", False),
        (b'{"my": "diary"}\n', False),
        (bytes(20) + b"\n", False),
        (b"", True),
        (b'{"scanops_ba', True),  # killed while its first line was written
    ],
)
def test_what_is_no_journal_is_left_alone(tmp_path: Path, content: bytes, ours: bool) -> None:
    """A file of that name that a batch has not begun is refused, and keeps every byte."""
    path = tmp_path / "p.csv.journal"
    path.write_bytes(content)
    if ours:
        with Journal(path, "f" * 64) as journal:
            journal.add("a.png", (1, 2), [])
        with Journal(path, "f" * 64) as journal:
            assert journal.knows("a.png", (1, 2))
    else:
        with pytest.raises(ConfigError, match="is no journal"):
            Journal(path, "f" * 64)
        assert path.read_bytes() == content


def test_a_journal_belongs_to_one_bundle_and_one_run(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers of two bundles are never mixed, and two runs never write one output."""
    save(tmp_path / "scans" / "a.png", encode(noise(1)))
    out, journal = tmp_path / "p.csv", tmp_path / "p.csv.journal"
    journal.write_text(json.dumps({"scanops_batch": 1, "bundle_sha256": "f" * 64}) + "\n")
    assert command(tmp_path / "scans", out, bundle, monkeypatch) == 2
    assert "begun with another bundle (ffffffffffff)" in capsys.readouterr().err
    journal.unlink()
    with journal.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert command(tmp_path / "scans", out, bundle, monkeypatch) == 2
    assert "another run" in capsys.readouterr().err
    assert not out.exists()


REMEDIES = {
    errno.ENOSPC: "Free some space, or",
    errno.EDQUOT: "Free some space, or",
    errno.EACCES: "permissions",
}


@pytest.mark.parametrize("number", REMEDIES)
def test_what_the_disk_refuses_has_its_own_remedy(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    """Space where that is short, else the file and its permissions; 4 in any case (the refusal is a fake)."""

    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number), "/there/p.csv")

    save(tmp_path / "scans" / "a.png", encode(noise(1)))
    monkeypatch.setattr(batch_table, "write", refuse)
    assert command(tmp_path / "scans", tmp_path / "p.csv", bundle, monkeypatch) == 4
    told = capsys.readouterr().err
    assert f"error: /there/p.csv: {os.strerror(number)}. " in told
    assert {remedy for remedy in REMEDIES.values() if remedy in told} == {REMEDIES[number]}


def test_usage_and_its_exit_codes(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each mistake is told in a line with what to do, before a file is read."""
    scans, none = tmp_path / "scans", tmp_path / "none"
    save(scans / "a.png", b"no picture")
    none.mkdir()
    for folder, out, model, code, said in (
        (tmp_path / "absent", "p.csv", bundle, 2, "is not there"),
        (none, "p.csv", bundle, 2, "holds no file"),
        (scans, "p.xlsx", bundle, 2, "neither .csv nor .parquet"),
        (scans, "p.csv", tmp_path, 2, "bundle"),
        (scans, "scans/a.png/p.csv", bundle, 4, "cannot be written"),
        (scans, "p.csv", bundle, 3, "no file that can be used"),
    ):
        assert command(folder, tmp_path / out, model, monkeypatch) == code
        told = capsys.readouterr().err
        assert said in told
        assert told.startswith("error: ")
    assert rows(tmp_path / "p.csv")[0]["error"] == "undecodable"


def test_without_pyarrow_csv_is_named(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service's image has no pyarrow: that is said before the work, not after."""
    save(tmp_path / "scans" / "a.png", encode(noise(1)))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    assert command(tmp_path / "scans", tmp_path / "p.parquet", bundle, monkeypatch) == 2
    assert "Name it p.csv" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["scans"]
