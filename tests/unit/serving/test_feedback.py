"""Features of answers reach a store beside the requests, and never in their way."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from scanops import imaging
from scanops.bundle.predictor import Predictor, Verdict
from scanops.errors import ConfigError, OutsideError
from scanops.monitoring import features, store
from scanops.monitoring.store import Bounds
from scanops.serving.app import create_app
from scanops.serving.feedback import PLACE, Asked, Feedback
from tests.bundles import heads, make_bundle, teach_heads
from tests.patience import PATIENCE_S, until
from tests.pictures import encode, noise
from tests.served import wait_ready

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle that abstains."""
    folder = make_bundle(tmp_path_factory.mktemp("bundle"), ("a", "b"), 64)
    teach_heads(folder)
    return folder


def some(predictor: Predictor, count: int) -> tuple[list[features.Look], Verdict]:
    """Answer for a few heads."""
    pixels = heads(5000, count).pixels
    return [features.Look(64, 64, 80.0, 20.0)] * count, predictor.answer(pixels)


def send(client: TestClient, *files: bytes) -> list[dict[str, object]]:
    """Send files in one request, once the service is ready."""
    wait_ready(client)
    parts = [("files", ("Mrs Example.png", data, "image/png")) for data in files]
    return client.post("/v1/predict", files=parts).json()["files"]


