"""What an operator sets: each as a flag of `python -m scanops.serving`, or by its environment variable."""

from __future__ import annotations

import argparse
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from scanops.errors import ConfigError
from scanops.serving.addresses import AllowList
from scanops.serving.limits import Limits
from scanops.serving.patience import Patience

_FLAGS = {
    "tokens": ("FILE", "file of lines `name:hash`; empty lets everybody in", ""),
    "rate": ("N", "requests a second that a client may send for ever; 0 bounds nothing", "0"),
    "burst": ("N", "requests that a client may send at once", "20"),
    "trusted-proxies": ("LIST", "addresses or networks whose X-Forwarded-For is believed", ""),
    "url-hosts": ("LIST", "hosts that POST /v1/predict-url may ask; empty switches it off", ""),
    "connections": ("N", "open connections", str(Patience.connections)),
    "head-seconds": ("N", "time for the head of a request to arrive", f"{Patience.head_s:g}"),
    "body-seconds": ("N", "time for the body of a request to arrive", f"{Limits.body_timeout_s:g}"),
}
VARIABLES = {name: f"SCANOPS_{name.upper().replace('-', '_')}" for name in _FLAGS}


@dataclass(frozen=True)
class Options:
    """Who may ask what, how often, and for how long.

    Attributes:
        tokens: File of token hashes, see `tokens.Tokens`; None lets everybody in.
        rate_per_s: Requests a second and client; 0 bounds nothing.
        burst: Requests of a client at once.
        trusted_proxies: Those whose X-Forwarded-For is believed, separated by commas; empty believes none.
        url_hosts: What may be fetched from, see `addresses.AllowList`.
        patience: Bounds on connections.
        body_s: Time for a body to arrive.
    """

    tokens: Path | None = None
    rate_per_s: float = 0.0
    burst: int = 20
    trusted_proxies: str = ""
    url_hosts: AllowList = AllowList("")  # noqa: RUF009 -- it is not changed once it is made
    patience: Patience = Patience()  # noqa: RUF009 -- frozen
    body_s: float = Limits.body_timeout_s


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags, with the environment's values as their defaults.

    Args:
        parser: The command's.
    """
    for name, (shown, told, default) in _FLAGS.items():
        value = os.environ.get(VARIABLES[name], default)
        parser.add_argument(f"--{name}", default=value, metavar=shown, help=f"{told} ({VARIABLES[name]})")


def read(given: argparse.Namespace) -> Options:
    """Check what was given.

    Args:
        given: The parsed flags.

    Returns:
        The options.

    Raises:
        ConfigError: One is out of range.
    """
    head_s = _number("head-seconds", given.head_seconds, 0.1, 600)
    connections = int(_number("connections", given.connections, 1, 100_000))
    return Options(
        tokens=Path(given.tokens) if given.tokens else None,
        rate_per_s=_number("rate", given.rate, 0, 1_000_000),
        burst=int(_number("burst", given.burst, 1, 1_000_000)),
        trusted_proxies=_networks(given.trusted_proxies),
        url_hosts=AllowList(given.url_hosts),
        patience=Patience(head_s=head_s, connections=connections),
        body_s=_number("body-seconds", given.body_seconds, 0.1, 3600),
    )


def from_environment() -> Options:
    """Read the environment alone, where there is no command line.

    Returns:
        The options.

    Raises:
        ConfigError: One is out of range.
    """
    parser = argparse.ArgumentParser()
    add(parser)
    return read(parser.parse_args([]))


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise ConfigError(f"--{name} {text}", "is out of range", f"Give {least:g} to {most:,.0f}")
    return value


def _networks(text: str) -> str:
    for entry in filter(None, (one.strip() for one in text.split(","))):
        try:
            ipaddress.ip_network(entry)
        except ValueError as error:
            remedy = "Give addresses, or networks such as 10.1.0.0/16"
            raise ConfigError(f"--trusted-proxies {entry}", "is no address", remedy) from error
    return text
