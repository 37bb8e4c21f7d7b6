"""The HTTP service over its ASGI interface."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from PIL import Image

from scanops import imaging
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file
from scanops.errors import ConfigError
from scanops.serving import app as app_module
from scanops.serving.app import create_app
from scanops.serving.limits import Limits
from tests.bundles import heads, make_bundle, teach_heads
from tests.patience import until
from tests.pictures import encode, noise
from tests.served import ready, wait_ready

CLASSES = ("left", "right", "none")
SMALL = Limits(body_bytes=200_000, file_bytes=50_000, files=3)


def png(red: int = 200, side: int = 40) -> bytes:
    """Draw one plain picture."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (red, 30, 90)).save(file, "PNG")
    return file.getvalue()


def parts(*files: bytes, name: str = "scan.png") -> list[tuple[str, tuple[str, bytes, str]]]:
    """Lay out files as httpx sends them."""
    return [("files", (name, data, "image/png")) for data in files]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here."""
    return make_bundle(tmp_path_factory.mktemp("bundle"), CLASSES)


@pytest.fixture
def client(bundle: Path) -> Iterator[TestClient]:
    """Give a ready service with small bounds."""
    yield from ready(create_app(bundle, SMALL))


def is_problem(response: httpx.Response, status: int) -> bool:
    """Check the form that RFC 9457 gives an error."""
    body = response.json()
    return (
        response.status_code == status
        and response.headers["content-type"] == "application/problem+json"
        and body["status"] == status
        and {"type", "title", "detail"} <= set(body)
    )


def test_answers_what_the_predictor_says(client: TestClient, bundle: Path) -> None:
    """Probabilities are the bundle's own, by class, with the bundle's hashes and the notice."""
    data = png()
    body = client.post("/v1/predict", files=parts(data)).json()
    predictor = Predictor(bundle)
    expected = predictor.predict(np.stack([predictor.prepare(data)])).probabilities[0]
    answer = body["files"][0]
    assert list(answer["probabilities"]) == list(CLASSES)
    assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-6)
    assert answer["class"] == CLASSES[int(expected.argmax())]
    assert answer["error"] is None
    assert body["model"]["bundle_sha256"] == bundles.hash_bundle(bundle)
    assert "not for diagnosis" in body["notice"]


def test_a_stranger_has_no_answer_and_is_told_why(tmp_path: Path) -> None:
    """A picture unlike the training pictures is marked, with the reason in plain words, beside the notice."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), 64)
    teach_heads(folder)
    scan, stranger = encode(heads(5000, 1).pixels[0]), encode(noise(3, 64, 64))
    with TestClient(create_app(folder)) as client:
        wait_ready(client)
        body = client.post("/v1/predict", files=parts(scan, stranger, b"no image")).json()
    known, strange, broken = body["files"]
    assert (known["abstained"], known["why"], known["advice"]) == (False, None, None)
    assert (strange["abstained"], strange["why"]) == (True, "unlike_training")
    assert "does not look like the scans that the model has learnt from" in strange["advice"]
    assert strange["novelty"] > 2 * known["novelty"]
    assert set(strange["probabilities"]) == {"a", "b"}
    assert (broken["abstained"], broken["novelty"]) == (False, None)
    assert "not for diagnosis" in body["notice"]


def test_a_bundle_that_never_abstains_has_no_novelty(client: TestClient) -> None:
    """An older bundle answers as ever; what it cannot tell is null."""
    answer = client.post("/v1/predict", files=parts(png())).json()["files"][0]
    assert (answer["abstained"], answer["why"], answer["novelty"]) == (False, None, None)


def test_a_bad_file_does_not_spoil_the_rest(client: TestClient) -> None:
    """Each file has its answer or its error, in the order sent."""
    body = client.post("/v1/predict", files=parts(png(), b"no image", png()[:60])).json()
    assert [item["index"] for item in body["files"]] == [0, 1, 2]
    kinds = [item["error"] and item["error"]["kind"] for item in body["files"]]
    assert kinds[:2] == [None, "undecodable"]
    assert kinds[2] in {"truncated", "undecodable"}