def test_what_was_answered_is_remembered(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each picture that got an answer has a row, what the one function makes of it; no name, no pixel."""
    place = tmp_path / "feedback.sqlite"
    monkeypatch.setenv(PLACE, str(place))
    scans = [encode(pixels, "PNG") for pixels in heads(5000, 3).pixels]
    with TestClient(create_app(bundle)) as client:
        answers = send(client, scans[0], b"no picture", scans[1])
        send(client, scans[2])
    rows = store.read(place)  # shut down: nothing waits any more
    assert len(rows) == 3
    assert rows[0].request == rows[1].request != rows[2].request
    assert all(row.hour % 3600 == 0 and row.latency_ms > 0 for row in rows)
    predictor = Predictor(bundle)
    assert {row.bundle for row in rows} == {predictor.bundle_sha256}
    images = [imaging.decode(data) for data in scans]
    verdict = predictor.answer(np.stack([predictor.fit_input(image) for image in images]))
    described = features.describe(predictor, [features.look(image) for image in images], verdict)
    for row, expected in zip(rows, described, strict=True):
        for name in features.NUMBERS:
            assert getattr(row.features, name) == pytest.approx(getattr(expected, name), rel=1e-3, abs=0.01)
    assert [row.features.predicted for row in rows[:2]] == [answers[0]["class"], answers[2]["class"]]
    assert b"Example" not in place.read_bytes()


def test_nothing_is_kept_unless_asked_for(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path there is no store, no thread and no measuring."""
    monkeypatch.delenv(PLACE, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "look", None)  # would fail if called
    with TestClient(create_app(bundle)) as client:
        assert send(client, encode(noise(1, 64, 64), "PNG"))[0]["class"]
        assert "feedback" not in {thread.name for thread in threading.enumerate()}
    assert list(tmp_path.iterdir()) == []


def test_a_full_queue_drops_and_counts(bundle: Path, tmp_path: Path) -> None:
    """A store that another process holds slows nothing: what does not fit the queue is counted as lost."""
    place = tmp_path / "feedback.sqlite"
    predictor = Predictor(bundle)
    looks, verdict = some(predictor, 2)
    feedback = Feedback(place, "b" * 64, waiting=4)
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with feedback:
        for _ in range(50):
            feedback.record(Asked(), predictor, looks, verdict)
        assert feedback.lost > 0
        holder.execute("ROLLBACK")
        holder.close()
    assert feedback.kept + feedback.lost == 100
    assert len(store.read(place)) == feedback.kept > 0


def test_a_store_that_fails_costs_rows_and_no_answer(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is damaged while the service runs is told once; the answers go on."""
    place = tmp_path / "feedback.sqlite"
    monkeypatch.setenv(PLACE, str(place))
    caplog.set_level(logging.ERROR)
    with TestClient(create_app(bundle)) as client:
        place.write_bytes(b"not a data base" * 1000)
        for seed in range(3):
            assert send(client, encode(noise(seed, 64, 64), "PNG"))[0]["class"]
    told = [record.message for record in caplog.records if '"feedback"' in record.message]
    assert len(told) == 1
    assert "is damaged" in told[0]


def test_a_disk_that_fails_costs_rows_and_not_the_writer(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the system refuses is told and counted, and the rows after it are kept (the fault is a fake)."""
    predictor = Predictor(bundle)
    looks, verdict = some(predictor, 1)
    look_at = Path.stat

    def failing(path: Path, **options: bool) -> os.stat_result:
        if path.name.endswith("-wal"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return look_at(path, **options)

    with Feedback(tmp_path / "feedback.sqlite", "b" * 64) as feedback:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "stat", failing)
            feedback.record(Asked(), predictor, looks, verdict)
            until(lambda: feedback.lost == 1)
        feedback.record(Asked(), predictor, looks, verdict)
        until(lambda: feedback.kept == 1)
    (told,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert "Input/output error" in told


def test_the_writer_ends_also_where_it_was_stuck(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the service waits for it no longer than promised, and it ends once its store lets it."""
    monkeypatch.setattr("scanops.serving.feedback.FLUSH_TIMEOUT_S", 0.1)
    place, predictor = tmp_path / "feedback.sqlite", Predictor(bundle)
    feedback = Feedback(place, "b" * 64)
    with contextlib.closing(sqlite3.connect(place, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with feedback:
            feedback.record(Asked(), predictor, *some(predictor, 1))
            until(feedback._queue.empty)
            (thread,) = [one for one in threading.enumerate() if one.name == "feedback"]
        holder.execute("ROLLBACK")
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert feedback.kept + feedback.lost == 1


def test_rows_that_another_takes_are_no_fault(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue may be emptied between a look at it and the taking: neither thread falls over that."""
    monkeypatch.setattr(queue.Queue, "empty", lambda _queue: False)
    predictor = Predictor(bundle)
    with Feedback(tmp_path / "feedback.sqlite", "b" * 64) as feedback:
        feedback.record(Asked(), predictor, *some(predictor, 1))
    assert (feedback.kept, feedback.lost) == (1, 0)


@pytest.mark.parametrize("content", [b"not a data base" * 1000, None])
def test_a_store_that_cannot_be_used_stops_the_start(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """A wrong path or a damaged file is told before the first request, with what to do."""
    place = tmp_path / "feedback.sqlite" if content else tmp_path / "absent" / "feedback.sqlite"
    if content:
        place.write_bytes(content)
    monkeypatch.setenv(PLACE, str(place))
    with pytest.raises(ConfigError if content else OutsideError, match=str(place)) as told:
        create_app(bundle)
    assert told.value.remedy


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from scanops.bundle.predictor import Predictor
from scanops.monitoring.features import Look
from scanops.serving.feedback import Asked, Feedback
predictor = Predictor(Path(sys.argv[1]))
looks, verdict = [Look(64, 64, 80.0, 20.0)] * 2, predictor.answer(np.zeros((2, 64, 64, 3), np.uint8))
feedback = Feedback(Path(sys.argv[2]), "b" * 64)
with feedback:
    for number in range(int(sys.argv[3])):
        feedback.record(Asked(), predictor, looks, verdict)
        print(feedback.kept, flush=True)
        time.sleep(0.001)
print("lost", feedback.lost)
"""


def writer(bundle: Path, place: Path, requests: int) -> subprocess.Popen[str]:
    """Write to a store from another process."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    words = [sys.executable, "-c", WRITER, str(bundle), str(place), str(requests)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)


def test_kill_loses_no_more_than_the_queue(bundle: Path, tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, the store is sound and holds every row that was written."""
    place = tmp_path / "feedback.sqlite"
    with writer(bundle, place, 100_000) as process:
        assert process.stdout is not None
        kept = 0
        while kept < 60:
            kept = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        later = process.stdout.read().split()
    kept = max([kept, *(int(word) for word in later)])
    rows = store.read(place)
    assert len(rows) >= kept
    assert len(rows) % 2 == 0  # both pictures of a request, or none
    with Feedback(place, "b" * 64) as feedback:  # and it can be written again
        predictor = Predictor(bundle)
        feedback.record(Asked(), predictor, *some(predictor, 1))
    assert len(store.read(place)) == len(rows) + 1


def test_two_processes_write_one_store(bundle: Path, tmp_path: Path) -> None:
    """Nothing is lost where two services share a file, also while it is read."""
    place = tmp_path / "feedback.sqlite"
    processes = [writer(bundle, place, 150) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert all(text.endswith("lost 0\n") for text in said)
    assert len(store.read(place)) == 2 * 150 * 2


def test_the_store_stays_within_its_bounds(bundle: Path, tmp_path: Path) -> None:
    """Many rows later there are as many as allowed, the newest ones."""
    place = tmp_path / "feedback.sqlite"
    predictor = Predictor(bundle)
    looks, verdict = some(predictor, 8)
    with Feedback(place, "b" * 64, Bounds(rows=100), waiting=10_000) as feedback:
        for number in range(500):
            feedback.record(Asked(number), predictor, looks, verdict)
    rows = store.read(place)
    assert len(rows) == 100
    assert rows[-1].request == 499
