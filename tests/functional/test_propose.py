"""From a run that passed to one pull request, with a bare remote and a fake forge; publishing in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.comment import MARKER
from tests import retrained
from tests.fake_forge import FakeForge, listening

ROOT = Path(__file__).parents[2]
# Steps that note their name; LACKS names one that fails as an outside part does.
MAKEFILE = """
push push-cache propose promote:
\t@echo $@ $(TO) >> steps
\t@test "$$LACKS" != $@ || { echo 4 > "$$SCANOPS_EXIT_CODE_FILE"; exit 4; }
"""


@pytest.fixture
def fake() -> Iterator[FakeForge]:
    """Give a fake of GitHub that listens."""
    with listening() as one:
        yield one


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a clone in which a run has passed."""
    return retrained.make(tmp_path)


def _call(clone: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=clone, env=env, check=False, capture_output=True, text=True
    )


def _propose(clone: Path, fake: FakeForge) -> subprocess.CompletedProcess[str]:
    options = ("--gate", "reports/gate.json", "--summary", "reports/summary.md")
    return _call(clone, "pipelines.propose", *options, **fake.environment)


def test_proposing_twice_is_one_request(clone: Path, fake: FakeForge) -> None:
    """The first proposal opens a request, the same again and a newer run update it."""
    first = _propose(clone, fake)
    assert first.returncode == 0, first.stderr
    assert "opened" in first.stdout
    retrained.run(clone, 0.95)
    second = _propose(clone, fake)
    assert "updated" in second.stdout
    (pull,) = fake.pulls
    assert (pull["head"], pull["base"]) == ("retrain/main", "main")
    assert pull["title"].startswith("chore: retrained: bundle abababababab from ")
    assert pull["body"] == "## Passed: 0.95\n"


def test_a_refused_run_proposes_nothing(clone: Path, fake: FakeForge) -> None:
    """Without the gate's pass the exit code is 3, and neither branch nor request is there."""
    (clone / "reports/gate.json").write_text(json.dumps({**retrained.GATE, "verdict": "fail"}))
    done = _propose(clone, fake)
    assert done.returncode == 3
    assert not fake.asked
    assert retrained.git(clone, "ls-remote", "origin", "retrain/main") == ""


def test_publishing_goes_in_order_and_names_the_candidate_last(clone: Path) -> None:
    """Image, cache, pull request, candidate."""
    (clone / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    done = _call(clone, "pipelines.publish")
    assert done.returncode == 0, done.stderr
    assert (clone / "steps").read_text().split() == ["push", "push-cache", "propose", "promote", "candidate"]


@pytest.mark.parametrize("lacking", ["push", "push-cache", "propose"])
def test_what_fails_to_arrive_names_no_candidate(clone: Path, lacking: str) -> None:
    """A registry, a cache or a forge that is away ends it with exit code 4, before the candidate."""
    (clone / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    done = _call(clone, "pipelines.publish", LACKS=lacking)
    assert done.returncode == 4
    steps = (clone / "steps").read_text().split()
    assert steps[-1] == lacking
    assert "candidate" not in steps


def test_an_unchanged_run_publishes_nothing_anew(clone: Path) -> None:
    """Where main holds the lock already, there is at most a candidate to name, which twice is once."""
    (clone / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    retrained.commit(clone, "chore: lock")
    assert "nothing changed" in _call(clone, "pipelines.publish").stdout
    assert not (clone / "steps").exists()
    (clone / "reports/push.json").write_text("{}")
    assert _call(clone, "pipelines.publish").returncode == 0
    assert (clone / "steps").read_text().split() == ["promote", "candidate"]


def test_the_page_is_written_under_the_pull_request(clone: Path, fake: FakeForge) -> None:
    """The comment is the page behind a marker; without a number of a request nothing is asked."""
    words = ("pipelines.comment", "--summary", "reports/summary.md")
    done = _call(clone, *words, SCANOPS_PULL_REQUEST="7", **fake.environment)
    assert done.returncode == 0, done.stderr
    assert [comment["body"] for comment in fake.comments] == [f"{MARKER}\n## Passed: 0.9\n"]
    assert _call(clone, *words, SCANOPS_PULL_REQUEST="", **fake.environment).returncode == 2


def test_only_drift_asks_for_a_retraining(clone: Path, fake: FakeForge) -> None:
    """A verdict of drift sends one event; no drift, or no report, sends none."""
    words, report = ("pipelines.ask_retrain", "--drift", "reports/drift.json"), clone / "reports/drift.json"
    assert _call(clone, *words, **fake.environment).returncode == 2
    report.write_text(json.dumps({"verdict": "none"}))
    assert "nothing asked" in _call(clone, *words, **fake.environment).stdout
    assert not fake.events
    report.write_text(json.dumps({"verdict": "drift"}))
    assert _call(clone, *words, **fake.environment).returncode == 0
    assert [event["event_type"] for event in fake.events] == ["drift"]
