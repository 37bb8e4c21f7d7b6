"""Heat maps over the service: the same arithmetic as in evaluation, the same bounds as predictions."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from scanops import activation_map, imaging
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.serving.app import create_app
from scanops.serving.limits import Limits
from tests import dicom_files
from tests.bundles import heads, make_bundle, teach_heads
from tests.pictures import encode, noise
from tests.served import ready, wait_ready

CLASSES = ("left", "größe", "none")
SMALL = Limits(body_bytes=200_000, file_bytes=50_000, files=3)
AS_JSON = {"accept": "application/json"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here; a class has a name that no header holds."""
    return make_bundle(tmp_path_factory.mktemp("bundle"), CLASSES)


@pytest.fixture
def client(bundle: Path) -> Iterator[TestClient]:
    """Give a ready service with small bounds."""
    yield from ready(create_app(bundle, SMALL))


def scan(height: int = 40, width: int = 60) -> bytes:
    """Draw a picture whose left is dark and whose right is bright."""
    pixels = np.full((height, width, 3), (20, 30, 10), np.uint8)
    pixels[:, width // 2 :] = (240, 90, 160)
    return encode(pixels)


def explain(client: TestClient, *files: bytes, **sent: object) -> httpx.Response:
    """Ask where the evidence lies, as curl does."""
    return client.post("/v1/explain", files=[("file", ("x", data)) for data in files], **sent)


def opened(data: bytes) -> Image.Image:
    """Open a PNG."""
    return Image.open(io.BytesIO(data), formats=["PNG"])


def told(response: httpx.Response, status: int) -> str:
    """Check the form that RFC 9457 gives an error, and give its detail."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


@pytest.mark.parametrize("wanted", [None, *CLASSES])
def test_the_overlay_is_the_map_of_evaluation(client: TestClient, bundle: Path, wanted: str | None) -> None:
    """Each class's map is the one that the gallery draws, as a layer of the network's input size."""
    response = explain(client, scan(), params={"class": wanted} if wanted else None)
    predictor = Predictor(bundle)
    pixels = predictor.prepare(scan())
    given = predictor.predict(pixels[None])
    index = CLASSES.index(wanted) if wanted else int(given.probabilities[0].argmax())
    assert predictor.head is not None
    shares = activation_map.relative(
        activation_map.contributions(given.features, predictor.head, np.array([index]))
    )[0]
    found = opened(response.content)
    assert (response.headers["content-type"], found.mode, found.size) == ("image/png", "RGBA", (32, 32))
    assert np.array_equal(np.asarray(found), activation_map.layer(shares, 32))
    assert unquote(response.headers["scanops-class"]) == CLASSES[index]


def test_a_picture_says_itself_what_it_is_not_for(client: TestClient, bundle: Path) -> None:
    """The notice is in the headers and in the file, which is sent on without them; the bundle is named."""
    response = explain(client, scan())
    assert "not for diagnosis" in response.headers["scanops-notice"]
    assert "not for diagnosis" in opened(response.content).info["Disclaimer"]
    assert response.headers["scanops-bundle"] == bundles.hash_bundle(bundle)
    assert response.headers["scanops-abstained"] == "no"


def test_json_brings_the_picture_that_the_map_belongs_on(client: TestClient, bundle: Path) -> None:
    """What the network saw, and the map, laid over each other, are what evaluation draws."""
    body = explain(client, scan(), headers=AS_JSON, params={"class": "left"}).json()
    picture, overlay = (opened(base64.b64decode(body[name])) for name in ("picture", "overlay"))
    predictor = Predictor(bundle)
    assert np.array_equal(np.asarray(picture), predictor.prepare(scan()))
    assert overlay.size == picture.size
    assert body["class"] == "left"
    assert body["answer"] == client.post("/v1/predict", files={"files": scan()}).json()["files"][0]
    assert body["model"]["bundle_sha256"] == bundles.hash_bundle(bundle)
    assert "not for diagnosis" in body["notice"]


def test_a_cropped_picture_is_shown_as_it_was_cropped(tmp_path: Path) -> None:
    """Where the network sees the head alone, so does whoever looks at the map."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), 64, crop="brain")
    head = heads(1, 1).pixels[0]
    wide = np.zeros((64, 200, 3), np.uint8)
    wide[:, 120:184] = head
    with TestClient(create_app(folder)) as client:
        wait_ready(client)
        body = explain(client, encode(wide), headers=AS_JSON).json()
    shown = np.asarray(opened(base64.b64decode(body["picture"])))
    assert np.array_equal(shown, Predictor(folder).prepare(encode(wide)))
    assert (shown.max(axis=(0, 2)) > 30).mean() > 0.6  # the head fills the square; uncropped it is a third


def test_what_the_model_abstains_from_is_explained_and_marked(tmp_path: Path) -> None:
    """The map of a stranger comes with the reason, in the header and in the answer."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), 64)
    teach_heads(folder)
    stranger = encode(noise(3, 64, 64))
    with TestClient(create_app(folder)) as client:
        wait_ready(client)
        as_png = explain(client, stranger)
        answer = explain(client, stranger, headers=AS_JSON).json()["answer"]
    assert as_png.headers["scanops-abstained"] == "unlike_training"
    assert opened(as_png.content).mode == "RGBA"
    assert (answer["abstained"], answer["why"]) == (True, "unlike_training")


def test_a_bundle_without_a_head_is_a_conflict_that_says_what_to_do(tmp_path: Path) -> None:
    """An older bundle answers predictions; for maps it has to be exported again, and `/version` says so."""
    folder = make_bundle(tmp_path / "bundle")
    bundles.write(folder, bundles.read(folder).model_copy(update={"pooling": None}))
    with TestClient(create_app(folder)) as client:
        wait_ready(client)
        assert "export it again" in told(explain(client, scan()), 409)
        assert client.get("/version").json()["heat_maps"] is False
        assert client.post("/v1/predict", files={"files": scan()}).status_code == 200


def test_version_says_that_maps_can_be_had(client: TestClient) -> None:
    """Who shows a button for them can know before."""
    assert client.get("/version").json()["heat_maps"] is True


def test_an_unknown_class_is_told_the_known_ones(client: TestClient) -> None:
    """What was asked for is not echoed."""
    detail = told(explain(client, scan(), params={"class": "doe_jane"}), 422)
    assert "left, größe, none" in detail
    assert "doe" not in detail


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/preview"])
@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ([b""], 422, "holds no bytes"),
        ([b"no image"], 422, "is not an image"),
        ([scan()[:90]], 422, "The file"),
        ([b"x" * (SMALL.file_bytes + 1)], 413, "larger than"),
        ([b"x" * SMALL.body_bytes], 413, "The body is larger"),
        ([scan(), scan()], 413, "may hold one file"),
        ([], 415, "multipart/form-data"),
        ([dicom_files.encode(np.zeros((7, 48, 40), np.uint8))], 422, "holds 7 frames"),
        ([dicom_files.encode(np.zeros((48, 40), np.uint8), Rows=60_000, Columns=60_000)], 413, "25 million"),
    ],
)
def test_the_bounds_of_predictions_hold(
    client: TestClient, path: str, files: list[bytes], status: int, said: str
) -> None:
    """What is out of bounds or no image is a problem in words, and the next request is answered."""
    response = client.post(path, files=[("file", ("x", data)) for data in files] or None)
    assert said in told(response, status)
    assert explain(client, scan()).status_code == 200


def test_before_the_model_is_ready_it_says_so(bundle: Path) -> None:
    """503, with a time to come back."""
    client = TestClient(create_app(bundle))  # no lifespan: nothing loads
    refused = explain(client, scan())
    assert "still loading" in told(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert client.post("/v1/preview", files={"file": scan()}).status_code == 503


def test_work_is_bounded_as_predictions_are(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests for maps share the threads of predictions: never more at work than there are workers."""
    lock, active, most = threading.Lock(), 0, 0
    answer = Predictor.answer

    def watched(self: Predictor, batch: np.ndarray, *, maps: bool = False) -> object:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.02)
        with lock:
            active -= 1
        return answer(self, batch, maps=maps)

    monkeypatch.setattr(Predictor, "answer", watched)
    limits = Limits(workers=2)
    with TestClient(create_app(bundle, limits)) as client, ThreadPoolExecutor(8) as pool:
        wait_ready(client)
        sent = [pool.submit(explain, client, scan()) for _ in range(8)]
        assert {future.result().status_code for future in sent} == {200}
    assert most == 2


