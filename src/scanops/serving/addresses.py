"""Which hosts the service may fetch from, and at which addresses they may be."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanops.errors import ConfigError
from scanops.serving.problems import ProblemError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[!-~]{1,2048}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# What IPv6 routes to the public; all else wraps an IPv4 address, or stays inside.
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
# Networks that `is_global` lets through although they lead inside: those that wrap an IPv4 address (6to4,
# Teredo), the IETF's own, and the address where Azure answers its own machines.
_INSIDE = tuple(
    ipaddress.ip_network(one) for one in ("2002::/16", "2001::/32", "192.0.0.0/24", "168.63.129.16/32")
)


@dataclass(frozen=True)
class Place:
    """Where a URL leads, taken apart.

    Attributes:
        scheme: `http` or `https`.
        host: Name or address, in lower case, without brackets.
        port: From 1 to 65535.
        target: Path and query, as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str


class AllowList:
    """The hosts that may be asked.

    An entry is `host`, `host:port` or `http://host:port`: https unless it says otherwise, and exactly that
    port. An entry that is an address, or a network such as `10.1.0.0/16`, allows hosts to be there although
    it is a private one; all other private, loopback, link-local, metadata and multicast addresses are
    refused, whatever a name resolves to.

    Args:
        entries: As above, separated by commas; empty allows nothing.

    Raises:
        ConfigError: An entry is none of these, or there are networks and no host.
    """

    def __init__(self, entries: str) -> None:
        self._origins: set[tuple[str, str, int]] = set()
        self._networks: list[Network] = []
        for entry in filter(None, (one.strip() for one in entries.split(","))):
            self._add(entry)
        if self._networks and not self._origins:
            remedy = "Name the hosts too: a network only permits where a listed host may lie"
            raise ConfigError(f"allowed hosts {entries.strip()}", "are networks alone", remedy)

    def __bool__(self) -> bool:
        return bool(self._origins)

    def _add(self, entry: str) -> None:
        try:
            network = ipaddress.ip_network(entry)
        except ValueError:
            network = None
        if network and "/" in entry:
            self._networks.append(network)
            return
        url = f"https://[{entry}]" if network and network.version == 6 else entry
        try:
            place = _split(url if "://" in url else f"https://{url}")
        except ProblemError as error:
            remedy = "Give host, host:port, http://host:port, an address or a network"
            raise ConfigError(f"allowed host {entry}", "is none", remedy) from error
        if place.target != "/":
            raise ConfigError(f"allowed host {entry}", "names a path", "Leave the path out")
        self._origins.add((place.scheme, place.host, place.port))
        literal = _address(place.host)
        if literal:
            self._networks.append(ipaddress.ip_network(literal))

    def require(self, url: str) -> Place:
        """Hold a URL against the list.

        Args:
            url: As a client sent it.

        Returns:
            Its parts.

        Raises:
            ProblemError: 403, it is no URL, or its host is not on the list.
        """
        place = _split(url)
        if (place.scheme, place.host, place.port) not in self._origins:
            raise ProblemError(
                403, "The URL's scheme, host and port are not on this service's list; send the file."
            )
        return place

    async def resolve(self, place: Place) -> str:
        """Look a host up once; what is connected to is the address given here, and never looked up again.

        Args:
            place: What `require` gave.

        Returns:
            An address that may be asked.

        Raises:
            ProblemError: 403, there is none, or one of them may not be asked.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ProblemError(
                403, "The URL's host has no address; see whether it is spelt rightly."
            ) from error
        addresses = [str(entry[4][0]) for entry in found]
        # All of them: a name that also leads inside is not to be tried until it does.
        if not addresses or not all(self.permits(one) for one in addresses):
            raise ProblemError(
                403, "The URL's host is at an address that this service does not ask; send the file."
            )
        return addresses[0]

    def permits(self, text: str) -> bool:
        """Tell whether an address may be asked.

        Args:
            text: IPv4 or IPv6.
        """
        address = _address(text)
        if address is None:
            return False
        if any(address in network for network in self._networks):
            return True
        return (
            address.is_global
            and not address.is_multicast
            and (address.version == 4 or address in _PUBLIC_V6)
            and not any(address in network for network in _INSIDE)
        )


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # An IPv4 address in IPv6's clothes is judged as what it is.
    return getattr(address, "ipv4_mapped", None) or address


def _split(url: str) -> Place:
    # urlsplit drops tabs and line ends instead of refusing them.
    if not _PRINTABLE.fullmatch(url):
        raise ProblemError(403, "This is no URL of up to 2,048 printable ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ProblemError(403, "This is no URL.") from error
    host = (parts.hostname or "").removesuffix(".")
    if "@" in parts.netloc or "\\" in url or not (_HOST.fullmatch(host) or _address(host)):
        raise ProblemError(403, "The URL has a user, or no plain host.")
    if parts.scheme not in PORTS:
        raise ProblemError(403, "The URL is neither https nor http.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, PORTS[parts.scheme] if port is None else port, target)
