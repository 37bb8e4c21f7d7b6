"""DICOM files over the service: read by the same function as everywhere, bounded as every other file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from scanops import imaging
from scanops.bundle.predictor import Predictor
from scanops.serving.app import create_app
from scanops.serving.limits import Limits
from tests import dicom_files
from tests.bundles import make_bundle
from tests.patience import PATIENCE_S
from tests.pictures import encode
from tests.served import ready, wait_ready

LEVELS = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def client(bundle: Path) -> Iterator[TestClient]:
    """Give a ready service."""
    yield from ready(create_app(bundle))


def post(client: TestClient, *files: bytes) -> httpx.Response:
    """Send files as a client of the API does."""
    return client.post(
        "/v1/predict", files=[("files", ("x.dcm", data, "application/dicom")) for data in files]
    )


def test_a_dicom_file_is_answered_as_its_pixels_are(client: TestClient, bundle: Path) -> None:
    """The answer is the predictor's for what `imaging` decodes, and for the same picture as PNG."""
    data = dicom_files.encode(LEVELS, WindowCenter=900, WindowWidth=800)
    as_png = encode(imaging.decode(data).pixels)
    answers = post(client, data, as_png).json()["files"]
    predictor = Predictor(bundle)
    expected = predictor.predict(np.stack([predictor.prepare(data)])).probabilities[0]
    for answer in answers:
        assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-6)


def test_several_frames_in_a_file_are_told_by_their_number(client: TestClient) -> None:
    """One image a file is answered; the message says how many there are and what to do."""
    response = post(client, dicom_files.encode(np.zeros((7, 48, 40), np.uint8)))
    assert response.status_code == 422
    (answer,) = response.json()["files"]
    assert answer["error"]["kind"] == "unsupported"
    assert "holds 7 frames" in answer["error"]["detail"]
    assert "Send one frame a file" in answer["error"]["detail"]


def test_damaged_dicom_does_not_spoil_the_rest(client: TestClient) -> None:
    """A cut file and one without pixels have errors of their own beside an answer."""
    data = dicom_files.encode(LEVELS)
    no_picture = dicom_files.encode(LEVELS, Rows=None)
    answers = post(client, data[: len(data) // 2], data, no_picture).json()["files"]
    assert answers[0]["error"]["kind"] == "truncated"
    assert answers[1]["error"] is None
    assert answers[2]["error"]["kind"] in {"undecodable", "unsupported", "truncated"}


def test_a_header_of_too_many_pixels_is_refused(client: TestClient) -> None:
    """The claim alone is enough, whatever comes behind it."""
    response = post(client, dicom_files.encode(LEVELS, Rows=60_000, Columns=60_000))
    assert response.status_code == 413
    assert "25 million pixels" in response.json()["files"][0]["error"]["detail"]


def test_dicom_is_read_one_at_a_time(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may unpack to much: requests side by side need the memory of one."""
    lock, active, most = threading.Lock(), 0, 0
    count = imaging.count_pixels

    def watched(data: bytes) -> int:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.02)
        with lock:
            active -= 1
        return count(data)

    monkeypatch.setattr(imaging, "count_pixels", watched)
    data = dicom_files.encode(LEVELS)
    with TestClient(create_app(bundle, Limits(workers=4))) as client, ThreadPoolExecutor(4) as pool:
        wait_ready(client)
        sent = [pool.submit(post, client, data) for _ in range(4)]
        assert {future.result().status_code for future in sent} == {200}
    assert most == 1


def test_the_loop_answers_while_a_header_is_read(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers are read in a thread: the service is alive meanwhile."""
    started, go = threading.Event(), threading.Event()

    def slow(data: bytes) -> int:
        started.set()
        assert go.wait(PATIENCE_S)
        return 1

    monkeypatch.setattr(imaging, "count_pixels", slow)
    with TestClient(create_app(bundle)) as client, ThreadPoolExecutor(1) as pool:
        wait_ready(client)
        sent = pool.submit(post, client, dicom_files.encode(LEVELS))
        assert started.wait(PATIENCE_S)
        assert client.get("/healthz").status_code == 200
        go.set()
        assert sent.result().status_code == 200


def test_no_value_of_a_dicom_file_is_logged_or_answered(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither of a good file nor of one whose values are wrong: they name patients."""
    named = {"PatientName": "Mustermann^Erika", "PatientID": "Mustermann-4711"}
    good = dicom_files.encode(LEVELS, **named)
    wrong = bytearray(dicom_files.encode(LEVELS, **named, StudyDate="20240101", PixelSpacing=[0.5, 0.5]))
    at = wrong.index(b"20240101")
    wrong[at : at + 8] = b"Musterm!"
    at = wrong.index(b"0.5\\0.5")
    wrong[at : at + 7] = b"Erika,!"
    with caplog.at_level(logging.DEBUG):
        answered = post(client, good, bytes(wrong), bytes(wrong[: len(wrong) // 2])).text
    said = caplog.text + "".join(capfd.readouterr()) + answered
    assert "Muster" not in said
    assert "Erika" not in said
    assert "4711" not in said
