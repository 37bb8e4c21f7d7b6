"""The files for one host fit what they are read by: Compose, Caddy, Prometheus, Grafana, and the service."""

from __future__ import annotations

import copy
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from scanops.serving import options
from scanops.serving.app import create_app
from tests import dashboard
from tests.bundles import make_bundle
from tests.conftest import require_part

COMPOSE = Path(__file__).parents[2] / "docker" / "compose"
RULES = COMPOSE / "prometheus" / "rules.yaml"
GRID = 24  # Grafana's columns
# What Prometheus adds, and functions whose names look like a metric's.
NOT_OURS = {"up"}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker."""
    return subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)


def services() -> dict[str, Any]:
    """Read the services of the Compose file."""
    return dict(yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))["services"])


@pytest.mark.parametrize(("planted", "passes"), [("", True), ("    read_onyl: true\n", False)])
def test_the_compose_file_fits_the_specification(planted: str, passes: bool, tmp_path: Path) -> None:
    """The Compose specification's own schema judges it; a misspelt key is found."""
    text = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
    changed = tmp_path / "compose.yaml"
    changed.write_text(
        text.replace("    mem_limit: 256m\n", f"    mem_limit: 256m\n{planted}"), encoding="utf-8"
    )
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = run(checker, "--builtin-schema", "vendor.compose-spec", changed)
    assert (done.returncode == 0) is passes, done.stdout
    assert passes or "read_onyl" in done.stdout


def test_every_service_is_hardened_and_pinned() -> None:
    """Read-only, without capabilities but for Caddy's port, no new privileges, bounded, a version named."""
    for name, service in services().items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert re.search(r":v?\d+\.\d+|^\$\{SCANOPS_IMAGE:\?", service["image"])
        assert ("ports" in service) is (name == "caddy")
        assert ("outside" in service["networks"]) is (name == "caddy")


def test_the_service_has_time_for_its_last_answers() -> None:
    """Docker waits as long as on the hosts that Ansible keeps."""
    role = COMPOSE.parents[1] / "ansible/roles/model_service/defaults/main.yml"
    told = yaml.safe_load(role.read_text(encoding="utf-8"))["model_service_stop_timeout_s"]
    assert services()["scanops"]["stop_grace_period"] == f"{told}s"


def test_what_is_documented_for_the_service_reaches_it() -> None:
    """Every bound, and tokens and feedback with a place that its container sees."""
    service = services()["scanops"]
    closed = {"SCANOPS_URL_HOSTS"}  # there is no way out of its network
    given_otherwise = {"SCANOPS_HEAD_SECONDS", "SCANOPS_BODY_SECONDS"}  # Caddy's own bounds come first
    wanted = {*options.VARIABLES.values(), "SCANOPS_FEEDBACK", "SCANOPS_IMAGE_DIGEST"}
    assert set(service["environment"]) == wanted - closed - given_otherwise
    assert [volume.rpartition(":/")[2] for volume in service["volumes"]] == ["run/scanops:ro", "feedback"]


