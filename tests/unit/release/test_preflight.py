"""Preflight: everything that is missing or away, in one message, before anything starts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from scanops.errors import ConfigError, OutsideError
from scanops.release import preflight

SILENT = "127.0.0.1:9"


@pytest.fixture
def answering() -> Iterator[str]:
    """Give host and port of a server that answers, if only with 404."""
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project under DVC, with a folder to be its remote, where git knows who works."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
    subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    (tmp_path / "remote").mkdir()
    return tmp_path


@pytest.mark.parametrize("purpose", preflight.NEEDED)
def test_all_that_is_missing_is_told_at_once(tmp_path: Path, purpose: str) -> None:
    """With nothing set, each variable is named with what it means; nothing is asked."""
    with pytest.raises(ConfigError) as raised:
        preflight.require(purpose, tmp_path, {})
    for name in preflight.NEEDED[purpose]:
        assert f"{name} ({preflight.MEANING[name]})" in str(raised.value)


def test_an_empty_variable_is_missing(tmp_path: Path) -> None:
    """GitHub gives an unset secret as an empty one."""
    with pytest.raises(ConfigError, match="STORE"):
        preflight.require("drift", tmp_path, {"STORE": "", "SCANOPS_REMOTE": "x", "GITHUB_TOKEN": "t"})


def test_all_that_is_away_is_told_at_once(project: Path) -> None:
    """Registry, tracking server and cache that do not answer are named together, without passwords."""
    environ = {
        "REGISTRY": f"{SILENT}/scans",
        "SCANOPS_REMOTE": str(project / "nowhere"),
        "MLFLOW_TRACKING_URI": f"http://me:hidden@{SILENT}",
        "GITHUB_TOKEN": "t",
    }
    with pytest.raises(OutsideError) as raised:
        preflight.require("retrain", project, environ)
    said = str(raised.value)
    assert f"registry http://{SILENT}/v2/ does not answer" in said
    assert "tracking server" in said
    assert "nowhere is no folder here" in said
    assert "hidden" not in said


def test_what_answers_is_ready(project: Path, answering: str) -> None:
    """Parts that answer, in whatever words, are ready; the cache is DVC's default from then on."""
    environ = {
        "REGISTRY": f"{answering}/scans",
        "SCANOPS_REMOTE": str(project / "remote"),
        "MLFLOW_TRACKING_URI": f"http://{answering}",
        "GITHUB_TOKEN": "t",
    }
    assert preflight.require("retrain", project, environ) == list(environ)
    assert str(project / "remote") in (project / ".dvc/config.local").read_text()


@pytest.mark.parametrize(
    ("registry", "api"),
    [
        ("ghcr.io/me/scans", "https://ghcr.io/v2/"),
        ("registry.example.org:5000/scans", "https://registry.example.org:5000/v2/"),
        ("localhost:5000/scans", "http://localhost:5000/v2/"),
        ("127.0.0.1:5000/scans", "http://127.0.0.1:5000/v2/"),
        ("localhost.example.org/scans", "https://localhost.example.org/v2/"),
    ],
)
def test_only_this_machine_is_asked_in_the_clear(registry: str, api: str) -> None:
    """Plain HTTP is for loopback, as engines have it."""
    assert preflight.registry_api(registry, {}) == api


def test_a_registry_that_is_named_as_plain_is_asked_in_the_clear() -> None:
    """What pushes and pulls goes by SCANOPS_PLAIN_REGISTRIES, and so does the question before."""
    environ = {"SCANOPS_PLAIN_REGISTRIES": "10.0.9.4:5000,registry.example.org"}
    assert preflight.registry_api("10.0.9.4:5000/scans", environ) == "http://10.0.9.4:5000/v2/"
    assert preflight.registry_api("ghcr.io/me/scans", environ) == "https://ghcr.io/v2/"


def test_a_deployment_needs_an_environment_that_is_there(tmp_path: Path) -> None:
    """A wrong name ends before anything is asked for."""
    (tmp_path / "ansible/inventories/ward").mkdir(parents=True)
    environ = {"ENV": "wrad", "SCANOPS_REMOTE": "x", "GITHUB_TOKEN": "t"}
    with pytest.raises(ConfigError, match="Set ENV to one of: ward"):
        preflight.require("deploy", tmp_path, environ)


@pytest.mark.parametrize("purpose", preflight.SIGNED)
def test_who_writes_into_the_ledger_must_be_known(
    project: Path, answering: str, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    """Not at the end of a retraining, when the candidate is named: before it."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    environ = {
        "REGISTRY": f"{answering}/scans",
        "SCANOPS_REMOTE": str(project / "remote"),
        "MLFLOW_TRACKING_URI": f"http://{answering}",
        "GITHUB_TOKEN": "t",
    }
    with pytest.raises(ConfigError, match="does not know who you are"):
        preflight.require(purpose, project, environ)
