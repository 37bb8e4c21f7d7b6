"""Every kind of source fills a folder, or ends with the exit code that says why not."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanops import imaging
from scanops.catalogue import ArchiveSource, FolderSource, KaggleSource, PhantomSource, Source
from scanops.data import sources
from scanops.errors import ConfigError, OutsideError, VerdictError
from tests.patience import PATIENCE_S
from tests.pictures import encode, noise, save

ROOT = Path(__file__).parents[3]
FILES = {"yes/1.png": b"one", "no/2.png": b"two"}


class Desk:
    """A target, a cache and a mirror in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        self.target = folder / "target"

    def fetch(self, source: Source, mirror: bool = True) -> sources.Provenance:
        """Fetch a source here."""
        place = self.mirror if mirror else None
        return sources.fetch(source, self.target, mirror=place, cache=self.folder / "cache")

    def files(self) -> dict[str, bytes]:
        """Read what arrived."""
        return {
            path.relative_to(self.target).as_posix(): path.read_bytes()
            for path in self.target.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Give a place to fetch to."""
    return Desk(tmp_path)


def zipped(path: Path, files: dict[str, bytes]) -> str:
    """Write a zip and tell its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def folder_of(path: Path, files: dict[str, bytes]) -> FolderSource:
    """Write files into a folder and make it a source."""
    for name, data in files.items():
        save(path / name, data)
    return FolderSource(kind="folder", path=str(path))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve a folder with one zip over HTTP on loopback."""
    zipped(tmp_path / "served" / "scans.zip", FILES)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/scans.zip"
        server.shutdown()


def test_phantom_is_drawn(desk: Desk) -> None:
    """It needs no archive, and tells what it planted."""
    pulled = desk.fetch(PhantomSource(kind="phantom", images=40, seed=1))
    assert pulled.files == len(desk.files()) >= 40
    assert pulled.bytes == sum(map(len, desk.files().values()))
    assert {item["path"] for item in pulled.planted} <= set(desk.files())


@pytest.mark.parametrize("prefix", ["", "file://", "local://"])
def test_archive_by_path(desk: Desk, prefix: str) -> None:
    """A path and a file URL lead to the same; the report names the file, not this machine's folders."""
    sha256 = zipped(desk.folder / "scans.zip", FILES)
    pulled = desk.fetch(ArchiveSource(kind="archive", url=f"{prefix}{desk.folder}/scans.zip", sha256=sha256))
    assert desk.files() == FILES
    assert pulled == sources.Provenance("archive", "scans.zip", sha256, 2, 6)


def test_archive_by_url(desk: Desk, served: str) -> None:
    """A web address works without a pin, and keeps its secrets out of the report."""
    pulled = desk.fetch(ArchiveSource(kind="archive", url=served + "?token=secret"))
    assert desk.files() == FILES
    assert pulled.origin == served


def test_wrong_checksum_of_a_local_archive(desk: Desk) -> None:
    """The pin holds for paths, too; nothing is unpacked, and the user's file stays."""
    zipped(desk.folder / "scans.zip", FILES)
    with pytest.raises(VerdictError, match="wrong checksum"):
        desk.fetch(ArchiveSource(kind="archive", url=str(desk.folder / "scans.zip"), sha256="0" * 64))
    assert not desk.target.exists()
    assert (desk.folder / "scans.zip").exists()


def test_missing_archive(desk: Desk) -> None:
    """The message says both ways out."""
    with pytest.raises(OutsideError, match=r"archive .*no\.zip: is not there\..*SCANOPS_MIRROR"):
        desk.fetch(ArchiveSource(kind="archive", url=str(desk.folder / "no.zip")))


@pytest.mark.parametrize(
    "source",
    [
        ArchiveSource(kind="archive", url="https://127.0.0.1:9/far/scans.zip?token=x"),
        ArchiveSource(kind="archive", url="/nowhere/scans.zip"),
        ArchiveSource(kind="archive", url="s3://bucket/scans.zip"),
        KaggleSource(kind="kaggle", handle="someone/scans", archive="scans.zip"),
    ],
    ids=["https", "path", "s3", "kaggle"],
)
def test_mirror_comes_first(desk: Desk, source: Source) -> None:
    """An archive of that name in the mirror is taken, and no far end is asked."""
    sha256 = zipped(desk.mirror / "scans.zip", FILES)
    pulled = desk.fetch(source)
    assert desk.files() == FILES
    assert (pulled.origin, pulled.archive_sha256) == ("scans.zip", sha256)


def test_mirror_is_checked(desk: Desk) -> None:
    """A mirror is trusted no more than the far end."""
    zipped(desk.mirror / "scans.zip", FILES)
    source = KaggleSource(kind="kaggle", handle="someone/scans", archive="scans.zip", sha256="0" * 64)
    with pytest.raises(VerdictError, match="wrong checksum"):
        desk.fetch(source)


def test_without_the_archive_a_mirror_changes_nothing(desk: Desk, served: str) -> None:
    """What the mirror does not hold is fetched."""
    zipped(desk.mirror / "other.zip", {"x/y.png": b"z"})
    desk.fetch(ArchiveSource(kind="archive", url=served))
    assert desk.files() == FILES


def test_archive_whose_reading_is_denied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing permission is told as such."""
    zipped(desk.folder / "scans.zip", FILES)
    deny(monkeypatch, "scans.zip")
    with pytest.raises(OutsideError, match=r"scans\.zip.*Permission denied"):
        desk.fetch(ArchiveSource(kind="archive", url=str(desk.folder / "scans.zip")))


def test_closed_folder_on_the_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror in a folder that may not be entered is named."""

    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(OutsideError, match=r"mirror/scans\.zip: may not be used \(Permission denied\)"):
        desk.fetch(ArchiveSource(kind="archive", url="scans.zip"))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://127.0.0.1:9/", "http://127.0.0.1:9/..", "s3://x"]
)
def test_url_that_names_no_file(desk: Desk, url: str) -> None:
    """Only a host, or a folder, is a wrong parameter and no traceback."""
    with pytest.raises(ConfigError, match="names no file"):
        desk.fetch(ArchiveSource(kind="archive", url=url))