def test_a_preview_shows_dicom_by_its_window(client: TestClient) -> None:
    """What no browser decodes comes as PNG, upright and grey, as `imaging` has it."""
    levels = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40)
    data = dicom_files.encode(levels, WindowCenter=900, WindowWidth=800)
    response = client.post("/v1/preview", files={"file": data})
    found = opened(response.content)
    assert (response.headers["content-type"], found.mode, found.size) == ("image/png", "L", (40, 48))
    assert np.array_equal(np.asarray(found), np.asarray(imaging.decode(data).picture))
    assert (np.asarray(found).ravel()[:500] == 0).all()  # below the window
    assert (np.asarray(found).ravel()[1300:] == 255).all()  # above it


def test_a_preview_is_small(client: TestClient) -> None:
    """A large scan comes in its own shape, at most 512 pixels a side."""
    response = client.post("/v1/preview", files={"file": scan(600, 1500)})
    assert opened(response.content).size == (512, 205)


def test_openapi_describes_both_answers(client: TestClient) -> None:
    """A client can be generated: one file in, PNG or JSON out, and the parameter named."""
    paths = client.get("/openapi.json").json()["paths"]
    operation = paths["/v1/explain"]["post"]
    assert {"image/png", "application/json"} <= set(operation["responses"]["200"]["content"])
    assert [parameter["name"] for parameter in operation["parameters"]] == ["class"]
    assert "application/problem+json" in operation["responses"]["409"]["content"]
    assert set(paths["/v1/preview"]["post"]["responses"]["200"]["content"]) == {"image/png"}