@pytest.mark.parametrize(("planted", "passes"), [("max_size", True), ("max_sise", False)])
@pytest.mark.parametrize("tls", ["internal", "{folder}/a.crt {folder}/a.key"])
def test_caddy_takes_its_file(
    planted: str, passes: bool, tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real program reads the file, with an authority of its own or with two files; a slip is found."""
    require_part(shutil.which("caddy"), "no caddy on the PATH")
    if tls != "internal":
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        made += ["-subj", "/CN=it", "-keyout", f"{tmp_path}/a.key", "-out", f"{tmp_path}/a.crt"]
        assert run(*made).returncode == 0
    monkeypatch.setenv("SCANOPS_TLS", tls.format(folder=tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    text = (COMPOSE / "caddy" / "Caddyfile").read_text(encoding="utf-8").replace("max_size", planted)
    (tmp_path / "Caddyfile").write_text(text, encoding="utf-8")
    done = run("caddy", "validate", "--adapter", "caddyfile", "--config", tmp_path / "Caddyfile")
    assert (done.returncode == 0) is passes, done.stderr
    assert passes or planted in done.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("prometheus.yaml", "job_name: scanops", "job_name: scanops"),
        ("prometheus.yaml", "static_configs:", "static_config:"),
        ("rules.yaml", "sum(rate(", "summ(rate("),
    ],
)
def test_prometheus_takes_its_files(file: str, right: str, wrong: str, tmp_path: Path) -> None:
    """Its own checker reads the scrape configuration and the rules; a slip in either is found."""
    require_part(shutil.which("promtool"), "no promtool on the PATH")
    shutil.copytree(COMPOSE / "prometheus", tmp_path / "p")
    # It looks for the file of the token as well, which is at its place in the container alone.
    scrape = tmp_path / "p" / "prometheus.yaml"
    there = scrape.read_text(encoding="utf-8").replace("/run/secrets/scrape_token", "no_token")
    scrape.write_text(there, encoding="utf-8")
    changed = tmp_path / "p" / file
    text = changed.read_text(encoding="utf-8")
    assert right in text
    changed.write_text(text.replace(right, wrong), encoding="utf-8")
    done = run("promtool", "check", "config", tmp_path / "p" / "prometheus.yaml")
    assert (done.returncode == 0) is (right == wrong), done.stdout + done.stderr


def faults(board: dict[str, Any]) -> list[str]:
    """Find what Grafana would show wrongly or not at all."""
    found, panels = [], board["panels"]
    if len({panel["id"] for panel in panels}) < len(panels):
        found.append("two panels share an id")
    source = yaml.safe_load((COMPOSE / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    known = {item["uid"] for item in source["datasources"]}
    for panel in panels:
        if not {item["datasource"]["uid"] for item in (panel, *panel["targets"])} <= known:
            found.append(f"{panel['title']}: no such data source")
        if panel["gridPos"]["x"] + panel["gridPos"]["w"] > GRID:
            found.append(f"{panel['title']}: is wider than the page")
        if len({target["refId"] for target in panel["targets"]}) < len(panel["targets"]):
            found.append(f"{panel['title']}: two targets share a name")
    for one, two in itertools.combinations(panels, 2):
        if _overlap(one["gridPos"], two["gridPos"]):
            found.append(f"{one['title']} and {two['title']}: lie on each other")
    return found


def _overlap(one: dict[str, int], two: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
    below = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
    return not (beside or below)


def test_the_dashboard_is_laid_out() -> None:
    """Panels have names and places of their own, and ask the data source that is provisioned."""
    assert faults(dashboard.load()) == []
    provider = yaml.safe_load((COMPOSE / "grafana/provisioning/dashboards/scanops.yaml").read_text())
    place = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{place}:ro" in services()["grafana"]["volumes"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("id",), 2, "share an id"),
        (("gridPos", "x"), 4, "lie on each other"),
        (("gridPos", "w"), 25, "wider than the page"),
        (("datasource", "uid"), "other", "no such data source"),
    ],
)
def test_a_planted_slip_in_the_dashboard_is_found(path: tuple[str, ...], value: object, said: str) -> None:
    """Each check of the layout can fail."""
    board = copy.deepcopy(dashboard.load())
    place = board["panels"][0]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert any(said in fault for fault in faults(board))


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Give the names of the metrics that the service exposes, with their labels, after one answer."""
    bundle = make_bundle(tmp_path_factory.mktemp("metrics") / "bundle")
    with TestClient(create_app(bundle)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        client.post("/v1/predict", files=[("files", b"GIF89a")])
        answer = client.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, set[str]] = {}
    for line in answer.text.splitlines():
        if told := re.match(r"# TYPE (\S+) (\w+)", line):
            found.setdefault(told[1], set())
        elif not line.startswith("#"):
            name, labels = re.match(r"([\w:]+)(?:\{(.*)\})?", line).groups()
            found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels or ""))
    return found


def asked(expression: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that an expression names."""
    words = set(re.findall(r"\b((?:scanops|process)_\w+|up)\b(?!=)", expression))
    groups = re.findall(r"by \(([^)]*)\)", expression)
    labels = {word.strip() for group in groups for word in group.split(",")}
    return words - NOT_OURS, labels | set(re.findall(r"(\w+)=~?\"", expression))


def expressions() -> list[tuple[str, str]]:
    """Return every expression of the dashboard and of the rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [(rule["alert"], rule["expr"]) for group in groups for rule in group["rules"]]
    return [*dashboard.expressions(), *rules]


@pytest.mark.parametrize(("title", "expression"), expressions())
def test_every_expression_asks_for_what_the_service_exposes(
    title: str, expression: str, exposed: dict[str, set[str]]
) -> None:
    """Panels and alerts name metrics of /metrics, and labels that these have."""
    names, labels = asked(expression)
    assert names or "up" in expression
    assert names <= exposed.keys(), title
    told = set().union(*(exposed[name] for name in names)) | {"job"}
    # Reasons to abstain are counted from the first one on; a bundle of the tests has none.
    assert labels <= told | ({"why"} if names == {"scanops_abstained_total"} else set()), title


def test_a_metric_or_label_of_another_name_would_be_found(exposed: dict[str, set[str]]) -> None:
    """The detector reads names and labels from an expression as they are written."""
    names, labels = asked('sum by (route, clas) (rate(scanops_request_total{status=~"5.."}[5m]))')
    assert names == {"scanops_request_total"}
    assert not names & exposed.keys()
    assert labels == {"route", "clas", "status"}
