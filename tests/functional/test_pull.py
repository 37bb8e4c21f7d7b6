"""The stage `pull`, run as the pipeline runs it: it fills a folder whole, or says why and leaves nothing."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tarfile
import termios
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import require_part
from tests.patience import PATIENCE_S, until
from tests.pictures import encode, noise, save

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "pipelines.pull", "--raw", "data/raw", "--report", "reports/pull.json")
Values = dict[str, Any]
FILES = {f"{label}/{number}.png": encode(noise(number)) for number, label in enumerate(("no", "yes"))}


class Room:
    """A folder to run the stage in, with nothing of this machine's own settings."""

    def __init__(self, folder: Path, work: Path | None = None) -> None:
        self.folder = folder
        self.work = work or folder / "work"
        self.raw = self.work / "data" / "raw"
        self.report = self.work / "reports" / "pull.json"
        self.work.mkdir(exist_ok=True)
        (folder / "home").mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {**kept, "PYTHONPATH": str(ROOT), "HOME": str(folder / "home")}

    def choose(self, source: Values, **changes: object) -> None:
        """Write params.yaml as the repository has it, with this source chosen."""
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        values.update({"dataset": "mine", **changes})
        values["sources"]["mine"] = source
        (self.work / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def pull(self, source: Values, **changes: object) -> subprocess.CompletedProcess[str]:
        """Run the stage to its end."""
        self.choose(source, **changes)
        return subprocess.run(
            COMMAND,
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def start(self, source: Values, **options: Any) -> subprocess.Popen[str]:
        """Start the stage in a process group of its own, as a shell does."""
        self.choose(source)
        return subprocess.Popen(
            COMMAND,
            cwd=self.work,
            env=self.environment,
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def succeeds(self, source: Values) -> Values:
        """Run the stage, hold that all went well, and read the report."""
        done = self.pull(source)
        assert (done.returncode, done.stderr) == (0, "")
        self.has_no_drafts()
        return dict(json.loads(self.report.read_text(encoding="utf-8")))

    def fails(self, source: Values, code: int, *parts: str, **changes: object) -> None:
        """Hold the exit code, one message with these parts, and that nothing half-written is left."""
        done = self.pull(source, **changes)
        assert done.returncode == code, done.stderr
        (message,) = done.stderr.splitlines()
        assert message.startswith("error: ")
        for part in parts:
            assert part in message
        assert done.stdout == ""
        self.has_nothing()

    def has_nothing(self) -> None:
        """Hold that no output exists, not even a part of one."""
        assert [path for path in self.work.rglob("*") if not path.is_dir()] == [self.work / "params.yaml"]
        assert {path.name for path in self.work.rglob("*") if path.is_dir()} <= {"data", "reports"}

    def has_no_drafts(self) -> None:
        """Hold that no hidden folder is left beside the outputs."""
        assert {path.name for path in self.work.iterdir()} == {"data", "reports", "params.yaml"}
        assert [path.name for path in (self.work / "data").iterdir()] == ["raw"]
        assert [path.name for path in (self.work / "reports").iterdir()] == ["pull.json"]

    def files(self) -> dict[str, bytes]:
        """Read what arrived."""
        return {
            path.relative_to(self.raw).as_posix(): path.read_bytes()
            for path in self.raw.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Give a clean folder to run in."""
    return Room(tmp_path)


def archive_of(path: Path, files: dict[str, bytes] | None = None) -> Values:
    """Write a zip or tar, as its name says, and make it a source with its hash."""
    members = FILES if files is None else files
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as zipped:
            for name, data in members.items():
                zipped.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tarred:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tarred.addfile(info, io.BytesIO(data))
    return {"kind": "archive", "url": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def folder_of(path: Path, files: dict[str, bytes]) -> Values:
    """Write files into a folder and make it a source."""
    path.mkdir()
    for name, data in files.items():
        save(path / name, data)
    return {"kind": "folder", "path": str(path)}


def test_two_pulls_of_a_phantom_give_the_same_bytes(tmp_path: Path) -> None:
    """Images and report are a pure function of the parameters."""
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        room = Room(tmp_path / name)
        report = room.succeeds({"kind": "phantom", "images": 60, "seed": 3})
        results.append((room.files(), room.report.read_bytes()))
        assert (report["source"], report["kind"], report["files"]) == ("mine", "phantom", len(room.files()))
        assert len(room.files()) >= 60
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["scans.zip", "scans.tar"])
def test_archives_are_unpacked(room: Room, name: str) -> None:
    """By path, checked against the pin; the report holds nothing of this machine."""
    source = archive_of(room.folder / name)
    report = room.succeeds(source)
    assert room.files() == FILES
    assert report == {
        "source": "mine",
        "kind": "archive",
        "origin": name,
        "archive_sha256": source["sha256"],
        "files": len(FILES),
        "bytes": sum(map(len, FILES.values())),
        "planted": [],
        "stripped": 0,
    }


def test_metadata_are_stripped_when_params_say_so(room: Room) -> None:
    """The report and the line on the screen say how many files lost some; two pulls give the same bytes."""
    files = {**FILES, "no/signed.jpg": encode(noise(7), "JPEG", comment=b"Mustermann")}
    source, results = archive_of(room.folder / "scans.zip", files), []
    for _ in range(2):
        done = room.pull(source, pull={"strip_metadata": True})
        assert (done.returncode, done.stderr) == (0, "")
        assert "3 files, 1 stripped" in done.stdout
        results.append((room.files(), json.loads(room.report.read_text(encoding="utf-8"))))
    assert results[0] == results[1]
    arrived, report = results[0]
    assert (report["files"], report["stripped"]) == (3, 1)
    assert report["bytes"] == sum(map(len, arrived.values()))
    assert b"Mustermann" not in arrived["no/signed.jpg"]
    assert {name: arrived[name] for name in FILES} == FILES


def test_a_second_pull_gives_the_same_times(room: Room) -> None:
    """Files of an unchanged archive are not new to an incremental scan."""
    source, seen = archive_of(room.folder / "scans.zip"), []
    for _ in range(2):
        room.succeeds(source)
        seen.append({path.name: path.stat().st_mtime_ns for path in room.raw.rglob("*.png")})
    assert seen[0] == seen[1]


def test_a_folder_is_copied(room: Room) -> None:
    """As it is, hidden leavings apart."""
    report = room.succeeds(folder_of(room.folder / "scans", FILES))
    assert room.files() == FILES
    assert report["origin"] == "scans"


def test_a_mirror_is_looked_in_first(room: Room) -> None:
    """With the archive in SCANOPS_MIRROR neither Kaggle nor credentials are needed."""
    (room.folder / "mirror").mkdir()
    archive_of(room.folder / "mirror" / "scans.zip")
    room.environment["SCANOPS_MIRROR"] = str(room.folder / "mirror")
    report = room.succeeds({"kind": "kaggle", "handle": "someone/scans", "archive": "scans.zip"})
    assert room.files() == FILES
    assert report["origin"] == "scans.zip"


def test_a_url_is_fetched_once(room: Room) -> None:
    """From a web server into the cache that SCANOPS_CACHE names; a pinned archive then needs no network."""
    (room.folder / "far").mkdir()
    source = archive_of(room.folder / "far" / "scans.zip")
    cache = room.folder / "cache"
    room.environment["SCANOPS_CACHE"] = str(cache)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    handler = functools.partial(Quiet, directory=str(room.folder / "far"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source["url"] = f"http://127.0.0.1:{server.server_port}/scans.zip"
        first = room.succeeds(source)
        server.shutdown()
    assert list(cache.rglob("scans.zip"))
    assert not list(cache.rglob("*.part"))
    assert room.succeeds(source) == first
    assert room.files() == FILES


def test_a_wrong_checksum_is_a_verdict(room: Room) -> None:
    """Exit code 3, with both hashes."""
    source = archive_of(room.folder / "scans.zip")
    room.fails({**source, "sha256": "0" * 64}, 3, "scans.zip", "checksum", "0" * 64, source["sha256"])


def test_a_missing_archive_is_an_outside_fault(room: Room) -> None:
    """Exit code 4, with the two ways out."""
    source = {"kind": "archive", "url": str(room.folder / "no.zip")}
    room.fails(source, 4, "no.zip", "is not there", "SCANOPS_MIRROR")


def test_an_unreachable_host_is_an_outside_fault(room: Room) -> None:
    """Exit code 4; the clients' own chatter stays out of the message."""
    room.fails({"kind": "archive", "url": "https://127.0.0.1:9/scans.zip"}, 4, "cannot be fetched")


def test_kaggle_without_credentials_is_an_outside_fault(room: Room) -> None:
    """Exit code 4, saying what to set; nothing hangs."""
    room.environment["HTTPS_PROXY"] = room.environment["https_proxy"] = "http://127.0.0.1:9"
    source = {"kind": "kaggle", "handle": "someone/scans", "archive": "scans.zip"}
    room.fails(source, 4, "someone/scans", "KAGGLE_USERNAME", "SCANOPS_MIRROR")


def test_a_hostile_archive_is_a_verdict(room: Room) -> None:
    """Exit code 3; the files before the hostile one are gone, and nothing lies outside."""
    name = "scans.zip"
    before = {path.name for path in room.folder.iterdir()}
    source = archive_of(room.folder / name, {**FILES, "../../../evil.png": b"x"})
    room.fails(source, 3, name, "evil.png", "climbs")
    assert {path.name for path in room.folder.iterdir()} == before | {name}


def test_a_corrupt_archive_is_a_verdict(room: Room) -> None:
    """Exit code 3 for half a download."""
    source = archive_of(room.folder / "scans.zip")
    data = Path(source["url"]).read_bytes()
    Path(source["url"]).write_bytes(data[: len(data) // 2])
    room.fails({"kind": "archive", "url": source["url"]}, 3, "scans.zip", "no sound zip or tar")


def test_one_class_only_is_a_verdict(room: Room) -> None:
    """Exit code 3: no stage could do anything with it."""
    files = {"yes/1.png": b"1", "yes/2.png": b"2"}
    room.fails(folder_of(room.folder / "scans", files), 3, "one class only, `yes`")


def test_an_empty_folder_is_a_verdict(room: Room) -> None:
    """Exit code 3."""
    room.fails(folder_of(room.folder / "scans", {}), 3, "holds no files")


@pytest.mark.parametrize(
    ("source", "changes", "part"),
    [
        ({"kind": "phantom"}, {"dataset": "nonsense"}, "nonsense"),
        ({"kind": "phantom", "colour": 1}, {}, "colour"),
        ({"kind": "archive", "url": "https://127.0.0.1:9/"}, {}, "names no file"),
    ],
)
def test_bad_parameters_are_told_first(room: Room, source: Values, changes: Values, part: str) -> None:
    """Exit code 2, before anything is fetched or made."""
    room.fails(source, 2, part, **changes)
    assert [path.name for path in room.work.rglob("*") if "raw" in path.name] == []


def test_bad_usage_is_told(room: Room) -> None:
    """A missing option is exit code 2."""
    done = subprocess.run(
        COMMAND[:3], cwd=room.work, env=room.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--raw" in done.stderr


def test_a_failed_pull_leaves_the_last_one(room: Room) -> None:
    """The raw folder and its report stay as they were, byte by byte; a good pull replaces both."""
    room.succeeds(archive_of(room.folder / "old.zip", {"a/1.png": b"old", "b/2.png": b"old"}))
    before = (room.files(), room.report.read_bytes())
    for name, files in {"hostile.zip": {**FILES, "/evil": b"x"}, "single.zip": {"a/1.png": b"x"}}.items():
        assert room.pull(archive_of(room.folder / name, files)).returncode == 3
        assert (room.files(), room.report.read_bytes()) == before
        room.has_no_drafts()
    room.succeeds(archive_of(room.folder / "new.zip"))
    assert room.files() == FILES


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Values:
    """Write a tar of so many files that unpacking takes seconds, however fast the disk."""
    path = tmp_path_factory.mktemp("large") / "large.tar"
    with path.open("wb") as file:
        for number in range(40_000):
            info = tarfile.TarInfo(f"{number % 4}/{number}.png")
            info.size = 1
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + b"x" + bytes(511))
        file.write(bytes(10_240))
    return {"kind": "archive", "url": str(path)}


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Undo what a shell does to jobs in the background: they and their children ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def alive(group: int) -> list[str]:
    """List the living processes of a group, as Linux tells them; elsewhere none."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended by now
            state, _, pgrp = place.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":
                found.append(place.parent.name)
    return found


def interrupt(room: Room, source: Values, number: signal.Signals) -> None:
    """Start a pull, send a signal as soon as files are written, and hold that it ends as promised."""
    process = room.start(source)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not any(path.is_file() for path in room.work.glob("data/.raw.*/raw/**/*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 130, stderr
    assert stderr.split("\n") == ["", "interrupted: unfinished outputs were removed", ""]
    assert stdout == ""
    room.has_nothing()
    until(lambda: not alive(process.pid), lambda: "a worker outlives the stage")


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_unpacking_leaves_nothing(room: Room, large: Values, number: signal.Signals) -> None:
    """Ctrl-C, and a scheduler's request to end, are exit code 130 with a clean folder."""
    interrupt(room, large, number)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupted_drawing_leaves_nothing(room: Room) -> None:
    """Nor does a drawing, whose workers end with it."""
    interrupt(room, {"kind": "phantom", "images": 20_000}, signal.SIGINT)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    mounted = bool(
        os.geteuid() == 0 and mount and umount
    ) and not subprocess.run(command, capture_output=True, check=False).returncode  # fmt: skip
    require_part(mounted, "only root can mount a small file system")
    yield place
    subprocess.run([umount or "umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("kind", ["zip", "folder", "phantom", "download"])
def test_a_full_disk_is_an_outside_fault(tmp_path: Path, small_disk: Path, kind: str) -> None:
    """Exit code 4 that says what is the matter, and the space is free again."""
    room = Room(tmp_path, small_disk)
    files = {f"{number % 2}/{number}.png": os.urandom(200_000) for number in range(12)}
    if kind == "folder":
        source = folder_of(tmp_path / "scans", files)
    elif kind == "phantom":
        source = {"kind": "phantom", "images": 60}
    else:
        source = archive_of(tmp_path / ("scans.zip" if kind == "download" else f"scans.{kind}"), files)
    if kind == "download":
        room.environment["SCANOPS_CACHE"] = str(small_disk / "cache")
        far_disk_full(room, source)
        return
    room.fails(source, 4, "no space")
    assert shutil.disk_usage(small_disk).used < 100_000


def far_disk_full(room: Room, source: Values) -> None:
    """Fetch an archive into a cache on the full disk: only what a later run resumes from may stay."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    handler = functools.partial(Quiet, directory=str(Path(source["url"]).parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = room.pull({**source, "url": f"http://127.0.0.1:{server.server_port}/scans.zip"})
        server.shutdown()
    assert done.returncode == 4
    assert "no space" in done.stderr
    assert "Traceback" not in done.stderr
    assert not room.raw.exists()
    assert not room.report.exists()
    assert not list((room.work / "cache").rglob("scans.zip"))


def test_a_terminal_shows_progress(room: Room) -> None:
    """On a terminal a bar counts bytes; elsewhere standard error stays empty."""
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 80))
    process = room.start(archive_of(room.folder / "scans.zip"), stderr=child)
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 4096):
            shown += piece
    except OSError:
        pass  # how Linux says that the other side has closed
    os.close(parent)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"unpack scans.zip" in shown
