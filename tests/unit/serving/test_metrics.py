"""What Prometheus is told."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from scanops.serving.app import create_app
from tests.bundles import heads, make_bundle, teach_heads
from tests.pictures import encode, noise
from tests.served import wait_ready
from tests.unit.serving.test_app import parts


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """Read /metrics with Prometheus' own parser: a value by name and labels' values."""
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_counts_what_was_answered(tmp_path: Path) -> None:
    """Requests by route and status, classes, abstentions, refused files, batches; nothing is left waiting."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), 64)
    teach_heads(folder)
    scan, stranger = encode(heads(5000, 1).pixels[0]), encode(noise(3, 64, 64))
    with TestClient(create_app(folder)) as client:
        wait_ready(client)
        client.post("/v1/predict", files=parts(scan, stranger, b"no image"))
        client.post("/v1/predict", files=parts(b""))
        found = samples(client)
    assert found["scanops_requests_total", "/v1/predict", "200"] == 1
    assert found["scanops_requests_total", "/v1/predict", "422"] == 1
    assert found["scanops_request_seconds_count", "/v1/predict"] == 2
    assert found["scanops_predictions_total", "a"] + found["scanops_predictions_total", "b"] == 2
    assert found["scanops_abstained_total", "unlike_training"] == 1
    assert found["scanops_refused_files_total", "undecodable"] == 1
    assert found["scanops_refused_files_total", "empty"] == 1
    assert found["scanops_batch_images_sum",] == 2
    assert found["scanops_queue_images",] == 0
    assert found["scanops_open_requests",] == 0
    assert found["process_resident_memory_bytes",] > 0


def test_labels_never_come_from_a_request(tmp_path: Path) -> None:
    """Addresses as sent, query strings and file names make no label, however many there are."""
    with TestClient(create_app(make_bundle(tmp_path / "bundle"))) as client:
        wait_ready(client)
        for number in range(20):
            client.get(f"/doe_{number}?name=doe")
            client.get(f"/web/doe_{number}.png")
            client.post("/v1/predict", files=parts(b"x", name=f"doe_{number}.png"))
        text, found = client.get("/metrics").text, samples(client)
    assert "doe" not in text
    assert {key[1] for key in found if key[0] == "scanops_requests_total"} <= {
        "unknown",
        "/web/{name}",
        "/v1/predict",
        "/readyz",
        "/metrics",
    }
