"""Archives from strangers: sound ones unpack right, everything else is refused before it can do harm."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import signal
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanops.data import archives
from scanops.data.intake import JUNK
from scanops.errors import OutsideError, VerdictError
from tests.pictures import encode, noise

FILES = {"set/yes/1.png": b"one" * 500, "set/no/2.png": b"two", "set/no/empty.png": b""}
HOSTILE_NAMES = {
    "climbing": "../evil.png",
    "climbing within": "a/../../evil.png",
    "climbing back": "a/../b.png",
    "absolute": "/evil.png",
    "backslash": "a\\..\\evil.png",
    "drive": "C:/evil.png",
    "drive within": "a/C:evil.png",
    "newline": "a/b\n.png",
    "escape": "a/\x1b[2J.png",
    "delete": "a/\x7f.png",
    "long name": "a/" + "x" * 256,
    "long name in bytes": "a/" + "é" * 128,
    "long path": "/".join(["x" * 100] * 11),
}
TAR_MODES = {
    "tar": lambda data: data,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip members under exactly these names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tar_of(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    """Tar members in this order; a name alone is a regular file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def special(kind: bytes, name: str = "a/x.png", link: str = "") -> tarfile.TarInfo:
    """Describe a tar member that is no regular file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


class Bench:
    """An archive and a target in one folder, so that whatever lands elsewhere can be seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "inner" / "target"

    def unpack(
        self, data: bytes, name: str = "scans.bin", max_files: int = 1000, max_bytes: int = 1 << 28
    ) -> archives.Unpacked:
        """Write the archive and unpack it."""
        archive = self.folder / name
        archive.write_bytes(data)
        return archives.unpack(archive, self.target, max_files=max_files, max_bytes=max_bytes)

    def refuses(self, data: bytes, fault: str, max_files: int = 1000, max_bytes: int = 1 << 28) -> None:
        """Hold that the archive ends in one VerdictError, with nothing outside of the target."""
        with pytest.raises(VerdictError, match=fault):
            self.unpack(data, max_files=max_files, max_bytes=max_bytes)
        self.stays_inside()

    def stays_inside(self) -> None:
        """Hold that nothing but the archive lies outside of the target, and no link within."""
        outside = {p for p in self.folder.rglob("*") if not p.is_relative_to(self.target)}
        assert outside <= {self.folder / "scans.bin", self.folder / "inner"}
        assert not [path for path in self.target.rglob("*") if path.is_symlink()]

    def files(self) -> dict[str, bytes]:
        """Read what is under the target."""
        return {
            path.relative_to(self.target).as_posix(): path.read_bytes()
            for path in self.target.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Give a folder to unpack in."""
    return Bench(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip_unpacks(bench: Bench, method: int) -> None:
    """Each file of a zip arrives whole under its own name, and is counted."""
    unpacked = bench.unpack(zip_of(FILES, method))
    assert bench.files() == FILES
    assert unpacked == archives.Unpacked(len(FILES), sum(map(len, FILES.values())))


@pytest.mark.parametrize("mode", TAR_MODES)
def test_tar_unpacks(bench: Bench, mode: str) -> None:
    """A tar does too, compressed or not; its kind is told by its content, not by its name."""
    data = tar_of((special(tarfile.DIRTYPE, "set"), b""), *FILES.items())
    unpacked = bench.unpack(TAR_MODES[mode](data))
    assert bench.files() == FILES
    assert unpacked.files == len(FILES)


def test_long_names_of_other_formats_unpack(bench: Bench) -> None:
    """Names over 100 bytes, in GNU's and in POSIX' way, and names in other scripts arrive right."""
    names = ["set/" + "x" * 200 + ".png", "заболевание/片子.png"]
    for number, tar_format in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = 3
                archive.addfile(info, io.BytesIO(b"abc"))
        bench.target = bench.folder / "inner" / f"target{number}"
        bench.unpack(buffer.getvalue())
        assert bench.files() == dict.fromkeys(names, b"abc")


YEAR_2020 = (2020, 1, 1, 12, 0, 0)
YEAR_2020_S = 1_577_880_000


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_times_of_last_change_are_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """In a zip, which tells no time zone, and in a tar, the same on every machine."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a/zip.png", YEAR_2020), b"x")
            archive.writestr(zipfile.ZipInfo("a/none.png"), b"x")
        bench.unpack(buffer.getvalue())
        info = tarfile.TarInfo("b/tar.png")
        info.mtime = YEAR_2020_S
        bench.unpack(tar_of((info, b"x")))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (bench.target / "a/zip.png").stat().st_mtime == YEAR_2020_S
    assert (bench.target / "b/tar.png").stat().st_mtime == YEAR_2020_S
    assert (bench.target / "a/none.png").stat().st_mtime > YEAR_2020_S