def test_cache_that_cannot_be_made(tmp_path: Path, served: str) -> None:
    """A cache folder that is a file is told by its name."""
    save(tmp_path / "cache", b"")
    with pytest.raises(OutsideError, match="cache"):
        sources.fetch(
            ArchiveSource(kind="archive", url=served), tmp_path / "t", mirror=None, cache=tmp_path / "cache"
        )


def test_folder_is_copied(desk: Desk) -> None:
    """Every file, byte by byte, under the folder's own name in the report."""
    source = folder_of(desk.folder / "scans", {**FILES, "deep/er/3.png": b"three", ".DS_Store": b"x"})
    pulled = desk.fetch(source)
    assert desk.files() == {**FILES, "deep/er/3.png": b"three"}
    assert pulled == sources.Provenance("folder", "scans", None, 3, 11)


def test_a_folder_s_times_are_kept(desk: Desk) -> None:
    """A copy is as old as its original, so that a scan of the second copy knows it again."""
    source = folder_of(desk.folder / "scans", FILES)
    os.utime(desk.folder / "scans/yes/1.png", (1_577_880_000, 1_577_880_000))
    desk.fetch(source)
    assert (desk.target / "yes/1.png").stat().st_mtime == 1_577_880_000


def test_metadata_are_stripped_from_every_kind_of_source(desk: Desk) -> None:
    """Folder, archive and mirror alike; the source itself keeps what it had."""
    signed = {"yes/1.jpg": encode(noise(1), "JPEG", comment=b"Mustermann"), "no/2.png": encode(noise(2))}
    folder = folder_of(desk.folder / "scans", signed)
    zipped(desk.mirror / "scans.zip", signed)
    kaggle = KaggleSource(kind="kaggle", handle="someone/scans", archive="scans.zip")
    archive = ArchiveSource(kind="archive", url=str(desk.mirror / "scans.zip"))
    for number, source in enumerate((folder, archive, kaggle)):
        desk.target = desk.folder / str(number)
        pulled = sources.fetch(
            source, desk.target, mirror=desk.mirror, cache=desk.folder / "cache", strip_metadata=True
        )
        assert (pulled.files, pulled.stripped) == (2, 1)
        assert pulled.bytes == sum(map(len, desk.files().values()))
        assert b"Mustermann" not in desk.files()["yes/1.jpg"]
        assert desk.files()["no/2.png"] == signed["no/2.png"]
    assert (desk.folder / "scans/yes/1.jpg").read_bytes() == signed["yes/1.jpg"]


