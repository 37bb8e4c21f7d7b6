"""How often a client may ask: a token bucket each, in bounded memory."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CLIENTS = 10_000


class Buckets:
    """A bucket a client: it holds up to `burst` requests and fills by `rate_per_s`.

    Args:
        rate_per_s: Requests a second that a client may send for ever; 0 bounds nothing.
        burst: Requests that it may send at once, at least 1.
        clock: Seconds from any beginning, never backwards.
    """

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate_per_s, burst, clock
        # Client to what its bucket held at a time. The one that was silent for longest goes first when there
        # are too many: of all, its bucket has had the longest to fill, and a full one need not be kept.
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def bounded(self) -> bool:
        """Whether any client may ever have to wait."""
        return self._rate > 0

    def take(self, client: str) -> float:
        """Take one request out of a client's bucket.

        Args:
            client: Any name for it.

        Returns:
            0 where the request may go on, else the seconds until one may.
        """
        if not self.bounded:
            return 0.0
        now = self._clock()
        held, since = self._held.pop(client, (float(self._burst), now))
        held = min(float(self._burst), held + (now - since) * self._rate)
        granted = held >= 1
        self._held[client] = (held - granted, now)
        if len(self._held) > MOST_CLIENTS:
            self._held.popitem(last=False)
        return 0.0 if granted else (1 - held) / self._rate

    def __len__(self) -> int:
        return len(self._held)


def by_address(host: str | None) -> str:
    """Name a client by its address: in IPv6 by its network of 64 bits, which one client has to itself.

    Args:
        host: The address, or what a proxy has sent for one.

    Returns:
        The name; all that have no address share one.
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "address unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return f"address {address}"
    if address.ipv4_mapped:
        return f"address {address.ipv4_mapped}"
    return f"address {ipaddress.ip_network((int(address) >> 64 << 64, 64))}"
