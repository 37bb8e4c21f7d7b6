"""`validate`, run as a person runs it on any folder or archive, outside DVC."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanops.data import manifest
from tests.patience import PATIENCE_S
from tests.pictures import encode, noise, save

ROOT = Path(__file__).parents[2]
PER_CLASS = 24


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Room:
    """A place for one test's runs: a scratch folder for temporary files, a cache, and a folder of results."""

    folder: Path

    @property
    def out(self) -> Path:
        """The folder of results."""
        return self.folder / "out"

    @property
    def scratch(self) -> Path:
        """Where temporary files go."""
        return self.folder / "scratch"

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start the command."""
        self.scratch.mkdir(exist_ok=True)
        places = {"TMPDIR": str(self.scratch), "SCANOPS_CACHE": str(self.folder / "cache")}
        clean = {name: value for name, value in os.environ.items() if name != "SCANOPS_CLUSTER"}
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.validate", *map(str, arguments)],
            cwd=ROOT,
            env={**clean, **places, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: object, **environment: str) -> Ended:
        """Run the command, and hold that it leaves no temporary file and shows no traceback."""
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in stderr, stderr
        assert not list(self.scratch.iterdir())
        return Ended(process.returncode, stdout, stderr)

    def manifest(self, *arguments: object) -> bytes:
        """Run the command with `--manifest` and give the manifest's bytes."""
        ended = self.run(*arguments, "--manifest", self.out / "manifest.parquet")
        assert ended.code == 0, ended.stderr
        return (self.out / "manifest.parquet").read_bytes()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Give each test its own places."""
    return Room(tmp_path)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Give a folder of two sound classes."""
    for number in range(2 * PER_CLASS):
        picture = encode(noise(number), mode="L")
        save(tmp_path / "scans" / ("yes", "no")[number % 2] / f"{number:02}.png", picture)
    return tmp_path / "scans"


def test_a_folder_gets_every_output_that_is_asked_for(room: Room, scans: Path) -> None:
    """Exit code 0, one line for the reader, and each of the five outputs in its place."""
    out = room.out
    ended = room.run(
        *(scans, "--json", out / "r.json", "--html", out / "r.html", "--manifest", out / "m.parquet"),
        *("--docs", out / "docs", "--plots", out / "plots", "--workers", 2),
    )
    assert ended.code == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    report = json.loads((out / "r.json").read_text(encoding="utf-8"))
    assert (report["images"], report["usable"], report["quarantined"]) == (48, 48, 0)
    assert len(manifest.read(out / "m.parquet")) == 48
    page = (out / "r.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    links = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>\s]+)|url\(([^)]+)\)""", page)
    assert all(link.startswith(("data:", "#")) for pair in links for link in pair if link), links
    assert (out / "docs" / "index.html").is_file()
    assert list((out / "plots").glob("*.png"))


def test_without_outputs_only_the_verdict_is_told(room: Room, scans: Path) -> None:
    """Nothing is written beside the cache, least of all into the folder."""
    before = sorted(scans.rglob("*"))
    ended = room.run(scans, "--no-cache")
    assert ended.code == 0, ended.stderr
    assert ended.stdout.strip()
    assert sorted(scans.rglob("*")) == before
    assert sorted(path.name for path in room.folder.iterdir()) == ["scans", "scratch"]


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_gives_the_manifest_of_its_folder(room: Room, scans: Path, kind: str) -> None:
    """Packed or not, in one process or two: the same bytes."""
    archive = shutil.make_archive(str(room.folder / "packed"), kind, scans)
    assert room.manifest(archive, "--workers", 1) == room.manifest(scans, "--no-cache", "--workers", 2)


