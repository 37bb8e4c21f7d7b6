"""Answer a registry's challenge with what `docker login` has stored, credential helpers included."""

from __future__ import annotations

import base64
from typing import Any

import requests
from docker.errors import DockerException
from requests.utils import parse_dict_header

from docker import auth as docker_login
from scanops.errors import ConfigError, OutsideError

TIMEOUT_S = (5, 30)


def answer(session: requests.Session, host: str, challenge: str) -> str:
    """Turn a challenge into a header.

    Args:
        session: Speaks to the server that hands out tokens.
        host: The registry's, as `docker login` was told.
        challenge: The header `WWW-Authenticate`.

    Returns:
        The header `Authorization`: name and password, or the token that they are good for; empty where
        nobody is logged in and no token is to be had without.

    Raises:
        ConfigError: The stored login cannot be read.
        OutsideError: The challenge names nobody to ask.
    """
    scheme, _, rest = challenge.partition(" ")
    login = _stored(host)
    basic = (login["username"], login["password"]) if login.get("username") else None
    if scheme.lower() != "bearer":
        return "Basic " + base64.b64encode(":".join(basic).encode()).decode() if basic else ""
    asked = parse_dict_header(rest)
    if "realm" not in asked:
        raise OutsideError(
            f"registry {host}", f"asks for a login in no known way ({challenge})", "Look at it"
        )
    scope = {name: asked[name] for name in ("service", "scope") if name in asked}
    answered = session.get(asked["realm"], params=scope, auth=basic, timeout=TIMEOUT_S)
    held = answered.json() if answered.ok else {}
    token = held.get("token") or held.get("access_token")
    return f"Bearer {token}" if token else ""


def _stored(host: str) -> dict[str, Any]:
    try:
        found = docker_login.load_config().resolve_authconfig(host) or {}
        return {name.lower(): value for name, value in found.items()}  # helpers write them large
    except DockerException as error:
        fault = f"cannot be read ({error})"
        raise ConfigError(f"login for {host}", fault, "Log in again with `docker login`") from error
