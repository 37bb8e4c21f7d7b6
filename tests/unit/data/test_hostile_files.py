"""Whatever lies in a folder, each thing in it is a row that says what is wrong, and nothing is followed."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scanops import filenames
from scanops.data import gather, layout, manifest
from scanops.data.gather import Means
from scanops.data.survey import survey
from scanops.validation_rules import Validation
from tests import hostile_pictures
from tests.pictures import encode, noise, save
from tests.unit.data.hostile_scan import scan_or_die

Make = Callable[[Path], object]
RULES = Validation()
LONGEST = "l" * 251 + ".png"  # 255 bytes, what file systems hold


def _bytes(data: bytes) -> Make:
    return lambda path: save(path, data)


def _picture(seed: int) -> Make:
    return _bytes(encode(noise(seed), mode="L"))


def _link(to: str) -> Make:
    return lambda path: path.symlink_to(to)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):
        one.bind(path.name)  # an address may have 107 bytes


def _sparse(path: Path) -> None:
    save(path, encode(noise(40)))
    os.truncate(path, 3 << 40)


# Name, how it is made, the defects that it must have, and a word of the reason.
CONTENT: dict[str, tuple[Make, list[str], str]] = {
    "zero.jpg": (_bytes(b""), ["undecodable"], "not an image"),
    "truncated.jpg": (_bytes(encode(noise(10), "JPEG")[:3000]), ["truncated"], "ends before"),
    "random.jpg": (_bytes(np.random.default_rng(0).bytes(5000)), ["undecodable"], "not an image"),
    "page.jpg": (_bytes(b"<!doctype html><title>404</title>"), ["undecodable"], "not an image"),
    "notes.txt": (_bytes(b"scanned in May"), ["unsupported"], "not an image"),
    "dot.png": (_bytes(encode(noise(11, 1, 1), mode="L")), ["too_small", "blank"], "1 × 1 px"),
    # Its pixels are no PNG data: whoever tried to decode them would say so instead.
    "huge.png": (_bytes(hostile_pictures.huge()), ["unsupported"], "40000 × 40000"),
    "bomb.png": (_bytes(hostile_pictures.bomb()), ["unsupported"], "6000 × 6000"),
    "text bomb.png": (_bytes(hostile_pictures.text_bomb()), ["undecodable"], "ecompress"),
    "lost palette.tiff": (_bytes(hostile_pictures.lost_palette()), ["undecodable"], "cannot be decoded"),
    "moving.gif": (_bytes(hostile_pictures.animated("GIF", 12)), ["unsupported"], "3 frames"),
    "moving.png": (_bytes(hostile_pictures.animated("PNG", 15)), ["unsupported"], "3 frames"),
    "moving.webp": (_bytes(hostile_pictures.animated("WEBP", 18)), ["unsupported"], "3 frames"),
    "sparse.png": (_sparse, ["unsupported"], "bytes, more than"),
    "link.png": (_link("upright.png"), ["unsupported"], "is a link"),
    "link to folder": (_link("../no"), ["unsupported"], "is a link"),
    "dangling.png": (_link("nothing"), ["unsupported"], "is a link"),
    "loop.png": (_link("loop.png"), ["unsupported"], "is a link"),
    "pipe.png": (os.mkfifo, ["unsupported"], "named pipe"),
    "socket.png": (_socket, ["unsupported"], "is a socket"),
}
SOUND: dict[str, tuple[Make, str]] = {
    "sixteen.png": (_bytes(hostile_pictures.sixteen_bits()), "I;16"),
    "cmyk.jpg": (_bytes(hostile_pictures.cmyk()), "CMYK"),
    "palette.png": (_bytes(hostile_pictures.transparent_palette()), "P"),
    "two  spaces .png": (_picture(30), "L"),
    """it's "quoted", & <b>.png""": (_picture(31), "L"),
    "line\nbreak\ttab\x1b[31m.png": (_picture(32), "L"),
    os.fsdecode(b"caf\xe9 \xff.png"): (_picture(33), "L"),
    r"caf\xe9 \xff.png": (_picture(34), "L"),  # already spells the escape of the name above
    "Ωμέγα 脳 🧠.png": (_picture(35), "L"),
    LONGEST: (_picture(36), "L"),
    "-rf *.png": (_picture(37), "L"),
    "frame-0001": (_picture(38), "L"),
}


