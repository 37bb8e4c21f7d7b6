"""The Open Inference Protocol V2, as its text has it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.serving.app import create_app
from tests.bundles import heads, make_bundle, teach_heads
from tests.patience import until
from tests.pictures import noise

SIDE = 64
INFER = "/v2/models/scanops/infer"
# Two scans like those of training, and a stranger.
IMAGES = np.concatenate([heads(5000, 2).pixels, noise(3, SIDE, SIDE)[None]])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a bundle that abstains."""
    folder = make_bundle(tmp_path_factory.mktemp("bundle"), ("a", "b"), SIDE)
    teach_heads(folder)
    return folder


@pytest.fixture(scope="module")
def client(bundle: Path) -> Iterator[TestClient]:
    """Give a ready service."""
    with TestClient(create_app(bundle)) as client:
        until(lambda: client.get("/v2/health/ready").status_code == 200)
        yield client


def described(images: np.ndarray[Any, Any], **changes: object) -> dict[str, Any]:
    """Describe images as the protocol has it, without their data."""
    return {"name": "image", "datatype": "UINT8", "shape": list(images.shape), **changes}


def binary(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Lay out a request of the extension for binary data."""
    head = json.dumps(request).encode()
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    return {"content": head + data, "headers": headers}


def tensors(response: httpx.Response) -> dict[str, Any]:
    """Give the outputs of an answer by name."""
    assert response.status_code == 200, response.text
    return {output["name"]: output for output in response.json()["outputs"]}


def test_server_and_model_describe_themselves(client: TestClient, bundle: Path) -> None:
    """Names, types and shapes by which a platform sets up its client."""
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("scanops", ["binary_tensor_data"])
    model = client.get("/v2/models/scanops").json()
    version = bundles.hash_bundle(bundle)[:12]
    assert (model["name"], model["versions"], model["platform"]) == ("scanops", [version], "onnxruntime_onnx")
    assert model["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, SIDE, SIDE, 3]}]
    assert {one["name"]: (one["datatype"], one["shape"]) for one in model["outputs"]} == {
        "probabilities": ("FP32", [-1, 2]),
        "class": ("INT64", [-1]),
        "class_name": ("BYTES", [-1]),
        "abstained": ("BOOL", [-1]),
        "why": ("BYTES", [-1]),
    }
    assert client.get(f"/v2/models/scanops/versions/{version}").json() == model
    assert client.get("/v2/models/scanops/ready").json() == {"name": "scanops", "ready": True}
    assert client.get(f"/v2/models/scanops/versions/{version}/ready").status_code == 200


@pytest.mark.parametrize("nested", [False, True])
def test_the_answer_is_the_predictor_s(client: TestClient, bundle: Path, nested: bool) -> None:
    """Flat or nested data, row-major: the same probabilities, classes and abstentions as everywhere."""
    data = IMAGES.tolist() if nested else IMAGES.ravel().tolist()
    response = client.post(INFER, json={"id": "42", "inputs": [described(IMAGES, data=data)]})
    outputs, verdict = tensors(response), Predictor(bundle).answer(IMAGES)
    assert outputs["probabilities"]["shape"] == [3, 2]
    assert outputs["probabilities"]["data"] == pytest.approx(
        verdict.prediction.probabilities.ravel(), abs=1e-6
    )
    assert outputs["class"]["data"] == verdict.prediction.probabilities.argmax(axis=1).tolist()
    assert outputs["class_name"]["data"] == ["ab"[index] for index in outputs["class"]["data"]]
    assert outputs["abstained"]["data"] == [False, False, True]
    assert outputs["why"]["data"] == ["", "", "unlike_training"]
    body = response.json()
    assert (body["id"], body["model_name"]) == ("42", "scanops")
    assert body["model_version"] == bundles.hash_bundle(bundle)[:12]
    assert "not for diagnosis" in body["parameters"]["notice"]


def test_only_what_is_asked_for_comes_in_its_order(client: TestClient) -> None:
    """And an answer to a request without an id has none."""
    wanted = [{"name": "abstained"}, {"name": "class"}]
    sent = {"inputs": [described(IMAGES, data=IMAGES.ravel().tolist())], "outputs": wanted}
    body = client.post(INFER, json=sent).json()
    assert [output["name"] for output in body["outputs"]] == ["abstained", "class"]
    assert "id" not in body


def test_binary_data_say_the_same(client: TestClient) -> None:
    """Images and answers as bytes: little-endian, row-major, texts behind their length."""
    plain = tensors(client.post(INFER, json={"inputs": [described(IMAGES, data=IMAGES.ravel().tolist())]}))
    sized = described(IMAGES, parameters={"binary_data_size": IMAGES.nbytes})
    request = {"inputs": [sized], "parameters": {"binary_data_output": True}}
    response = client.post(INFER, **binary(request, IMAGES.tobytes()))
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers["inference-header-content-length"])
    told, data = json.loads(response.content[:length]), response.content[length:]
    parts: dict[str, bytes] = {}
    for output in told["outputs"]:
        size = output["parameters"]["binary_data_size"]
        parts[output["name"]], data = data[:size], data[size:]
    assert data == b""
    assert np.frombuffer(parts["probabilities"], "<f4").tolist() == plain["probabilities"]["data"]
    assert np.frombuffer(parts["class"], "<i8").tolist() == plain["class"]["data"]
    assert np.frombuffer(parts["abstained"], "?").tolist() == plain["abstained"]["data"]
    text = b"unlike_training"
    assert parts["why"] == struct.pack("<II", 0, 0) + struct.pack("<I", len(text)) + text


def test_each_output_may_differ_from_the_default(client: TestClient) -> None:
    """`binary_data` of an output overrides `binary_data_output` of the request."""
    sized = described(IMAGES, parameters={"binary_data_size": IMAGES.nbytes})
    wanted = [{"name": "class", "parameters": {"binary_data": False}}, {"name": "abstained"}]
    request = {"inputs": [sized], "outputs": wanted, "parameters": {"binary_data_output": True}}
    response = client.post(INFER, **binary(request, IMAGES.tobytes()))
    told = json.loads(response.content[: int(response.headers["inference-header-content-length"])])
    assert len(told["outputs"][0]["data"]) == 3
    assert told["outputs"][1]["parameters"] == {"binary_data_size": 3}


@pytest.mark.parametrize("path", ["/v2/models/x", "/v2/models/x/ready", "/v2/models/scanops/versions/1"])
def test_another_model_or_version_is_404_in_the_protocol_s_form(client: TestClient, path: str) -> None:
    """`error` is what clients of the protocol read."""
    refused = client.get(path)
    assert refused.status_code == 404
    assert refused.json()["error"] == refused.json()["detail"]


def test_nothing_is_ready_before_the_model_is(bundle: Path) -> None:
    """Live is not ready."""
    client = TestClient(create_app(bundle))  # no lifespan: nothing loads
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 503
    refused = client.post(INFER, json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
