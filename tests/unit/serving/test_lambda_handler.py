"""Events of API Gateway get the answers that requests over HTTP get."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from mangum.types import LambdaContext
from PIL import Image

from scanops.errors import ConfigError, OutsideError
from scanops.serving import lambda_handler
from scanops.serving.app import create_app
from scanops.serving.lambda_handler import Handler
from tests.bundles import make_bundle
from tests.lambda_events import http_api, rest_api, scans
from tests.unit.serving.test_app import break_graph

ROOT = Path(__file__).parents[3]
Event = Callable[..., dict[str, Any]]


class Context:
    """What the runtime tells of an invocation; the service reads none of it."""

    function_name = "scanops"


CONTEXT: LambdaContext = Context()


def scan() -> bytes:
    """Draw a picture whose bytes are no text in any encoding."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a bundle."""
    return make_bundle(tmp_path_factory.mktemp("lambda") / "bundle")


@pytest.fixture(scope="module")
def handler(bundle: Path) -> Iterator[Handler]:
    """Give a function that has initialised."""
    made = Handler(create_app(bundle))
    yield made
    made.close()


@pytest.mark.parametrize("event", [http_api, rest_api])
def test_a_scan_gets_the_answer_of_the_service(event: Event, handler: Handler, bundle: Path) -> None:
    """Both payloads carry the bytes of a scan unharmed: class and probabilities are the service's."""
    body, content_type = scans(scan(), b"no picture")
    answer = handler(event("POST", "/v1/predict", body, content_type), CONTEXT)
    with TestClient(create_app(bundle)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        asked = client.post("/v1/predict", content=body, headers={"content-type": content_type})
    assert answer["statusCode"] == asked.status_code == 200
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"]) == asked.json()
    assert answer["headers"]["content-security-policy"] == asked.headers["content-security-policy"]


@pytest.mark.parametrize("event", [http_api, rest_api])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version"])
def test_probes_answer_from_the_first_event_on(event: Event, path: str, handler: Handler) -> None:
    """A function that has initialised is ready: no first client waits, none is turned away."""
    assert handler(event("GET", path), CONTEXT)["statusCode"] == 200


@pytest.mark.parametrize("event", [http_api, rest_api])
def test_problems_are_text(event: Event, handler: Handler) -> None:
    """A refusal is problem details that a client can read, not base64."""
    answer = handler(event("POST", "/v1/predict", b"x", "text/plain"), CONTEXT)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (415, False)
    assert json.loads(answer["body"])["status"] == 415


def test_the_page_and_its_picture_come_through(handler: Handler) -> None:
    """What the page loads arrives as it is in the package."""
    answer = handler(http_api("GET", "/web/icon.svg"), CONTEXT)
    sent = answer["body"].encode()
    sent = base64.b64decode(sent) if answer["isBase64Encoded"] else sent
    assert sent == (ROOT / "src/scanops/serving/web/icon.svg").read_bytes()


def test_what_the_gateway_puts_before_a_path_is_taken_off(bundle: Path) -> None:
    """A stage's name in the path does not hide the service, and readiness is seen through it."""
    behind = Handler(create_app(bundle), "/prod")
    assert behind(http_api("GET", "/prod/healthz"), CONTEXT)["statusCode"] == 200
    behind.close()


@pytest.mark.parametrize("event", [{}, {"source": "aws.events"}, [], "warm up"])
def test_an_event_of_another_kind_is_refused(event: Any, handler: Handler) -> None:
    """The function's error says what it wants to be called by."""
    with pytest.raises(ConfigError, match="is no HTTP request"):
        handler(event, CONTEXT)


@pytest.mark.parametrize("kind", [http_api, rest_api])
def test_a_body_that_is_no_base64_is_the_clients_mistake(
    kind: Event, handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered, logged and counted as every refusal is, and the next event is served."""
    event = {**kind("POST", "/v1/predict", b"x", "text/plain"), "body": "abc"}
    with caplog.at_level(logging.INFO):
        answer = handler(event, CONTEXT)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["status"]) == (400, 400)
    assert "not the base64" in problem["detail"]
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["x-request-id"] == problem["request_id"]
    assert answer["headers"]["x-content-type-options"] == "nosniff"
    (line,) = [json.loads(record.message) for record in caplog.records if '"request"' in record.message]
    assert (line["request_id"], line["status"]) == (problem["request_id"], 400)
    counted = handler(http_api("GET", "/metrics"), CONTEXT)["body"]
    assert 'scanops_requests_total{route="unknown",status="400"}' in counted
    assert handler(http_api("GET", "/readyz"), CONTEXT)["statusCode"] == 200


def test_no_path_reaches_the_log(handler: Handler, caplog: pytest.LogCaptureFixture) -> None:
    """The adapter would write each path: people put patients' names there."""
    with caplog.at_level(logging.INFO):
        handler(http_api("GET", "/patient-jane-doe"), CONTEXT)
    assert caplog.records
    assert "jane" not in caplog.text


def test_a_service_that_does_not_become_ready_ends_the_initialisation(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda starts the function anew, rather than keep one that can answer nothing."""
    monkeypatch.setattr(lambda_handler, "READY_TIMEOUT_S", 0.2)
    app = create_app(bundle)

    async def never() -> None:
        """Load nothing."""

    monkeypatch.setattr(app.state.service, "load", never)
    with pytest.raises(OutsideError, match="is not ready"):
        Handler(app)


def test_a_model_that_does_not_load_ends_the_initialisation_at_once(tmp_path: Path) -> None:
    """Nobody waits for it: what is told is that, and not that time ran out."""
    with pytest.raises(OutsideError, match="could not load its model"):
        Handler(create_app(break_graph(tmp_path / "bundle")))


def test_the_runtime_s_import_is_all_that_is_needed(bundle: Path) -> None:
    """The module's attribute answers, in an interpreter that has nothing of the pipeline loaded."""
    code = (
        "import json, sys\nfrom scanops.serving.lambda_start import handler\n"
        f"print(handler({http_api('GET', '/version')!r}, None)['statusCode'])\n"
        "print({'tensorflow', 'pandas', 'mlflow', 'dvc', 'yaml'} & set(sys.modules))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SCANOPS_BUNDLE": str(bundle)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.split("\n")[:2] == ["200", "set()"]


def test_tokens_hold_in_a_function_too(bundle: Path, tmp_path: Path) -> None:
    """What the environment says of tokens is heard, as by a server."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ward:{'0' * 64}\n", encoding="utf-8")
    code = (
        "from scanops.serving.lambda_start import handler\n"
        f"print(handler({http_api('POST', '/v1/predict')!r}, None)['statusCode'])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SCANOPS_BUNDLE": str(bundle)}
    env["SCANOPS_TOKENS"] = str(tokens)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.split("\n")[0] == "401"
