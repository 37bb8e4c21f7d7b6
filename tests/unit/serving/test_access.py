"""Who may ask, and how often: the application with tokens and rates."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from scanops.serving import tokens
from scanops.serving.app import create_app
from scanops.serving.options import Options
from tests.bundles import make_bundle

OPEN = ["/", "/docs", "/web/api.js", "/openapi.json", "/healthz", "/version", "/v2/health/live"]
CLOSED = ["/v1/predict", "/v2", "/v2/models/scanops", "/nowhere", "/web", "/docs/", "/healthz/", "/metrics"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one bundle for all tests here."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Make a token, and the file that it is in."""
    made, line = tokens.make("gateway")
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(line, encoding="utf-8")
    return made, file


@pytest.fixture(scope="module")
def client(bundle: Path, token: tuple[str, Path]) -> TestClient:
    """Give a service with tokens; it need not be ready to refuse."""
    return TestClient(create_app(bundle, options=Options(tokens=token[1])))


def bearer(token: str) -> dict[str, str]:
    """Give the header that carries a token."""
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", OPEN)
def test_page_and_probes_stay_open(client: TestClient, path: str) -> None:
    """A person and an orchestrator need no token."""
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", CLOSED)
def test_all_else_needs_a_token(client: TestClient, token: tuple[str, Path], path: str) -> None:
    """Also an address that there is not: what is not opened is closed."""
    refused = client.get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="scanops"'
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert client.get(path, headers=bearer(token[0])).status_code != 401


@pytest.mark.parametrize(
    "sent", ["Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "bearer \xff", "x" * 9000]
)
def test_a_wrong_token_is_told_apart_from_none(client: TestClient, sent: str) -> None:
    """RFC 6750, section 3.1; what was presented is not repeated."""
    refused = client.get("/v2", headers={"authorization": sent.encode("latin1")})
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert not [word for word in ("wrong", "YTpi", "xxx") if word in refused.text]


def test_the_scheme_is_read_in_any_case(client: TestClient, token: tuple[str, Path]) -> None:
    """RFC 9110, section 11.1."""
    assert client.get("/v2", headers={"authorization": f"bEARER  {token[0]}"}).status_code == 200


def test_the_log_names_the_owner_and_not_the_token(
    client: TestClient, token: tuple[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Who asked can be told afterwards."""
    with caplog.at_level("INFO"):
        client.get("/v2", headers=bearer(token[0]))
    assert '"token": "gateway"' in caplog.text
    assert token[0] not in caplog.text


def test_who_asks_too_often_is_told_when_to_come_back(bundle: Path) -> None:
    """429 with Retry-After; the probes do not count."""
    client = TestClient(create_app(bundle, options=Options(rate_per_s=0.01, burst=2)))
    assert [client.get("/v2").status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/v2")
    assert 95 <= int(refused.headers["retry-after"]) <= 100
    assert refused.json()["status"] == 429
    assert client.get("/healthz").status_code == 200


def test_guessing_tokens_is_bounded_and_does_not_shut_out_their_owners(
    bundle: Path, token: tuple[str, Path]
) -> None:
    """Wrong tokens are paid from the address' bucket, right ones from their owner's."""
    options = Options(tokens=token[1], rate_per_s=0.01, burst=3)
    client = TestClient(create_app(bundle, options=options))
    guessed = [client.get("/v2", headers=bearer(str(n))).status_code for n in range(4)]
    assert guessed == [401, 401, 401, 429]
    assert client.get("/v2", headers=bearer(token[0])).status_code == 200


def test_the_document_says_what_is_needed(bundle: Path, token: tuple[str, Path]) -> None:
    """Tokens and rates are in the OpenAPI document where they are on, and only there."""
    options = Options(tokens=token[1], rate_per_s=1.0)
    closed = TestClient(create_app(bundle, options=options)).get("/openapi.json").json()
    infer = closed["paths"]["/v2/models/{name}/infer"]["post"]
    assert infer["security"] == [{"token": []}]
    assert {"401", "429"} <= set(infer["responses"])
    assert "security" not in closed["paths"]["/healthz"]["get"]
    plain = TestClient(create_app(bundle)).get("/openapi.json").json()
    assert "security" not in plain["paths"]["/v2/models/{name}/infer"]["post"]
    assert "/v1/predict-url" not in plain["paths"]
