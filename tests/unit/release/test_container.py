"""What an image is made of, what it may ship, and how its answers are judged."""
# ruff: noqa: ARG002 -- a stand-in takes what the real one takes

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scanops import imaging
from scanops.errors import ConfigError, VerdictError
from scanops.release import cases, hardening, smoke
from scanops.release.engine import Engine
from scanops.release.verdict import require_pass
from tests import dicom_files
from tests.pictures import noise

BUNDLE = "b" * 64


def case(**probabilities: float) -> smoke.Case:
    """Make a case; its prediction is the most probable class."""
    return smoke.Case("a.png", b"", max(probabilities, key=lambda name: probabilities[name]), probabilities)


def answer(label: str, **probabilities: float) -> dict[str, object]:
    """Make an answer as the service gives it."""
    return {"class": label, "probabilities": probabilities, "error": None}


def test_the_same_answers_match() -> None:
    """Differences of arithmetic between machines are within the tolerance."""
    found, largest = smoke.compare([case(a=0.7, b=0.3)], [answer("a", a=0.700004, b=0.299996)])
    assert found == []
    assert largest == pytest.approx(4e-6)


def test_another_reason_to_abstain_is_a_mismatch() -> None:
    """A service that keeps silent where the recorded answer stood, or the other way round, is found."""
    silent = answer("a", a=0.7, b=0.3) | {"why": "unlike_training"}
    found, _ = smoke.compare([case(a=0.7, b=0.3)], [silent])
    assert found == ["a.png: abstains for unlike_training, recorded was None"]
    recorded = dataclasses.replace(case(a=0.7, b=0.3), why="unlike_training")
    assert smoke.compare([recorded], [silent])[0] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer("b", a=0.7, b=0.3), "recorded was a"),
        (answer("a", a=0.70002, b=0.29998), "differs by 2e-05"),
        (answer("a", a=float("nan"), b=0.3), "differs by nan"),
        (answer("a", a=0.7, c=0.3), "answered for the classes a, c"),
        (
            {"class": None, "probabilities": None, "error": {"kind": "empty", "detail": "no bytes"}},
            "no bytes",
        ),
    ],
)
def test_another_answer_is_a_mismatch(given: dict[str, object], said: str) -> None:
    """Another label, probability, class or an error is found and named."""
    found, _ = smoke.compare([case(a=0.7, b=0.3)], [given])
    assert len(found) == 1
    assert said in found[0]


def test_a_missing_answer_is_a_mismatch() -> None:
    """Fewer answers than images cannot pass."""
    assert smoke.compare([case(a=1.0), case(a=1.0)], [answer("a", a=1.0)])[0] == ["1 answers to 2 images"]


@pytest.mark.parametrize(
    ("report", "error", "said"),
    [
        ({"verdict": "fail", "bundle_sha256": BUNDLE}, VerdictError, "nothing ships"),
        ({"verdict": "pass", "bundle_sha256": "c" * 64}, VerdictError, "is about bundle cccc"),
        ({"verdict": "pass"}, ConfigError, "cannot be read"),
        ([], ConfigError, "cannot be read"),
    ],
)
def test_only_a_bundle_that_passed_ships(
    tmp_path: Path, report: object, error: type[Exception], said: str
) -> None:
    """A refused verdict, or one about another bundle, builds no image."""
    path = tmp_path / "gate.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(error, match=said):
        require_pass(path, BUNDLE)


def test_a_bundle_that_passed_ships(tmp_path: Path) -> None:
    """A passing verdict on this very bundle lets it through."""
    path = tmp_path / "gate.json"
    path.write_text(json.dumps({"verdict": "pass", "bundle_sha256": BUNDLE}), encoding="utf-8")
    require_pass(path, BUNDLE)


def tables(folder: Path) -> tuple[Path, Path]:
    """Write splits and predictions of ten test images, eight of one class."""
    ids = [f"{index:02}" for index in range(12)]
    labels = ["left"] * 8 + ["right"] * 2
    splits = pd.DataFrame(
        {"image_id": ids, "path": [f"{i}.png" for i in ids], "split": ["test"] * 10 + ["train"] * 2}
    )
    answers = pd.DataFrame(
        {"image_id": ids[:10], "label": labels, "prediction": labels, "p_left": 0.9, "p_right": 0.1}
    ).sample(frac=1, random_state=3)
    splits.to_parquet(folder / "splits.parquet")
    answers.to_parquet(folder / "predictions.parquet")
    for image_id in ids:
        (folder / f"{image_id}.png").write_bytes(image_id.encode())
    return folder / "splits.parquet", folder / "predictions.parquet"