def test_data_that_fail_end_with_code_3(room: Room, scans: Path) -> None:
    """The message says what is missed and where to look, and the outputs are there to be looked at."""
    for number in range(20):
        (scans / "yes" / f"{2 * number:02}.png").write_bytes(b"broken")
    html = room.out / "report.html"
    ended = room.run(
        scans, "--html", html, "--json", room.out / "r.json", "--manifest", room.out / "m.parquet"
    )
    assert ended.code == 3
    assert ended.stderr.startswith("error: the data: do not meet: ")
    assert str(html) in ended.stderr
    report = json.loads((room.out / "r.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "fail"
    assert report["defects"]["undecodable"] == 20
    assert html.is_file()
    assert len(manifest.read(room.out / "m.parquet")) == 48


def test_only_what_changed_is_read_again(room: Room, scans: Path) -> None:
    """A file with the size and the time it had is remembered; `--no-cache` reads all, and keeps nothing."""
    file = scans / "yes" / "00.png"
    before, state = room.manifest(scans), file.stat()
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"\0")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert room.manifest(scans) == before
    changed = room.manifest(scans, "--no-cache")
    assert changed != before
    os.utime(file)
    assert room.manifest(scans) == changed


def test_hostile_names_reach_every_report(room: Room, scans: Path) -> None:
    """Names that are no UTF-8, or that mean something to HTML or a terminal, neither stop nor mislead it."""
    hostile = (b"\xff.png", b"<script>alert(1)</script>.png".replace(b"/", b"-"), b"a\nb\x1b[31m.png")
    for seed, name in enumerate(hostile):
        save(scans / "yes" / os.fsdecode(name), encode(noise(100 + seed), mode="L")[:200])
    (scans / "no" / "link.png").symlink_to("01.png")
    out = room.out
    ended = room.run(
        scans, "--json", out / "r.json", "--html", out / "r.html", "--manifest", out / "m.parquet"
    )
    assert ended.code == 0, ended.stderr
    report = json.loads((out / "r.json").read_text(encoding="utf-8"))
    assert (report["images"], report["quarantined"]) == (52, 4)
    page = (out / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "\x1b" not in page
    assert r"yes/\xff.png" in set(manifest.read(out / "m.parquet")["path"])


@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("missing", None, 2, "is not there"),
        ("notes.txt", b"no archive", 2, "is neither a folder nor a zip or tar archive"),
        ("broken.zip", b"PK\x03\x04", 3, "is no sound zip or tar archive"),
    ],
)
def test_what_is_no_data_is_told(room: Room, name: str, data: bytes | None, code: int, words: str) -> None:
    """A wrong path is the caller's mistake (2), a damaged archive a verdict (3); the message names it."""
    if data is not None:
        (room.folder / name).write_bytes(data)
    ended = room.run(room.folder / name)
    assert ended.code == code, ended.stderr
    assert name in ended.stderr
    assert words in ended.stderr


@pytest.mark.parametrize("below", ["a", "."])
def test_a_folder_without_classes_is_reported_all_the_same(room: Room, below: str) -> None:
    """One class, or images that lie flat: exit code 3, and every report says what was found in the images."""
    for number in range(PER_CLASS):
        save(room.folder / "scans" / below / f"{number}.png", encode(noise(number % (PER_CLASS - 1))))
    (room.folder / "scans" / below / "broken.png").write_bytes(b"broken")
    out = room.out
    ended = room.run(
        *(room.folder / "scans", "--json", out / "r.json", "--html", out / "r.html"),
        *("--manifest", out / "m.parquet", "--docs", out / "docs", "--plots", out / "plots"),
    )
    assert ended.code == 3
    assert ("one class only, `a`" if below == "a" else "no class folders") in ended.stderr
    assert "Put the images of each class into a folder" in ended.stderr
    report = json.loads((out / "r.json").read_text(encoding="utf-8"))
    assert (report["verdict"], report["images"]) == ("fail", PER_CLASS + 1)
    assert (report["defects"]["undecodable"], report["defects"]["exact_duplicate"]) == (1, 1)
    missed = [found["meaning"] for found in report["expectations"] if not found["success"]]
    assert "there are at least two classes" in missed
    assert "there are at least two classes" in (out / "r.html").read_text(encoding="utf-8")
    assert len(manifest.read(out / "m.parquet")) == PER_CLASS + 1


@pytest.mark.parametrize("fault", ["no files", "no folder", "wrong expectation", "wrong parameters"])
def test_a_failed_run_leaves_no_report_of_an_earlier_one(room: Room, scans: Path, fault: str) -> None:
    """What stands at an output's place is of the last run, or nothing; the message names what was removed."""
    out, asked = room.out, []
    for option, name in (("json", "r.json"), ("html", "r.html"), ("manifest", "m"), ("docs", "docs")):
        asked += [f"--{option}", out / name]
    assert room.run(scans, *asked).code == 0
    (room.folder / "empty").mkdir()
    (room.folder / "wrong.yaml").write_text("images: [{type: none}]\n", encoding="utf-8")
    path, more, code = {
        "no files": (room.folder / "empty", [], 3),
        "no folder": (room.folder / "nowhere", [], 2),
        "wrong expectation": (scans, ["--expectations", room.folder / "wrong.yaml"], 2),
        "wrong parameters": (scans, ["--params", room.folder / "wrong.yaml"], 2),
    }[fault]
    ended = room.run(path, *more, *asked)
    assert ended.code == code, ended.stderr
    assert not list(out.iterdir())
    assert all(str(place) in ended.stderr for place in asked[1::2])
    assert ended.stderr.startswith("error: ")


