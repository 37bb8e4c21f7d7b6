"""Before automation starts: what must be set from outside, and what must answer; all of it in one list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import requests

from scanops.errors import ConfigError, OutsideError
from scanops.release import cache_remote, playbook
from scanops.release.addresses import hide_password
from scanops.release.git import Git
from scanops.release.image_names import is_plain

TIMEOUT_S = 15
MEANING = {
    "REGISTRY": "where images are pushed: host/name",
    "SCANOPS_REMOTE": "the DVC remote: s3://…, gs://…, azure://…, ssh://…, or a folder",
    "MLFLOW_TRACKING_URI": "the tracking server: https://…",
    "GITHUB_TOKEN": "a token that may write contents and pull requests",
    "ENV": "the environment: a folder of ansible/inventories",
    "STORE": "where the service keeps what drift is measured on",
}
NEEDED = {
    "retrain": ("REGISTRY", "SCANOPS_REMOTE", "MLFLOW_TRACKING_URI", "GITHUB_TOKEN"),
    "promote": ("REGISTRY", "SCANOPS_REMOTE", "MLFLOW_TRACKING_URI", "GITHUB_TOKEN"),
    "deploy": ("ENV", "SCANOPS_REMOTE", "GITHUB_TOKEN"),
    "drift": ("STORE", "SCANOPS_REMOTE", "GITHUB_TOKEN"),
}

# What writes into the ledger, which says who did it.
SIGNED = ("retrain", "promote")


def require(purpose: str, root: Path, environ: Mapping[str, str]) -> list[str]:
    """Look at everything that a piece of automation needs from outside.

    Args:
        purpose: A key of `NEEDED`.
        root: The project's folder.
        environ: Where variables and secrets are.

    Returns:
        Names of what is set, in order.

    Raises:
        ConfigError: Variables are missing: all of them are named; or git knows no author for the ledger.
        OutsideError: Parts do not answer: all of them are named.
    """
    names = NEEDED[purpose]
    missing = [name for name in names if not environ.get(name)]
    if missing:
        told = "; ".join(f"{name} ({MEANING[name]})" for name in missing)
        remedy = "Set them as variables and secrets; docs/operations.md says where"
        raise ConfigError(f"preflight for {purpose}", f"not set: {told}", remedy)
    if purpose == "deploy":
        playbook.require_environment(root, environ["ENV"])
    if purpose in SIGNED:
        Git(root).author()
    away = [fault for name in names for fault in _away(name, root, environ)]
    if away:
        raise OutsideError(f"preflight for {purpose}", "; ".join(away), "Start them, then run again")
    return list(names)


def _away(name: str, root: Path, environ: Mapping[str, str]) -> list[str]:
    if name == "SCANOPS_REMOTE":
        cache_remote.configure(root, environ)
        try:
            cache_remote.require_answer(root)
        except OutsideError as error:
            return [f"{error.subject} {error.fault}"]
        return []
    if name == "MLFLOW_TRACKING_URI" and environ[name].startswith(("http://", "https://")):
        return _silent("tracking server", environ[name].rstrip("/") + "/health")
    if name == "REGISTRY":
        return _silent("registry", registry_api(environ[name], environ))
    return []


def registry_api(registry: str, environ: Mapping[str, str]) -> str:
    """Give the address that a registry answers at; plain HTTP as `image_names.is_plain` says.

    Args:
        registry: `host/name`, the host with or without a port.
        environ: Its SCANOPS_PLAIN_REGISTRIES names hosts without TLS.

    Returns:
        The address of its API.
    """
    host = registry.partition("/")[0]
    scheme = "http" if is_plain(host, environ) else "https"
    return f"{scheme}://{host}/v2/"


def _silent(what: str, url: str) -> list[str]:
    """Ask; an answer of any kind is one, as only who is logged in gets another one than 401."""
    try:
        requests.get(url, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        return [f"{what} {hide_password(url)} does not answer ({type(error).__name__})"]
    return []
