"""`make drift`: from pictures through a bundle's own predictor to a verdict, a report and a page."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipelines import drift as command
from pipelines import entry_point
from scanops import imaging
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.monitoring import features, reference
from scanops.monitoring.store import Record, Store
from tests.bundles import make_bundle, teach_heads
from tests.heads import Head

ROOT = Path(__file__).parents[2]
VALIDATION, WINDOW = 150, 180


def scan(number: int, bright: bool, sizes: tuple[int, int] = (56, 90)) -> Image.Image:
    """Draw one head: its size and place vary, its brightness is its class."""
    rng = np.random.default_rng(number)
    width, height = (int(side) for side in rng.integers(*sizes, 2))
    place = {"x": rng.uniform(0.45, 0.55), "y": rng.uniform(0.45, 0.55)}
    head = Head(width, height, level=80 + 60 * bright + int(rng.integers(0, 12)), **place)
    return Image.fromarray(head.draw(number)[..., 0])


def usual(number: int) -> Image.Image:
    """Draw what validation is like."""
    return scan(number, bright=number % 2 == 0)


def low_contrast(number: int) -> Image.Image:
    """Draw the same with half the contrast."""
    return usual(number).point(lambda level: 64 + level // 2)


def other_scanner(number: int) -> Image.Image:
    """Draw the same as a scanner sees it that blurs, and has noise of its own."""
    levels = ndimage.gaussian_filter(np.asarray(usual(number), np.float64), 2.5)
    noisy = levels + np.random.default_rng(number).normal(0, 25, levels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def other_mix(number: int) -> Image.Image:
    """Draw nine bright heads of ten."""
    return scan(number, bright=number % 10 != 0)


def larger(number: int) -> Image.Image:
    """Draw heads that fill more pixels."""
    return scan(number, bright=number % 2 == 0, sizes=(80, 130))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a bundle that abstains and knows its validation."""
    folder = make_bundle(tmp_path_factory.mktemp("bundle"), ("a", "b"), 64)
    teach_heads(folder)
    raw = tmp_path_factory.mktemp("raw")
    for number in range(VALIDATION):
        usual(number).save(raw / f"{number:03}.png")
    reference.write(Predictor(folder), raw, [f"{number:03}.png" for number in range(VALIDATION)])
    return folder


def fill(place: Path, bundle: Path, images: Iterator[Image.Image]) -> None:
    """Keep features of pictures as the service does, each a request of its own."""
    predictor = Predictor(bundle)
    decoded = [imaging.Decoded(image, "PNG", "L", *image.size) for image in images]
    verdict = predictor.answer(np.stack([predictor.fit_input(one) for one in decoded]))
    rows = features.describe(predictor, [features.look(one) for one in decoded], verdict)
    hour = int(time.time()) // 3600 * 3600
    store = Store(place)
    store.append(
        [Record(hour, number, predictor.bundle_sha256, 12.0, one) for number, one in enumerate(rows)]
    )
    store.close()


def run(folder: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    """Run the command on the store in a folder; return its exit code."""
    words = ["--store", "feedback.sqlite", "--bundle", str(bundle), "--report", "drift.json"]
    words += ["--html", "drift.html", "--params", str(ROOT / "params.yaml"), *more]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["drift", *words])
    with pytest.raises(SystemExit) as ended:
        entry_point.run(command.main)
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("draw", "named"),
    [
        (usual, None),
        (low_contrast, {"std", "mean"}),
        (other_scanner, {"std", "mean", "novelty"}),
        (other_mix, {"predicted", "mean"}),
        (larger, {"area"}),
    ],
)
def test_a_shifted_window_is_found(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    draw: object,
    named: set[str] | None,
) -> None:
    """Pictures like those of validation are no drift; others end with 3, and the report says how."""
    assert callable(draw)
    fill(tmp_path / "feedback.sqlite", bundle, (draw(10_000 + number) for number in range(WINDOW)))
    code = run(tmp_path, bundle, monkeypatch)
    report = json.loads((tmp_path / "drift.json").read_text())
    told = capsys.readouterr()
    assert (code, report["verdict"]) == ((3, "drift") if named else (0, "none")), told
    assert report["verdict"].replace("none", "no drift") in told.out
    found = {one["feature"] for one in report["features"] if one["drifted"]}
    assert found & named if named else not found
    assert report["bundle_sha256"] == bundles.hash_bundle(bundle)
    assert ("error: the pictures" in told.err) == bool(named)


def test_a_window_too_small_is_undecided_and_ends_with_0(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither drift nor its absence: nothing is to be retrained, and the sentence says how many it takes."""
    fill(tmp_path / "feedback.sqlite", bundle, map(usual, range(10_000, 10_100)))
    assert run(tmp_path, bundle, monkeypatch, "--window", "20") == 0
    report = json.loads((tmp_path / "drift.json").read_text())
    said = capsys.readouterr().out
    assert said.startswith("undecided: 20 requests")
    assert f"it takes {report['window_needed']} requests" in said
    assert run(tmp_path, bundle, monkeypatch, "--window", "soon") == 2


class _Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_and_trusts_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of any name is text on the page, and the page loads nothing."""
    hostile = '<script>alert("\u202e")</script>'
    folder = make_bundle(tmp_path / "bundle", (hostile, "b"), 64)
    for number in range(40):
        usual(number).save(tmp_path / f"{number}.png")
    reference.write(Predictor(folder), tmp_path, [f"{number}.png" for number in range(40)])
    fill(tmp_path / "feedback.sqlite", folder, map(usual, range(500, 540)))
    run(tmp_path, folder, monkeypatch)
    page = (tmp_path / "drift.html").read_text(encoding="utf-8")
    links = _Links()
    links.feed(page)
    assert "script" not in links.tags
    assert links.tags.count("svg") == len(json.loads((tmp_path / "drift.json").read_text())["features"])
    assert set(links.found) == {"data:,", "#content"}
    assert "\u202e" not in page


def test_a_bundle_without_a_reference_is_told(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older bundle says what is missing; one whose reference was changed is damaged."""
    older = make_bundle(tmp_path / "older", ("a", "b"), 64)
    fill(tmp_path / "feedback.sqlite", older, map(usual, range(3)))
    assert run(tmp_path, older, monkeypatch) == 2
    assert "Export it again" in capsys.readouterr().err
    changed = tmp_path / "changed"
    shutil.copytree(bundle, changed)
    (changed / bundles.REFERENCE).write_text("{}")
    assert run(tmp_path, changed, monkeypatch) == 2
    assert "does not match" in capsys.readouterr().err


def test_the_reference_is_the_same_every_time(bundle: Path, tmp_path: Path) -> None:
    """Made twice from the same pictures, it has the same bytes, and so has the bundle its name."""
    again = tmp_path / "again"
    shutil.copytree(bundle, again)
    for number in range(VALIDATION):
        usual(number).save(tmp_path / f"{number:03}.png")
    reference.write(Predictor(again), tmp_path, [f"{number:03}.png" for number in range(VALIDATION)])
    assert bundles.hash_bundle(again) == bundles.hash_bundle(bundle)
    assert len(reference.read(again)) == VALIDATION