def test_the_name_of_a_data_set_must_be_known(room: Room, scans: Path) -> None:
    """A mistyped name would be compared with nothing: exit code 2 with the names there are."""
    ended = room.run(scans, "--dataset", "brain-tumour-4class")
    assert ended.code == 2
    assert "--dataset brain-tumour-4class" in ended.stderr
    assert "brain-tumor-4class" in ended.stderr.partition("Name one of ")[2]
    assert room.run(scans, "--dataset", "phantom").code == 0


def test_expectations_are_checked_before_an_archive_is_unpacked(room: Room) -> None:
    """A mistake in them is told at once, whatever the archive holds."""
    (room.folder / "damaged.zip").write_bytes(b"PK\x03\x04")
    wrong = room.folder / "wrong.yaml"
    wrong.write_text("images: [{type: none}]\n", encoding="utf-8")
    ended = room.run(room.folder / "damaged.zip", "--expectations", wrong)
    assert ended.code == 2, ended.stderr
    assert str(wrong) in ended.stderr


@pytest.mark.parametrize("name", [b"scans", b"ic\xf4ne"])
def test_the_page_is_called_after_the_folder(room: Room, scans: Path, name: bytes) -> None:
    """Its own name, also where the path ends in dots, and where it is no UTF-8."""
    folder = scans.rename(scans.with_name(os.fsdecode(name)))
    ended = room.run(folder / "yes" / "..", "--html", room.out / "r.html")
    assert ended.code == 0, ended.stderr
    shown = name.decode("utf-8", "backslashreplace")
    assert f"<title>Validation of {shown}" in (room.out / "r.html").read_text(encoding="utf-8")


def test_a_cluster_that_is_away_is_not_done_without(room: Room, scans: Path) -> None:
    """Exit code 4, and no manifest of a scan that was not made where it was asked for."""
    target = room.out / "m.parquet"
    ended = room.run(scans, "--no-cache", "--manifest", target, SCANOPS_CLUSTER="127.0.0.1:1")
    assert ended.code == 4, ended.stderr
    assert "SCANOPS_CLUSTER" in ended.stderr or "scanops[cluster]" in ended.stderr
    assert not target.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_unpacked_copy(room: Room, scans: Path, number: signal.Signals) -> None:
    """Ctrl-C and a scheduler's request to end are exit code 130, with the temporary folder gone."""
    for seed in range(400):
        save(scans / "no" / f"more-{seed}.png", encode(noise(1000 + seed, 200, 200)))
    archive = shutil.make_archive(str(room.folder / "packed"), "zip", scans)
    process = room.start(archive, "--manifest", room.out / "m.parquet")
    deadline = time.monotonic() + PATIENCE_S
    while not any(path.is_file() for path in room.scratch.glob("scanops-*/raw/*/*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert not list(room.scratch.glob("scanops-*"))
    assert not (room.out / "m.parquet").exists()


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--docs", "mine", "other things in it"),
        ("--plots", "mine", "other things in it"),
        ("--json", "mine", "is a folder already"),
        ("--plots", "scans", "would lie in the data, or take their place"),
        ("--html", "scans/report.html", "would lie in the data"),
        ("--docs", ".", "would lie in the data, or take their place"),
        ("--manifest", "mine/thesis.txt/x", "cannot be made"),
    ],
)
def test_nothing_else_is_replaced(room: Room, scans: Path, option: str, name: str, words: str) -> None:
    """An output that would take the place of other work, or of the data, ends with 2 and changes nothing."""
    save(room.folder / "mine" / "thesis.txt", b"years of work")
    before = sorted(room.folder.rglob("*"))
    ended = room.run(scans, option, room.folder / name)
    assert ended.code == 2
    assert words in ended.stderr
    assert [path for path in before if not path.exists()] == []


def test_a_number_of_workers_is_one_or_more(room: Room, scans: Path) -> None:
    """Neither none nor fewer than none can be asked for."""
    for count in ("0", "-1", "many"):
        assert room.run(scans, "--workers", count).code == 2
