"""The image for AWS Lambda, driven by AWS's own Runtime Interface Emulator with AWS's own sample events."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scanops.errors import OutsideError
from scanops.release import cases, lambda_image, smoke
from scanops.release.engine import Engine
from tests.conftest import require_part
from tests.image_stage import ROOT
from tests.lambda_events import scans
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]
SAM = ROOT / "build" / "emulator" / "samcli"
SAMPLES = SAM / "lib" / "generated_sample_events" / "events" / "apigateway"
INVOKE = "/2015-03-31/functions/function/invocations"
PORT = 8080  # where the emulator listens


@pytest.fixture(scope="module")
def emulator() -> Path:
    """Give the emulator that `make emulator` fetched."""
    machine = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    program = SAM / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    require_part(program.is_file(), "AWS's Lambda emulator is not here: `make emulator` fetches it")
    return program


@pytest.fixture(scope="module")
def built(engine: Engine, stage: Path, emulator: Path) -> lambda_image.Built:
    """Build the image on the tested one."""
    return lambda_image.build(engine, ROOT, stage / "image.json")


@pytest.fixture(scope="module")
def function(engine: Engine, built: lambda_image.Built, emulator: Path) -> Iterator[int]:
    """Run the function as Lambda does: another user, nothing writable but /tmp. Give the emulator's port."""
    name = f"scanops-lambda-{os.getpid()}"
    start = engine.inspect(built.digest)["Config"]
    options = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "993:990"]
    options += ["--tmpfs", "/tmp", "--publish", f"127.0.0.1::{PORT}"]  # noqa: S108 -- inside the container
    options += ["--volume", f"{emulator}:/aws-lambda-rie:ro", "--entrypoint", "/aws-lambda-rie"]
    command = [*start["Entrypoint"], *start["Cmd"]]
    try:
        engine.call("run", "--detach", "--name", name, *options, built.digest, *command, timeout_s=120)
        yield engine.port(name, PORT)
    finally:
        engine.remove(name)


def sample(kind: str, method: str, path: str, body: bytes, content_type: str) -> dict[str, Any]:
    """Fill in one of AWS's sample events, as `sam local generate-event apigateway` does."""
    text = (SAMPLES / f"{kind}.json").read_text(encoding="utf-8")
    values = {"path": path, "method": method, "body": base64.b64encode(body).decode(), "stage": "$default"}
    values |= {"resource": "/{proxy+}", "dns_suffix": "amazonaws.com", "account_id": "123456789012"}
    for key, value in values.items():
        text = text.replace("{{{" + key + "}}}", value)
    event: dict[str, Any] = json.loads(text)
    event["isBase64Encoded"] = True
    event["headers"]["Content-Type"] = content_type
    if "multiValueHeaders" in event:
        event["multiValueHeaders"]["Content-Type"] = [content_type]
    return event


def invoke(port: int, event: object) -> dict[str, Any]:
    """Hand the emulator one event; it listens a moment after its container has started."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("POST", INVOKE, json.dumps(event))
            return dict(json.loads(connection.getresponse().read()))
        except (ConnectionError, http.client.RemoteDisconnected):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        finally:
            connection.close()


@pytest.mark.parametrize("kind", ["AwsProxy", "HttpApi"])
def test_a_real_event_with_scans_gets_the_recorded_answers(kind: str, function: int, stage: Path) -> None:
    """Payloads 1.0 and 2.0: the scans of the event are answered as `evaluate` answered them."""
    chosen = cases.choose(stage / "splits.parquet", stage / "predictions.parquet", stage / "raw", 4)
    body, content_type = scans(*(case.data for case in chosen))
    answer = invoke(function, sample(kind, "POST", "v1/predict", body, content_type))
    assert answer["statusCode"] == 200
    assert smoke.compare(chosen, json.loads(answer["body"])["files"])[0] == []


@pytest.mark.parametrize("path", ["healthz", "readyz", "version"])
def test_the_probes_answer(path: str, function: int) -> None:
    """What watches a function from outside gets its answer."""
    assert invoke(function, sample("HttpApi", "GET", path, b"", "text/plain"))["statusCode"] == 200


def test_what_is_no_request_fails_and_the_next_is_served(function: int) -> None:
    """The runtime reports the error by its class, and goes on."""
    said = invoke(function, {"source": "aws.events"})
    assert said["errorType"] == "ConfigError"
    assert "is no HTTP request" in said["errorMessage"]
    assert invoke(function, sample("HttpApi", "GET", "readyz", b"", "text/plain"))["statusCode"] == 200


def test_a_bad_file_is_refused(function: int) -> None:
    """Problem details come back as text."""
    body, content_type = scans(b"GIF89a" + bytes(99))
    answer = invoke(function, sample("AwsProxy", "POST", "v1/predict", body, content_type))
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (422, 422)


def test_its_bill_of_materials_adds_the_runtime_s_client(
    engine: Engine, built: lambda_image.Built, report: dict[str, Any]
) -> None:
    """Nothing that the tested image holds is left out, and what was put in is named."""
    code = "print(open('/opt/scanops/sbom.cdx.json').read())"
    before, after = (engine.run_once(one, "python3", "-c", code) for one in (report["digest"], built.digest))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(after) is None
    names = [{part["bom-ref"] for part in json.loads(bill)["components"]} for bill in (before, after)]
    added = {ref.partition("@")[0].removeprefix("pkg:pypi/") for ref in names[1] - names[0]}
    assert names[0] < names[1]
    assert added == {"awslambdaric", "mangum", "simplejson", "snapshot-restore-py"}
    layers = [engine.inspect(one)["RootFS"]["Layers"] for one in (report["digest"], built.digest)]
    assert layers[1][: len(layers[0])] == layers[0]


def test_an_image_that_is_not_the_tested_one_is_refused(engine: Engine, stage: Path, tmp_path: Path) -> None:
    """A name that leads to other content than the report's builds nothing."""
    said = json.loads((stage / "image.json").read_text(encoding="utf-8"))
    (tmp_path / "image.json").write_text(
        json.dumps({**said, "digest": "sha256:" + "0" * 64}), encoding="utf-8"
    )
    with pytest.raises(OutsideError, match=r"is not the tested one .*make image"):
        lambda_image.build(engine, ROOT, tmp_path / "image.json")
