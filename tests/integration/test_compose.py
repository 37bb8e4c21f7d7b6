"""One host as the Compose file makes it: real TLS, bounds and Prometheus. Grafana alone is not here."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanops.release import cases, smoke
from scanops.release.engine import Engine
from scanops.serving import tokens
from tests.compose import FILE, PROGRAMS, Stack, compose_command, stand_in
from tests.conftest import require_part
from tests.dashboard import expressions
from tests.lambda_events import scans
from tests.patience import PATIENCE_S
from tests.ports import free_port

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]
MIB = 1024 * 1024
SCRAPES = 2  # for a rate
# Asks Prometheus from inside of its container: it is not to be had from outside.
QUERY = """
import json, sys, urllib.parse, urllib.request
answers = []
for expression in json.loads(sys.argv[1]):
    url = 'http://127.0.0.1:9090/api/v1/query?' + urllib.parse.urlencode({'query': expression})
    answers.append(json.load(urllib.request.urlopen(url, timeout=10))['data']['result'])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def stack(
    engine: Engine, report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Start all but Grafana, on ports and a network of the test's own."""
    command = compose_command(engine)
    require_part(command, "neither `docker compose` nor docker-compose is here")
    for name in PROGRAMS:
        require_part(shutil.which(name), f"no {name} on the PATH")
    folder = tmp_path_factory.mktemp("compose")
    name = f"scanops-test-{os.getpid()}"
    override = stand_in(engine, folder, report["base"], f"{name}:parts")
    (folder / "certificates").mkdir()
    https, plain = free_port(), free_port()
    environment = {
        "SCANOPS_IMAGE": report["reference"],
        "SCANOPS_HTTPS": f"127.0.0.1:{https}",
        "SCANOPS_HTTP": f"127.0.0.1:{plain}",
        "SCANOPS_SUBNET": f"10.213.{os.getpid() % 256}.0/24",
        "SCANOPS_CERTIFICATES": str(folder / "certificates"),
        "GRAFANA_ADMIN_PASSWORD_FILE": str(folder / "password"),
        "SCANOPS_TOKENS": "/run/scanops/tokens",
        "SCANOPS_TOKENS_FOLDER": str(folder / "tokens"),
        "SCANOPS_SCRAPE_TOKEN_FILE": str(folder / "scrape"),
        "SCANOPS_FEEDBACK": "/feedback/store.sqlite",
        "SCANOPS_IMAGE_DIGEST": report["digest"],
    }
    (folder / "tokens").mkdir()
    (token, first), (scrape, second) = tokens.make("ward"), tokens.make("prometheus")
    (folder / "tokens" / "tokens").write_text(f"{first}\n{second}\n", encoding="utf-8")
    (folder / "scrape").write_text(scrape, encoding="utf-8")
    (folder / "password").write_text("unused", encoding="utf-8")
    files = ("--file", str(FILE), "--file", str(override))
    command = [*(command or []), "--project-name", name, *files]
    made = Stack(engine, name, tuple(command), environment, https, plain, token)
    try:
        made.call("up", "--detach", "scanops", "caddy", "prometheus")
        yield made
    finally:
        made.call("down", "--volumes", "--timeout", "5")
        engine.call("image", "rm", "--force", f"{name}:parts")


@pytest.fixture(scope="module")
def trusted(stack: Stack) -> ssl.SSLContext:
    """Trust the authority that Caddy made for itself, and nobody else."""
    code = "print(open('/data/caddy/pki/authorities/local/root.crt').read())"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ssl.create_default_context(cadata=stack.inside("caddy", code))
        except Exception:
            assert time.monotonic() < deadline, stack.call("logs", "caddy")
            time.sleep(0.5)


def ask(
    stack: Stack, trusted: ssl.SSLContext, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Ask through TLS, with the certificate and the name in it verified, and with the token."""
    headers = {"Authorization": f"Bearer {stack.token}"} | headers
    connection = http.client.HTTPSConnection("localhost", stack.https, timeout=PATIENCE_S, context=trusted)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def query(stack: Stack, *expressions: str) -> list[list[dict[str, Any]]]:
    """Return the series that Prometheus has for each expression; one that it cannot read fails."""
    return list(json.loads(stack.inside("prometheus", QUERY, json.dumps(expressions))))


def test_scans_sent_over_tls_get_the_recorded_answers(
    stack: Stack, trusted: ssl.SSLContext, stage: Path
) -> None:
    """From a client that verifies the certificate, through Caddy, to the service and back."""
    chosen = cases.choose(stage / "splits.parquet", stage / "predictions.parquet", stage / "raw", 4)
    body, kind = scans(*(case.data for case in chosen))
    status, headers, answer = ask(stack, trusted, "POST", "/v1/predict", body, Content_Type=kind)
    assert status == 200
    assert smoke.compare(chosen, json.loads(answer)["files"])[0] == []
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers


def test_tokens_and_feedback_hold_here_too(stack: Stack, trusted: ssl.SSLContext) -> None:
    """Without a token there is no answer; the volume is the service's to write; /version names the digest."""
    assert ask(stack, trusted, "GET", "/v2")[0] == 200
    assert ask(stack, trusted, "GET", "/v2", Authorization="Bearer no-token")[0] == 401
    told = json.loads(ask(stack, trusted, "GET", "/version")[2])
    assert told["image_digest"] == stack.environment["SCANOPS_IMAGE_DIGEST"]
    size = stack.inside("scanops", "import os; print(os.stat('/feedback/store.sqlite').st_size)")
    assert int(size) > 0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_and_plain_http_get_no_scan(stack: Stack, trusted: ssl.SSLContext) -> None:
    """TLS 1.1 is refused; plain HTTP is sent on to TLS."""
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        ask(stack, old, "GET", "/")
    connection = http.client.HTTPConnection("localhost", stack.http, timeout=PATIENCE_S)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["location"]) == (308, "https://localhost/readyz")
    connection.close()


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/METRICS", "/%6detrics"])
def test_what_is_for_prometheus_is_not_for_everybody(
    path: str, stack: Stack, trusted: ssl.SSLContext
) -> None:
    """However the path is written, it does not lead to the service's counters."""
    status, _, answer = ask(stack, trusted, "GET", path)
    assert status == 404
    assert b"scanops_" not in answer
    assert b"python_info" not in answer


def test_a_body_beyond_the_bound_is_refused_and_the_next_is_served(
    stack: Stack, trusted: ssl.SSLContext
) -> None:
    """With its length told, or in chunks of no known end: 413, and the service goes on."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="scan"\r\n\r\n'
    body = [head.ljust(MIB, b"0"), *[bytes(MIB)] * 99]
    kind = {"Content_Type": "multipart/form-data; boundary=x"}
    for headers in ({**kind, "Content_Length": str(100 * MIB)}, kind):
        # The answer may be on its way while we still send, and the connection end under us.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            assert ask(stack, trusted, "POST", "/v1/predict", iter(body), **headers)[0] == 413
        assert ask(stack, trusted, "GET", "/readyz")[0] == 200


def test_every_container_is_hardened(stack: Stack) -> None:
    """What the Compose file says is what the engine holds: no line of it is lost on the way."""
    for service, user in (("scanops", "10001:10001"), ("caddy", ""), ("prometheus", "65534:65534")):
        described = stack.describe(service)
        held = described["HostConfig"]
        assert held["ReadonlyRootfs"] is True
        assert held["CapDrop"] == ["ALL"]
        assert held["SecurityOpt"] == ["no-new-privileges:true"]
        assert held["PidsLimit"] == 256
        assert held["Memory"] > 0
        assert described["Config"]["User"] == user
    assert stack.describe("scanops")["HostConfig"]["Memory"] == 2048 * MIB
    assert stack.describe("scanops")["State"]["Health"]["Status"] == "healthy"
    assert stack.describe("scanops")["HostConfig"]["PortBindings"] in ({}, None)


def test_the_service_has_no_way_out(stack: Stack) -> None:
    """It and Prometheus are on one network, out of which the engine lets nothing."""
    for service in ("scanops", "prometheus"):
        (name,) = stack.describe(service)["NetworkSettings"]["Networks"]
        assert stack.engine.inspect(name, "network")["Internal"] is True


def test_prometheus_scrapes_and_every_panel_gets_its_data(stack: Stack, trusted: ssl.SSLContext) -> None:
    """The target is up, and each expression of the dashboard is answered with a series."""
    body, kind = scans(b"GIF89a" + bytes(99))
    ask(stack, trusted, "POST", "/v1/predict", body, Content_Type=kind)
    deadline = time.monotonic() + PATIENCE_S
    scrapes: list[dict[str, Any]] = []
    while not scrapes or float(scrapes[0]["value"][1]) < SCRAPES:
        assert time.monotonic() < deadline, stack.call("logs", "prometheus")
        time.sleep(1)
        (scrapes,) = query(stack, "count_over_time(scanops_refused_files_total[10m])")  # the youngest
    asked = [(title, text.replace("$__rate_interval", "2m")) for title, text in expressions()]
    (up,), *found = query(stack, 'up{job="scanops"}', *[text for _, text in asked])
    assert up["value"][1] == "1"
    empty = [title for (title, _), series in zip(asked, found, strict=True) if not series]
    # A bundle of the tests has learnt no novelty: it abstains from nothing, and counts no reason.
    assert empty == ["Abstained, by reason"]


def test_no_path_is_logged_when_the_service_is_away(stack: Stack, trusted: ssl.SSLContext) -> None:
    """Caddy tells that nobody answered, and does not tell for whom."""
    stack.call("stop", "--timeout", "5", "scanops")
    try:
        assert ask(stack, trusted, "GET", "/patient-jane-doe")[0] in (502, 503)
    finally:
        stack.call("start", "scanops")
    told = stack.call("logs", "--no-color", "caddy")
    assert '"level":"error"' in told
    assert "jane" not in told