def test_a_stripped_phantom_tells_no_metadata_as_planted(desk: Desk) -> None:
    """What stripping took out is not in the record of what validation has to find."""
    source = PhantomSource(kind="phantom", images=100, seed=1)
    plain = desk.fetch(source)
    names = {item["path"] for item in plain.planted if item["kind"] == "identifying_metadata"}
    assert names
    desk.target = desk.folder / "again"
    stripped = sources.fetch(source, desk.target, mirror=None, cache=desk.folder, strip_metadata=True)
    assert stripped.stripped == len(names)
    assert [item for item in plain.planted if item["path"] not in names] == stripped.planted
    for name in names:
        assert imaging.decode((desk.target / str(name)).read_bytes()).identifying == ()


def test_missing_folder(desk: Desk) -> None:
    """It is not there, or is a file."""
    save(desk.folder / "file", b"x")
    for name in ("no", "file"):
        with pytest.raises(OutsideError, match="is not there"):
            desk.fetch(FolderSource(kind="folder", path=str(desk.folder / name)))


def test_empty_folder(desk: Desk) -> None:
    """Folders without files are not a data set."""
    (desk.folder / "scans" / "yes").mkdir(parents=True)
    with pytest.raises(VerdictError, match="holds no files"):
        desk.fetch(FolderSource(kind="folder", path=str(desk.folder / "scans")))


@pytest.mark.parametrize("leads_to", ["scans/yes/1.png", "scans/yes", "nowhere", "/etc/passwd"])
def test_folder_with_a_link_is_refused(desk: Desk, leads_to: str) -> None:
    """To a file or a folder, within, without or nowhere: a link is not followed and not dropped."""
    source = folder_of(desk.folder / "scans", FILES)
    (desk.folder / "scans" / "no" / "link").symlink_to(desk.folder / leads_to)
    with pytest.raises(VerdictError, match="link: is a link"):
        desk.fetch(source)


def test_folder_with_a_fifo_is_refused(desk: Desk) -> None:
    """Opening a FIFO would wait for ever; it is not opened."""
    source = folder_of(desk.folder / "scans", FILES)
    os.mkfifo(desk.folder / "scans" / "yes" / "pipe.png")
    with pytest.raises(VerdictError, match=r"pipe\.png: is a link or a device"):
        desk.fetch(source)


def test_folder_with_a_hostile_name_is_refused(desk: Desk) -> None:
    """A folder's names are judged as an archive's are."""
    with pytest.raises(VerdictError, match="control characters"):
        desk.fetch(folder_of(desk.folder / "scans", {**FILES, "no/a\nb.png": b"x"}))


def test_bounds_hold_for_folders(desk: Desk) -> None:
    """max_files and max_bytes bound a copy, too."""
    path = folder_of(desk.folder / "scans", FILES).path
    with pytest.raises(VerdictError, match="more than 1 entries"):
        desk.fetch(FolderSource(kind="folder", path=path, max_files=1))
    desk.target = desk.folder / "again"
    with pytest.raises(VerdictError, match="more than 5 bytes"):
        desk.fetch(FolderSource(kind="folder", path=path, max_bytes=5))