def test_a_batch_answers_as_its_images_alone(client: TestClient) -> None:
    """Neighbours in a request change nothing."""
    files = [png(red) for red in (0, 120, 250)]
    together = client.post("/v1/predict", files=parts(*files)).json()["files"]
    for data, answer in zip(files, together, strict=True):
        alone = client.post("/v1/predict", files=parts(data)).json()["files"][0]
        assert alone["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-6)


def test_no_usable_file_is_a_problem_that_says_why(client: TestClient) -> None:
    """Where nothing can be answered, the status says so, and each file its reason."""
    response = client.post("/v1/predict", files=parts(b"", b"text"))
    assert is_problem(response, 422)
    assert [item["error"]["kind"] for item in response.json()["files"]] == ["empty", "undecodable"]


def test_a_large_file_is_refused_alone(client: TestClient) -> None:
    """One file over the bound is an error of its own; alone it is 413."""
    large = b"x" * (SMALL.file_bytes + 1)
    mixed = client.post("/v1/predict", files=parts(png(), large)).json()["files"]
    assert (mixed[0]["error"], mixed[1]["error"]["kind"]) == (None, "too_large")
    assert is_problem(client.post("/v1/predict", files=parts(large)), 413)


def test_a_large_body_is_refused_by_its_length(client: TestClient) -> None:
    """The declared length is enough to refuse."""
    assert is_problem(client.post("/v1/predict", files=parts(b"x" * SMALL.body_bytes)), 413)


def test_a_large_body_without_a_length_is_refused_as_it_streams(client: TestClient) -> None:
    """A sender that declares no length is stopped when it passes the bound, not at its end."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n'
        while True:
            sent += 10_000
            assert sent < 100 * SMALL.body_bytes
            yield b"x" * 10_000
            if sent > 2 * SMALL.body_bytes:
                return

    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert is_problem(client.post("/v1/predict", content=endless(), headers=headers), 413)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 400),
        (b"nonsense", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
        (
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
    ],
)
def test_what_is_not_a_form_of_files_is_a_problem(
    client: TestClient, body: bytes, content_type: str, status: int
) -> None:
    """Every malformed request is told what it should have been."""
    response = client.post("/v1/predict", content=body, headers={"content-type": content_type})
    assert is_problem(response, status)


def test_too_many_files_are_refused(client: TestClient) -> None:
    """The number of files in a request is bounded."""
    assert is_problem(client.post("/v1/predict", files=parts(*[png()] * 4)), 413)


def test_too_many_parts_are_refused(client: TestClient) -> None:
    """Parts that are no file are bounded too."""
    fields = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n' * 200
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert is_problem(client.post("/v1/predict", content=fields + b"--b--\r\n", headers=headers), 413)


def test_a_picture_bomb_is_refused_by_its_header(client: TestClient) -> None:
    """Pixels are counted before any is decoded."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    response = client.post("/v1/predict", files=parts(file.getvalue()))
    assert is_problem(response, 413)
    assert "25 million pixels" in response.json()["files"][0]["error"]["detail"]


def test_large_images_are_decoded_one_at_a_time(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests side by side cannot take more memory than one large image needs."""
    limits, active, most = Limits(small_pixels=100), 0, 0
    decode = imaging.decode

    def watched(data: bytes, **options: Any) -> object:
        nonlocal active, most
        active += 1
        most = max(most, active)
        time.sleep(0.02)
        active -= 1
        return decode(data, **options)

    monkeypatch.setattr(imaging, "decode", watched)
    with TestClient(create_app(bundle, limits)) as client, ThreadPoolExecutor(4) as pool:
        wait_ready(client)
        sent = [pool.submit(client.post, "/v1/predict", files=parts(png(), png())) for _ in range(4)]
        assert {future.result().status_code for future in sent} == {200}
    assert most == 1


def test_unknown_addresses_and_methods_are_problems(client: TestClient) -> None:
    """The framework's own errors have the same form."""
    assert is_problem(client.get("/nowhere"), 404)
    assert is_problem(client.get("/web/..%2f..%2fapp.py"), 404)
    assert is_problem(client.get("/web/app.py"), 404)
    refused = client.get("/v1/predict")
    assert is_problem(refused, 405)
    assert refused.headers["allow"] == "POST"


def test_is_alive_before_it_is_ready(bundle: Path) -> None:
    """Without a loaded model the process is alive, not ready, and says 503 to predictions."""
    client = TestClient(create_app(bundle))  # no lifespan: nothing loads
    assert client.get("/healthz").json() == {"status": "ok"}
    assert is_problem(client.get("/readyz"), 503)
    refused = client.post("/v1/predict", files=parts(png()))
    assert is_problem(refused, 503)
    assert refused.headers["retry-after"] == "1"


def test_a_damaged_bundle_is_refused_before_anything_listens(tmp_path: Path) -> None:
    """A graph that is not the one described is a configuration error."""
    folder = make_bundle(tmp_path / "bundle")
    (folder / bundles.GRAPH).write_bytes(b"another graph")
    with pytest.raises(ConfigError, match="does not match"):
        create_app(folder)


def break_graph(folder: Path) -> Path:
    """Make a bundle whose graph is the one described, and none that the runtime takes."""
    make_bundle(folder)
    described = bundles.read(folder)
    (folder / bundles.GRAPH).write_bytes(b"no graph")
    digest = hash_file(folder / bundles.GRAPH)
    bundles.write(folder, described.model_copy(update={"graph_sha256": digest}))
    return folder


def break_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a bundle, and have its threads fail, as where the system gives no more of them (a fake)."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("scanops.serving.service.Answerer", refuse)
    return make_bundle(folder)


@pytest.mark.parametrize("broken", ["graph", "threads"])
def test_a_bundle_that_does_not_load_never_becomes_ready(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It keeps the service unready; the log says why, and nobody is told to wait for it."""
    folder = tmp_path / "bundle"
    app = create_app(break_graph(folder) if broken == "graph" else break_threads(folder, monkeypatch))
    with TestClient(app) as client:
        until(lambda: '"event": "load"' in caplog.text)
        assert client.get("/healthz").status_code == 200
        infer = "/v2/models/scanops/infer"
        for answer in (
            client.get("/readyz"),
            client.post("/v1/predict", files=parts(png())),
            client.post(infer, content=b"{}", headers={"content-type": "application/json"}),
        ):
            assert is_problem(answer, 503)
            assert answer.json()["detail"] == "The model could not be loaded; the service's log says why."
            assert "retry-after" not in answer.headers


def test_version_names_what_runs(client: TestClient, monkeypatch: pytest.MonkeyPatch, bundle: Path) -> None:
    """A running service can be traced to commit, gate, bundle and data."""
    monkeypatch.setenv("SCANOPS_GIT_SHA", "abc")
    monkeypatch.setenv("SCANOPS_GATE_SHA256", "f" * 64)
    body = client.get("/version").json()
    assert (body["git_sha"], body["gate_sha256"]) == ("abc", "f" * 64)
    assert body["model"]["data_sha256"] == "d" * 64
    assert body["model"]["bundle_sha256"] == bundles.hash_bundle(bundle)
    assert body["classes"] == list(CLASSES)


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/healthz", "/nowhere", "/openapi.json"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    """Errors and pages alike: no foreign script, frame, sniffing or referrer."""
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "cache-control" in headers


WEB = sorted(path.name for path in (Path(app_module.__file__).parent / "web").iterdir())


def test_the_page_names_no_other_host(client: TestClient) -> None:
    """The page works in a network of its own."""
    assert {"app.js", "text.js", "style.css", "index.html"} <= set(WEB)
    for name in WEB:
        body = client.get(f"/web/{name}").text
        assert "https://" not in body
        assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")


def test_every_word_of_the_page_is_in_one_file() -> None:
    """Whoever translates the page opens text.js alone: no other script holds a phrase."""
    phrase = re.compile(r"""["'`][A-Z][a-z]+[ .,…][^"'`]*["'`]""")
    folder = Path(app_module.__file__).parent / "web"
    found = {name: phrase.findall((folder / name).read_text()) for name in WEB if name.endswith(".js")}
    assert len(found.pop("text.js")) > 20
    assert not any(found.values()), found


def test_logs_hold_no_name_and_no_content(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """File names, queries and paths as sent stay out of the log: patients' names are in them."""
    with caplog.at_level(logging.DEBUG):
        client.post("/v1/predict?patient=doe", files=parts(png(), b"secret", name="doe_jane.png"))
        client.get("/scans/doe_jane.png")
    # The test's own client logs what it sends; the service's loggers are the others.
    said = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore")))
    assert '"status": 200' in said
    assert "doe" not in said
    assert "secret" not in said


def test_a_fault_of_ours_is_a_problem_without_a_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails inside says 500; the log says where, not with what."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("content of a scan")

    monkeypatch.setattr(Predictor, "answer", fail)
    response = client.post("/v1/predict", files=parts(png()))
    assert is_problem(response, 500)
    assert "content of a scan" not in response.text
    assert "RuntimeError" in caplog.text
    assert "content of a scan" not in caplog.text


def test_openapi_describes_the_form_and_the_problems(client: TestClient) -> None:
    """A client can be generated: files in, answers or problems out."""
    operation = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["files"]["type"] == "array"
    assert "application/problem+json" in operation["responses"]["413"]["content"]


def test_nothing_is_traced(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector of traces that runs in the process learns of no request, whose address may hold a name."""
    seen, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    for app, traced in ((FastAPI(), True), (create_app(bundle), False)):
        with TestClient(app) as asked:
            assert asked.get("/DOE^JANE").status_code == 404
        assert bool(seen.get_finished_spans()) == traced  # as FastAPI does it by itself
        seen.clear()