def _fill(folder: Path) -> None:
    """Write every hostile file, and sound ones beside them."""
    folder.mkdir(parents=True)
    for seed in range(50, 54):
        save(folder.parent / "no" / f"{seed}.png", encode(noise(seed), mode="L"))
    save(folder / "upright.png", encode(noise(23)))
    save(folder / "side.png", hostile_pictures.lying_on_its_side())
    for name, (make, _, _) in CONTENT.items():
        make(folder / name)
    for name, (make, _) in SOUND.items():
        make(folder / name)


def _build(root: Path, workers: int | None = 1) -> pd.DataFrame:
    placed = layout.classify(layout.find(root)).placed
    return survey(root, placed, RULES, Means(workers=workers))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a folder with everything."""
    folder = tmp_path_factory.mktemp("hostile") / "raw"
    _fill(folder / "yes")
    return folder


@pytest.fixture(scope="module")
def frame(raw: Path) -> pd.DataFrame:
    """Scan it in two worker processes, by path."""
    return _build(raw, workers=2).set_index("path")


def _row(frame: pd.DataFrame, name: str) -> Any:
    return frame.loc[f"yes/{filenames.to_text(name)}"]


def test_everything_is_one_row(raw: Path, frame: pd.DataFrame) -> None:
    """Nothing is lost, nothing is listed twice, and the folder behind a link is not entered."""
    assert len(frame) == len(CONTENT) + len(SOUND) + 2 + 4
    assert frame.index.is_unique
    assert frame["image_id"].is_unique
    assert not [path for path in frame.index if path.startswith("yes/link to folder/")]


@pytest.mark.parametrize("name", CONTENT)
def test_bad_content_has_its_defect(frame: pd.DataFrame, name: str) -> None:
    """Each has exactly the defects that it should have, is left out of training, and the reason says why."""
    _, kinds, word = CONTENT[name]
    row = _row(frame, name)
    assert list(row["defects"]) == kinds
    assert row["quarantined"]
    assert word in row["reason"]


@pytest.mark.parametrize("name", SOUND)
def test_odd_files_are_used(frame: pd.DataFrame, name: str) -> None:
    """An unusual mode or name is no defect."""
    row = _row(frame, name)
    assert row["mode"] == SOUND[name][1]
    assert not set(row["defects"]) - {"format_mismatch", "colour_image"}
    assert not row["quarantined"]
    assert row["std"] > RULES.low_contrast_std


def test_a_turned_picture_is_the_upright_one(frame: pd.DataFrame) -> None:
    """EXIF's orientation is honoured: the same pixels, told as a copy, with the size that is stored."""
    upright, side = _row(frame, "upright.png"), _row(frame, "side.png")
    assert upright["pixel_sha256"] == side["pixel_sha256"]
    assert upright["picture"] == side["picture"]
    assert (side["width"], side["height"]) == (80, 96)
    assert sorted([*upright["defects"], *side["defects"]]) == ["pixel_duplicate"]


def test_paths_lead_back_to_their_files(raw: Path, frame: pd.DataFrame) -> None:
    """The text of each path names the one file that it came from."""
    for path, size in frame["bytes"].dropna().items():
        assert (raw / filenames.to_file(str(path))).lstat().st_size == size