def test_test_images_are_chosen_in_turn_from_each_class(tmp_path: Path) -> None:
    """A rare class is in the smoke test too, and the choice does not depend on the order of rows."""
    chosen = cases.choose(*tables(tmp_path), tmp_path, 4)
    assert [item.name for item in chosen] == ["00.png", "08.png", "01.png", "09.png"]
    assert chosen[1] == smoke.Case("08.png", b"08", "right", {"left": 0.9, "right": 0.1})
    assert len(cases.choose(*tables(tmp_path), tmp_path, 64)) == 10


def test_whole_files_go_before_frames_and_frames_as_pictures(tmp_path: Path) -> None:
    """The service answers one image a file: where there is no whole one, a frame is sent alone."""
    splits, predictions = tables(tmp_path)
    stored = np.stack([noise(seed)[..., 0] for seed in (1, 2)])
    (tmp_path / "study.dcm").write_bytes(dicom_files.encode(stored))
    known = pd.read_parquet(splits)
    known.loc[[0, 8, 9], "path"] = [f"study.dcm/frame-000{number}" for number in (0, 0, 1)]
    known.to_parquet(splits)
    chosen = cases.choose(splits, predictions, tmp_path, 4)
    names = ["01.png", "study.dcm/frame-0000", "02.png", "study.dcm/frame-0001"]
    assert [item.name for item in chosen] == names
    for case, pixels in zip(chosen[1::2], (noise(1), noise(2)), strict=True):
        sent = imaging.decode(case.data)
        assert (sent.format, sent.width) == ("PNG", pixels.shape[1])
        whole = imaging.read(tmp_path, case.name)
        assert np.array_equal(sent.pixels, whole.pixels)


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    """A path of the tables is text that stands for a file's bytes, see `filenames`."""
    splits, predictions = tables(tmp_path)
    (tmp_path / "00.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/scan\xff.png"))
    known = pd.read_parquet(splits)
    known.loc[0, "path"] = r"scan\xff.png"
    known.to_parquet(splits)
    chosen = cases.choose(splits, predictions, tmp_path, 1)
    assert [(item.name, item.data) for item in chosen] == [(r"scan\xff.png", b"00")]


def test_tables_without_a_test_image_are_refused(tmp_path: Path) -> None:
    """A smoke test of nothing would prove nothing."""
    splits, predictions = tables(tmp_path)
    pd.read_parquet(splits).assign(split="train").to_parquet(splits)
    with pytest.raises(ConfigError, match="shares no test image"):
        cases.choose(splits, predictions, tmp_path, 4)


@dataclass(frozen=True)
class Recorder(Engine):
    """An engine that records what it is told; its container never becomes ready."""

    told: list[str] = field(default_factory=list)
    interrupt: bool = False

    def start(self, reference: str, name: str, options: object) -> None:
        """Note the start; be interrupted there if asked."""
        self.told.append("start")
        if self.interrupt:
            raise KeyboardInterrupt

    def limits(self, memory: str, pids: int) -> list[str]:
        """Hold none."""
        return []

    def port(self, name: str, inside: int) -> int:
        """Name a port where nothing listens."""
        return 1

    def is_running(self, name: str) -> bool:
        """Say that it ended."""
        return False

    def logs(self, name: str, lines: int = 20) -> str:
        """Say what it printed."""
        return "error: bundle is damaged"

    def remove(self, name: str) -> None:
        """Note the removal."""
        self.told.append("remove")


def test_a_container_that_ends_is_told_with_its_log_and_removed() -> None:
    """The last words of the container are in the message, and nothing is left behind."""
    engine = Recorder("docker", "docker", "1")
    with pytest.raises(VerdictError, match="bundle is damaged"):
        smoke.smoke(engine, "sha256:1", [], 5)
    assert engine.told == ["start", "remove"]


def test_an_interrupt_leaves_no_container() -> None:
    """Ctrl-C while the container starts removes it."""
    engine = Recorder("docker", "docker", "1", [], interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        smoke.smoke(engine, "sha256:1", [], 5)
    assert engine.told == ["start", "remove"]


def test_every_container_is_hardened() -> None:
    """Read-only, without capabilities, without new privileges, on loopback."""
    options = " ".join(hardening.run_options(Recorder("docker", "docker", "1"), "127.0.0.1:"))
    assert "--read-only" in options
    assert "--cap-drop ALL" in options
    assert "no-new-privileges" in options
    assert "--publish 127.0.0.1::8080" in options