def test_a_zip_with_an_impossible_date_unpacks(bench: Bench) -> None:
    """Month 0 is what some programs write for no date; the file counts, its time does not."""
    data = bytearray(zip_of({"a/x.png": b"x"}))
    for start in (data.index(b"PK\x03\x04") + 12, data.index(b"PK\x01\x02") + 14):
        data[start : start + 2] = bytes(2)
    bench.unpack(bytes(data))
    assert (bench.target / "a/x.png").stat().st_mtime > YEAR_2020_S


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_metadata_are_stripped_where_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    """Members are counted that lost some; without the wish every byte stays."""
    signed = encode(noise(1), "JPEG", comment=b"Mustermann")
    files = {"yes/1.jpg": signed, "no/2.txt": b"Mustermann"}
    archive = tmp_path / "scans"
    archive.write_bytes(zip_of(files) if kind == "zip" else tar_of(*files.items()))
    for wish in (False, True):
        target = tmp_path / str(wish)
        unpacked = archives.unpack(archive, target, max_files=9, max_bytes=1 << 20, strip_metadata=wish)
        assert unpacked.stripped == int(wish)
        assert ((target / "yes/1.jpg").read_bytes() == signed) is not wish
        assert (target / "no/2.txt").read_bytes() == b"Mustermann"


def test_permissions_come_from_the_umask(bench: Bench) -> None:
    """A set-uid bit or a missing read bit in an archive does not reach the disk."""
    info = special(tarfile.REGTYPE)
    info.mode = 0o6000
    bench.unpack(tar_of((info, b"abc")))
    mode = (bench.target / "a/x.png").stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR)
    assert mode & stat.S_IRUSR


def test_what_desktops_leave_behind_is_skipped(bench: Bench) -> None:
    """Finder's and Explorer's own files are no scans."""
    junk = {"__MACOSX/set/._1.png": b"x", "set/.DS_Store": b"x", "set/yes/Thumbs.db": b"x"}
    bench.unpack(zip_of({**FILES, **junk}))
    assert bench.files() == FILES


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_hostile_names_are_refused(bench: Bench, kind: str, name: str) -> None:
    """A name that leaves the folder, or that no file system or terminal should see, ends it."""
    bench.refuses(
        zip_of({"a.png": b"x", name: b"x"}) if kind == "zip" else tar_of((name, b"x")), "scans.bin: holds"
    )