def test_the_manifest_can_be_written(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Parquet holds every name, and gives it back."""
    manifest.write(frame.reset_index(), tmp_path / "manifest.parquet")
    assert list(manifest.read(tmp_path / "manifest.parquet")["path"]) == list(frame.index)


def test_worker_count_changes_nothing(raw: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    """One process and three give the bytes of two."""
    manifest.write(frame.reset_index(), tmp_path / "2")
    for workers in (1, 3):
        manifest.write(_build(raw, workers), tmp_path / str(workers))
        assert (tmp_path / str(workers)).read_bytes() == (tmp_path / "2").read_bytes()


def test_nothing_is_altered(tmp_path: Path) -> None:
    """A scan writes nothing into the folder and touches no file."""
    _fill(tmp_path / "raw" / "yes")

    def state() -> list[tuple[str, int, int, int]]:
        found = [(path, path.lstat()) for path in sorted((tmp_path / "raw").rglob("*"))]
        return [(str(path), one.st_mode, one.st_size, one.st_mtime_ns) for path, one in found]

    before = state()
    _build(tmp_path / "raw")
    assert state() == before


def test_a_file_that_disappears_is_a_row(tmp_path: Path) -> None:
    """Listed, then gone: told as such, and the scan goes on."""
    for number in range(8):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", encode(noise(number), mode="L"))
    placed = layout.classify(layout.find(tmp_path)).placed
    (tmp_path / "a" / "4.png").unlink()
    frame = survey(tmp_path, placed, RULES, Means(workers=2)).set_index("path")
    assert list(frame.loc["a/4.png", "defects"]) == ["undecodable"]
    assert "cannot be opened (No such file" in str(frame.loc["a/4.png", "reason"])
    assert frame["quarantined"].sum() == 1


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    """Listed as a file, then replaced: what the link leads to is not read."""
    for number in range(4):
        save(tmp_path / "raw" / "ab"[number % 2] / f"{number}.png", encode(noise(number), mode="L"))
    secret = save(tmp_path / "secret.png", encode(noise(9), mode="L"))
    placed = layout.classify(layout.find(tmp_path / "raw")).placed
    (tmp_path / "raw" / "a" / "0.png").unlink()
    (tmp_path / "raw" / "a" / "0.png").symlink_to(secret)
    frame = survey(tmp_path / "raw", placed, RULES, Means(workers=1)).set_index("path")
    assert list(frame.loc["a/0.png", "defects"]) == ["unsupported"]
    assert pd.isna(frame.loc["a/0.png", "sha256"])


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Give up root's right to read everything, for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_is_a_row() -> None:
    """Permissions of another user's file are a defect of that file and no end of the scan."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        root = Path(folder)
        root.chmod(0o755)
        for number in range(6):
            file = save(root / "ab"[number % 2] / f"{number}.png", encode(noise(number), mode="L"))
            file.parent.chmod(0o755)
            file.chmod(0o644)
        (root / "a" / "2.png").chmod(0)
        with _as_nobody():
            frame = _build(root).set_index("path")
    assert list(frame.loc["a/2.png", "defects"]) == ["undecodable"]
    assert "cannot be opened (Permission denied)" in str(frame.loc["a/2.png", "reason"])
    assert frame["quarantined"].sum() == 1


def test_files_that_kill_their_worker_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the fatal files are told, each by its own path; all others are scanned as ever."""
    for number in range(40):
        name = f"{number:02}.png" if number not in {0, 7, 8, 39} else f"{number:02} killer.png"
        save(tmp_path / "ab"[number % 2] / name, encode(noise(number), mode="L"))
    monkeypatch.setattr(gather, "scan_file", scan_or_die)
    frame = _build(tmp_path, workers=2).set_index("path")
    killers = {"a/00 killer.png", "b/07 killer.png", "a/08 killer.png", "b/39 killer.png"}
    assert set(frame.index[frame["quarantined"]]) == killers
    for path in killers:
        assert list(frame.loc[path, "defects"]) == ["undecodable"]
        assert "ended the process" in str(frame.loc[path, "reason"])
    assert frame["pixel_sha256"].notna().sum() == 36


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not opened: a scan of it ends."""
    for name in "ab":
        save(tmp_path / name / "1.png", encode(noise(ord(name)), mode="L"))
        os.mkfifo(tmp_path / name / "2.png")
    frame = _build(tmp_path)
    assert [list(kinds) for kinds in frame["defects"]] == [[], ["unsupported"]] * 2
    assert stat.S_ISFIFO((tmp_path / "a" / "2.png").lstat().st_mode)