@pytest.mark.parametrize("above", ["", "data"])
def test_folder_that_holds_the_target(desk: Desk, above: str) -> None:
    """A folder is not copied into itself."""
    folder = desk.folder / "all"
    source = folder_of(folder / above, FILES)
    desk.target = folder / "data" / "raw"
    with pytest.raises(ConfigError, match="holds the folder to be filled"):
        desk.fetch(source)


def deny(monkeypatch: pytest.MonkeyPatch, name: str, reading: bool = False) -> None:
    """Make one file unreadable, even for root: at once, or only when bytes are asked for."""
    real = Path.open

    def opened(path: Path, *args: object, **options: object) -> object:
        if path.name != name or "xb" in args:
            return real(path, *args, **options)  # type: ignore[call-overload]
        if reading:
            return real(Path("/proc/self/mem"), "rb")  # opens, but has no byte at its start
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", opened)


def test_file_whose_reading_is_denied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read is not left out in silence."""
    source = folder_of(desk.folder / "scans", FILES)
    deny(monkeypatch, "1.png")
    with pytest.raises(VerdictError, match=r"1\.png: cannot be read \(Permission denied\)"):
        desk.fetch(source)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux' /proc")
def test_file_on_a_failing_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that opens but cannot be read through is named, too."""
    source = folder_of(desk.folder / "scans", FILES)
    deny(monkeypatch, "1.png", reading=True)
    with pytest.raises(VerdictError, match=r"1\.png: cannot be read"):
        desk.fetch(source)


def test_folder_whose_listing_is_denied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a folder that cannot be listed taken for empty."""
    source = folder_of(desk.folder / "scans", FILES)
    real = os.scandir

    def scandir(place: str | os.PathLike[str]) -> object:
        if Path(place).name == "yes":
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(VerdictError, match="yes: cannot be read"):
        desk.fetch(source)


FETCH = """
import sys, time
from pathlib import Path
rests = []
time.sleep = rests.append  # between tries of a library
from scanops.catalogue import KaggleSource
from scanops.data import sources
from scanops.errors import ScanopsError
source = KaggleSource(kind="kaggle", handle="someone/scans", archive="scans.zip")
try:
    sources.fetch(source, Path(sys.argv[1]), mirror=None, cache=Path(sys.argv[2]))
except ScanopsError as error:
    print(error)
    print("rested", sum(rests), file=sys.stderr)
    sys.exit(error.exit_code)
"""


def test_kaggle_without_network_and_credentials(tmp_path: Path) -> None:
    """The message names both ways out, and comes within seconds."""
    (tmp_path / "home").mkdir()
    # A proxy on a closed port keeps this off the network wherever the test runs.
    closed = "http://127.0.0.1:9"
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.defpath,
        "https_proxy": closed,
        "HTTPS_PROXY": closed,
    }
    done = subprocess.run(
        [sys.executable, "-c", FETCH, tmp_path / "target", tmp_path / "cache"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == OutsideError.exit_code, done.stderr
    assert "Traceback" not in done.stderr
    (message,) = done.stdout.splitlines()
    for part in ("someone/scans", "KAGGLE_USERNAME", "KAGGLE_KEY", "SCANOPS_MIRROR", "scans.zip"):
        assert part in message
    assert float(done.stderr.split()[-1]) < 45
    assert not (tmp_path / "target").exists()


def test_kaggle_data_are_copied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kagglehub has fetched goes through the same door as any folder."""
    import kagglehub  # noqa: PLC0415  (slow to load)

    folder = Path(folder_of(desk.folder / "kaggle", FILES).path)
    monkeypatch.setattr(kagglehub, "dataset_download", {"someone/scans": str(folder)}.__getitem__)
    source = KaggleSource(kind="kaggle", handle="someone/scans", archive="scans.zip")
    assert desk.fetch(source) == sources.Provenance("kaggle", "someone/scans", None, 2, 6)
    assert desk.files() == FILES
    (folder / "link").symlink_to("/etc")
    desk.target = desk.folder / "again"
    with pytest.raises(VerdictError, match="is a link"):
        desk.fetch(source)
