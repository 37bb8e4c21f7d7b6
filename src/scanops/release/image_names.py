"""Names of images and repositories, and which registries are spoken to without TLS."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping

from scanops.errors import ConfigError

REPOSITORY = re.compile(r"(?P<host>[^/@\s]+)/(?P<path>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)")
PLAIN = "SCANOPS_PLAIN_REGISTRIES"


def host_and_path(repository: str) -> tuple[str, str]:
    """Take `host[:port]/name` apart.

    Args:
        repository: Where images are pushed to.

    Returns:
        `host[:port]`, and the name there.

    Raises:
        ConfigError: That is no such name.
    """
    named = REPOSITORY.fullmatch(repository)
    if not named or not re.search(r"[.:]|^localhost$", named["host"]):
        remedy = "Give REGISTRY=host[:port]/name, the name in small letters and without a tag"
        raise ConfigError(f"registry {repository!r}", "is no host with a name", remedy)
    return named["host"], named["path"]


def split(reference: str) -> tuple[str, str]:
    """Take `host/name@sha256:…` apart.

    Args:
        reference: An image by its digest.

    Returns:
        The repository and the digest.

    Raises:
        ConfigError: It has no digest.
    """
    repository, _, digest = reference.partition("@")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ConfigError(f"image {reference!r}", "is not named by its digest", "Give host/name@sha256:…")
    return repository, digest


def is_plain(host: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether a registry is spoken to without TLS: on this machine, as engines do, or where named.

    Args:
        host: `name` or `name:port`.
        environ: Its SCANOPS_PLAIN_REGISTRIES names hosts, separated by commas.
    """
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    if host in environ.get(PLAIN, "").split(",") or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
