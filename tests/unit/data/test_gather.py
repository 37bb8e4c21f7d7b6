"""A scan reads what is new, and remembers the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanops.data import layout
from scanops.data.gather import Gathered, Means, gather
from scanops.data.phantom import draw
from scanops.validation_rules import Validation
from tests.pictures import encode, noise, save


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of different pictures, one of them twice in another size, and one broken file."""
    folder = tmp_path / "raw"
    for seed in range(8):
        save(folder / "ab"[seed % 2] / f"{seed}.png", encode(noise(seed)))
    scan = Image.fromarray(draw("glioma", "axial", np.random.default_rng(3)))
    save(folder / "a" / "scan.png", encode(np.asarray(scan)))
    save(folder / "b" / "smaller.png", encode(np.asarray(scan.resize((150, 150)))))
    save(folder / "b" / "broken.png", b"nothing")
    return folder


def _gather(raw: Path, cache: Path | None, rules: Validation | None = None) -> Gathered:
    placed = layout.classify(layout.find(raw)).placed
    return gather(raw, placed, rules or Validation(), Means(workers=1, cache=cache))


def test_nothing_changed_reads_nothing(raw: Path, tmp_path: Path) -> None:
    """A second scan opens no file, and says the same."""
    first, second = _gather(raw, tmp_path / "cache"), _gather(raw, tmp_path / "cache")
    assert (first.read, second.read) == (11, 0)
    assert [{**vars(one), "views": b""} for one in first.facts] == [
        {**vars(one), "views": b""} for one in second.facts
    ]
    assert first.alike == second.alike
    assert [pair.similarity > 0.97 for pair in first.alike] == [True]


def test_only_new_and_changed_files_are_read(raw: Path, tmp_path: Path) -> None:
    """One file added, one changed, one removed: two are read, and all is as if scanned anew."""
    _gather(raw, tmp_path / "cache")
    with Image.open(raw / "a" / "scan.png") as image:
        save(raw / "b" / "mirrored.png", encode(np.asarray(image)[:, ::-1]))
    save(raw / "a" / "0.png", encode(noise(99)))
    (raw / "b" / "1.png").unlink()
    again, anew = _gather(raw, tmp_path / "cache"), _gather(raw, None)
    assert (again.read, anew.read) == (2, 11)
    assert again.facts == anew.facts
    assert sorted(map(repr, again.alike)) == sorted(map(repr, anew.alike))
    assert sum(pair.mirrored for pair in again.alike) >= 1
    assert _gather(raw, tmp_path / "cache").read == 0


def test_a_moved_folder_and_other_bounds_are_scanned_anew(raw: Path, tmp_path: Path) -> None:
    """What is kept holds for one place and one set of bounds."""
    _gather(raw, tmp_path / "cache")
    assert _gather(raw, tmp_path / "cache", Validation(max_pixels=5000)).read == 11
    moved = shutil.copytree(raw, tmp_path / "moved")
    assert _gather(moved, tmp_path / "cache").read == 11


def test_another_threshold_compares_again_without_reading(raw: Path, tmp_path: Path) -> None:
    """Similarity is judged from what is kept."""
    _gather(raw, tmp_path / "cache")
    strict = Validation(near_duplicate_similarity=1.0)
    again = _gather(raw, tmp_path / "cache", strict)
    assert (again.read, again.alike) == (0, [])
    assert len(_gather(raw, tmp_path / "cache").alike) == 1


def test_a_damaged_cache_is_no_cache(raw: Path, tmp_path: Path) -> None:
    """Whatever happened to the kept facts, the scan is right."""
    first = _gather(raw, tmp_path / "cache")
    for file in (tmp_path / "cache").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert _gather(raw, tmp_path / "cache") == first


def test_an_interrupted_scan_loses_nothing(raw: Path, tmp_path: Path) -> None:
    """What was read before Ctrl-C is not read again."""

    class Interrupting:
        def __init__(self) -> None:
            self.done = 0

        def __enter__(self) -> Interrupting:
            return self

        def __exit__(self, *_: object) -> None:
            """End."""

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            if self.done == 5:
                raise KeyboardInterrupt

    placed = layout.classify(layout.find(raw)).placed
    with pytest.raises(KeyboardInterrupt):
        gather(raw, placed, Validation(), Means(1, None, tmp_path / "cache", lambda *_: Interrupting()))
    assert _gather(raw, tmp_path / "cache").read == 6
    assert len(_gather(raw, tmp_path / "cache").alike) == 1


def test_unreadable_files_are_tried_again(raw: Path, tmp_path: Path) -> None:
    """A file that could not be opened may be readable the next time."""
    placed = [*layout.classify(layout.find(raw)).placed, layout.Placed("a/later.png", "a", None)]
    assert gather(raw, placed, Validation(), Means(workers=1, cache=tmp_path / "cache")).read == 12
    save(raw / "a" / "later.png", encode(noise(50)))
    again = gather(raw, placed, Validation(), Means(workers=1, cache=tmp_path / "cache"))
    assert again.read == 1
    assert {one.path: one.fault for one in again.facts}["a/later.png"] is None


def test_worker_count_changes_nothing(raw: Path) -> None:
    """One process and two give the same facts in the same order."""
    for seed in range(60, 100):
        save(raw / "a" / f"{seed}.png", encode(noise(seed)))
    placed = layout.classify(layout.find(raw)).placed
    assert gather(raw, placed, Validation(), Means(workers=1)) == gather(
        raw, placed, Validation(), Means(workers=2)
    )


def test_an_interrupted_comparison_is_done_again(raw: Path, tmp_path: Path) -> None:
    """Ctrl-C among the pairs keeps the facts, and the next run compares what they are of."""

    class Interrupting:
        def __init__(self, what: str) -> None:
            self.what = what

        def __enter__(self) -> Interrupting:
            return self

        def __exit__(self, *_: object) -> None:
            """End."""

        def update(self, n: float | None = 1) -> None:
            if n and self.what == "compare":
                raise KeyboardInterrupt

    placed = layout.classify(layout.find(raw)).placed
    with pytest.raises(KeyboardInterrupt):
        gather(
            raw,
            placed,
            Validation(),
            Means(1, None, tmp_path / "cache", lambda what, total: Interrupting(what)),  # noqa: ARG005
        )
    again = _gather(raw, tmp_path / "cache")
    assert (again.read, len(again.alike)) == (0, 1)
    assert len(_gather(raw, tmp_path / "cache").alike) == 1


def test_a_cache_that_cannot_be_kept_costs_no_scan(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scan is right all the same, and says why the next one will read everything."""
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    assert _gather(raw, tmp_path / "cache").read == 11
    assert "is not kept for the next scan" in capsys.readouterr().err