def test_a_message_does_not_print_what_a_terminal_would_obey(bench: Bench) -> None:
    """Hostile names are shown escaped and cut."""
    with pytest.raises(VerdictError) as caught:
        bench.unpack(zip_of({"\x1b[2J" + "x" * 5000: b"x"}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_nul_in_a_zip_name_is_refused(bench: Bench) -> None:
    """`evil.exe` does not pass as `a.png` because a reader stops at NUL."""
    bench.refuses(zip_of({"a.pngQ.exe": b"x"}).replace(b"a.pngQ", b"a.png\0"), "control characters")


def test_names_that_are_not_utf8_are_refused(bench: Bench) -> None:
    """A tar's name of stray bytes has no place on every file system."""
    bench.refuses(tar_of(("aQ.png", b"x")).replace(b"aQ.png", b"a\xff.png"), "scans.bin")


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "1.png"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "a/1.png"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (b"Z", ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(bench: Bench, kind: bytes, link: str) -> None:
    """Only plain files and folders are taken, wherever a link leads."""
    bench.refuses(tar_of(("a/1.png", b"x"), (special(kind, link=link), b"")), "link")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(bench: Bench, kind: int) -> None:
    """Unix modes in a zip can say link or device too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a/x.png")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    bench.refuses(buffer.getvalue(), "link or a device")


def test_sparse_file_is_refused(bench: Bench) -> None:
    """A tar's sparse file may claim any size without holding it."""
    bench.refuses(tar_of((special(tarfile.GNUTYPE_SPARSE), b"")), "scans.bin")


def test_encrypted_zip_is_refused(bench: Bench) -> None:
    """Nobody can give a password to a pipeline."""
    data = bytearray(zip_of({"a/x.png": b"x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    bench.refuses(bytes(data), "encrypted")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_repeated_names_are_refused(bench: Bench) -> None:
    """Which of two files of one name would win is not left to chance."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/x.png", "1")
        archive.writestr("a/x.png", "2")
    bench.refuses(buffer.getvalue(), "more than once")
    bench.refuses(tar_of(("b/x.png", b"1"), ("b//./x.png", b"2")), "more than once")


@pytest.mark.parametrize("names", [("a", "a/x.png"), ("a/x.png", "a"), ("a/", "a")])
def test_file_and_folder_of_one_name_are_refused(bench: Bench, names: tuple[str, str]) -> None:
    """A name is a file or a folder, not both."""
    bench.refuses(zip_of(dict.fromkeys(names, b"")), "holds 'a")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_entries_are_refused(bench: Bench, kind: str) -> None:
    """Counting starts before writing, and counts folders and skipped files as well."""
    names = [f"a/{number}/.DS_Store" for number in range(6)]
    data = zip_of(dict.fromkeys(names, b"")) if kind == "zip" else tar_of(*((name, b"") for name in names))
    bench.refuses(data, "more than 5 entries", max_files=5)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_too_many_bytes_are_refused(bench: Bench, kind: str) -> None:
    """The bound holds for all files together, and the message says which knob it is."""
    members = {f"a/{number}.png": bytes(1000) for number in range(6)}
    data = zip_of(members) if kind == "zip" else tar_of(*members.items())
    bench.refuses(data, "more than 5000 bytes.*max_bytes", max_bytes=5000)


def test_lying_sizes_do_not_help(bench: Bench) -> None:
    """A header that claims a few bytes for a large member gets no more than it claims, then fails."""
    data = zip_of({"a/x.png": bytes(4 << 20)})
    bench.refuses(data.replace(struct.pack("<L", 4 << 20), struct.pack("<L", 100)), "no sound zip")
    assert sum(map(len, bench.files().values())) <= 100


def test_claimed_sizes_are_not_believed(bench: Bench) -> None:
    """A header that claims exabytes costs nothing: bytes are counted as they come."""
    info = special(tarfile.REGTYPE)
    info.size = 1 << 60
    bench.refuses(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048), "no sound zip or tar")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_compression_bomb_is_refused(bench: Bench, kind: str) -> None:
    """What unpacks to 200 times its size is stopped there, whatever max_bytes allows."""
    zeros = bytes(archives.RATIO_FLOOR_BYTES + (2 << 20))
    data = zip_of({"a/x.png": zeros}) if kind == "zip" else TAR_MODES[kind](tar_of(("a/x.png", zeros)))
    assert len(zeros) > archives.MAX_RATIO * len(data)
    bench.refuses(data, "bomb")
    assert sum(map(len, bench.files().values())) <= archives.RATIO_FLOOR_BYTES


def test_small_dense_archive_is_no_bomb(bench: Bench) -> None:
    """Below 16 MiB no ratio harms: blank scans pack very well."""
    assert bench.unpack(zip_of({"a/x.png": bytes(archives.RATIO_FLOOR_BYTES)})).files == 1


def test_bomb_in_a_skipped_file_is_refused(bench: Bench) -> None:
    """A tar has to be read past what is skipped: that is bounded too."""
    bomb = special(tarfile.REGTYPE, "__MACOSX/x")
    data = gzip.compress(tar_of((bomb, bytes(64 << 20)), ("a/x.png", b"x")))
    bench.refuses(data, "far more than its size")


def test_huge_tar_header_is_refused(bench: Bench) -> None:
    """A pax header of hundreds of megabytes is not read into memory."""
    info = special(tarfile.XHDTYPE, "pax")
    info.size = 512 << 20
    bench.refuses(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096), "header asks for 536870912 bytes")


def test_endless_chain_of_tar_headers_is_refused(bench: Bench) -> None:
    """Headers about headers do not overflow the stack."""
    info = special(tarfile.XHDTYPE, "pax")
    bench.refuses(info.tobuf(tarfile.USTAR_FORMAT) * 5000, "no sound zip or tar")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, b"Z"])
def test_negative_tar_sizes_are_refused(bench: Bench, kind: bytes) -> None:
    """A size below zero does not send the reader round in circles."""
    header = bytearray(special(kind).tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (-512).to_bytes(11, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    bench.refuses(tar_of(("a/0.png", b"x"))[:1024] + bytes(header) + bytes(2048), "scans.bin")


def test_wrong_zip_checksum_is_refused(bench: Bench) -> None:
    """A flipped bit in a stored file is found by its CRC."""
    data = zip_of({"a/x.png": b"original"}, zipfile.ZIP_STORED)
    bench.refuses(data.replace(b"original", b"original"[::-1]), "CRC")


def test_damaged_zip_streams_are_refused(bench: Bench) -> None:
    """Noise in the middle of a compressed file is no zip any more."""
    data = bytearray(zip_of({"a/x.png": bytes(range(256)) * 64}))
    data[60:120] = b"\xff" * 60
    bench.refuses(bytes(data), "no sound zip")


def test_unknown_zip_method_is_refused(bench: Bench) -> None:
    """A compression that nobody here can read ends in a verdict, not in a traceback."""
    data = bytearray(zip_of({"a/x.png": b"x"}, zipfile.ZIP_STORED))
    data[8] = data[data.index(b"PK\x01\x02") + 10] = 99
    bench.refuses(bytes(data), "no sound zip")


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.98])
@pytest.mark.parametrize("kind", ["zip", *TAR_MODES])
def test_truncated_archives_are_refused(bench: Bench, kind: str, kept: float) -> None:
    """A download that broke off is not a smaller data set."""
    noise = bytes((number * 7919) % 251 for number in range(20_000))
    members = {f"a/{number}.png": noise[number:] for number in range(10)}
    data = zip_of(members) if kind == "zip" else TAR_MODES[kind](tar_of(*members.items()))
    # A tar ends in two blocks of zeros and padding: to cut there loses no file.
    end = data.rindex(noise[-100:]) + 1 if kind == "tar" else len(data)
    bench.refuses(data[: int(kept * end)], "no sound zip or tar")


def test_tar_cut_between_two_files_is_refused(bench: Bench) -> None:
    """Cut at a block's edge it looks whole to tarfile; the missing end mark tells."""
    bench.refuses(tar_of(("a/1.png", b"x"), ("a/2.png", b"x"))[:1024], "breaks off")


def test_damaged_tar_header_is_refused(bench: Bench) -> None:
    """Files behind a damaged header are not silently left out."""
    data = bytearray(tar_of(("a/1.png", b"x"), ("a/2.png", b"x"), ("a/3.png", b"x")))
    data[1024:1040] = b"\xff" * 16
    bench.refuses(bytes(data), "header is damaged")


@pytest.mark.parametrize("mode", ["tar.gz", "tar.xz"])
def test_wrong_checksum_of_a_compressed_tar_is_refused(bench: Bench, mode: str) -> None:
    """The checksum at the very end of the stream is read, too."""
    data = tar_of(("a/1.png", b"original"))
    if mode == "tar.gz":
        packed = bytearray(gzip.compress(data, 0))
        packed[-8] ^= 1
        packed = bytearray(bytes(packed))
    else:
        packed = bytearray(lzma.compress(data, check=lzma.CHECK_CRC64))
        packed[-40] ^= 1
    bench.refuses(bytes(packed), "no sound zip or tar")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html>Sign in</html>" * 100,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04",
        b"\x1f\x8b",
    ],
    ids=["nothing", "text", "web page", "picture", "zip start", "gzip start"],
)
def test_what_is_no_archive_is_refused(bench: Bench, data: bytes) -> None:
    """A sign-in page saved as .zip is told for what it is not."""
    bench.refuses(data, "no sound zip or tar archive")


@pytest.mark.parametrize(
    "data",
    [zip_of({}), zip_of({"a/": b""}), tar_of(), zip_of({"__MACOSX/x": b"x"}), gzip.compress(tar_of())],
    ids=["zip", "folder", "tar", "junk", "tar.gz"],
)
def test_empty_archives_are_refused(bench: Bench, data: bytes) -> None:
    """An archive without files is not a data set."""
    bench.refuses(data, "holds no files")


def test_missing_archive_is_an_outside_fault(tmp_path: Path) -> None:
    """No such file, or a folder of that name, is exit code 4, and makes no target."""
    for archive in (tmp_path / "no.zip", tmp_path):
        with pytest.raises(OutsideError, match="cannot be read"):
            archives.unpack(archive, tmp_path / "target", max_files=1, max_bytes=1)
    assert not (tmp_path / "target").exists()


_PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "a", "b", "A", "C:", "__MACOSX", ".DS_Store", "x" * 256, "~", "é"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
_NAMES = st.lists(
    st.tuples(st.lists(_PARTS, min_size=1, max_size=4), st.sampled_from("/////\\"), st.booleans()).map(
        lambda made: ("/" if made[2] and len(made[0]) > 2 else "") + made[1].join(made[0])
    ),
    min_size=1,
    max_size=6,
)


def _fill(pack: Callable[[list[str]], bytes], names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with contextlib.suppress(VerdictError):
            unpacked = bench.unpack(pack(names))
            expected = {name for name in names if not JUNK.intersection(name.split("/"))}
            expected = {"/".join(p for p in name.split("/") if p not in ("", ".")) for name in expected}
            folders = {n for n in expected if any(m.startswith(n + "/") for m in expected)}
            assert set(bench.files()) | folders >= {n for n in expected if n} - folders
            assert unpacked.files == len(bench.files())
        bench.stays_inside()


@settings(max_examples=80, deadline=None)
@given(_NAMES)
def test_no_zip_writes_outside_its_folder(names: list[str]) -> None:
    """Whatever the names, each file lands under the target or the archive is refused."""

    def pack(names: list[str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in dict.fromkeys(names):
                info = zipfile.ZipInfo("x")
                info.filename = name  # past the constructor, which would tidy it
                archive.writestr(info, b"" if name.endswith("/") else b"x")
        return buffer.getvalue()

    _fill(pack, [name for name in names if not name.endswith("/")] or ["a"])


@settings(max_examples=80, deadline=None)
@given(_NAMES)
def test_no_tar_writes_outside_its_folder(names: list[str]) -> None:
    """The same for a tar."""
    _fill(lambda names: tar_of(*((name, b"x") for name in names)), names)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["zip", *TAR_MODES]), st.data())
def test_no_damage_ends_in_a_traceback(kind: str, data: st.DataObject) -> None:
    """Flipped bytes anywhere: the files arrive, or the one error that says so; never another exception."""
    archive = bytearray(zip_of(FILES) if kind == "zip" else TAR_MODES[kind](tar_of(*FILES.items())))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with contextlib.suppress(VerdictError):
            bench.unpack(bytes(archive))
        bench.stays_inside()


def test_ctrl_c_while_a_member_is_closed_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt is not lost in the moment between two members of a tar, where Python would drop it."""
    path = tmp_path / "set.tar"
    path.write_bytes(tar_of(("a/1.png", b"one"), ("a/2.png", b"two")))
    before = tarfile._FileInFile.close  # type: ignore[attr-defined]  # not in the stubs

    def close(file: object) -> None:
        before(file)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tarfile._FileInFile, "close", close)  # type: ignore[attr-defined]  # as above
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            archives.unpack(path, tmp_path / "out", max_files=9, max_bytes=999)
    finally:
        signal.signal(signal.SIGINT, handler)
