"""Fetch one image from an allowed host, within bounds of size and time, and follow nothing."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Iterable
from typing import Any

from scanops.serving.addresses import PORTS, AllowList, Place
from scanops.serving.limits import MIB
from scanops.serving.problems import ProblemError
from scanops.serving.room import RequestRoom


async def fetch(
    url: str, allowed: AllowList, held: RequestRoom, most_bytes: int, timeout_s: float
) -> bytearray:
    """Fetch what a URL leads to.

    No header, cookie or token of the client goes with it; no redirect is followed; proxies named in the
    environment are not used, so that the address that was checked is the one that answers.

    Args:
        url: As a client sent it.
        allowed: What may be asked.
        held: The request's part of the room, which the answer takes.
        most_bytes: Larger answers are refused, by their declared length or as they arrive.
        timeout_s: For all of it, names and handshakes included.

    Returns:
        The body of an answer of status 200.

    Raises:
        ProblemError: 403 not allowed, 413 too large, 422 not to be had, 503 all bodies together are too
            large.
    """
    # Loaded by the first call: it takes a while, and most services never fetch.
    import httpcore  # noqa: PLC0415 -- as said

    place = allowed.require(url)
    try:
        async with asyncio.timeout(timeout_s):
            return await _get(place, await allowed.resolve(place), held, most_bytes)
    except TimeoutError as error:
        raise ProblemError(
            422, f"The URL's host did not answer within {timeout_s:g} s; try again, or send the file."
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        raise ProblemError(
            422, f"The URL's host could not be asked ({type(error).__name__}); send the file."
        ) from error


async def _get(place: Place, address: str, held: RequestRoom, most_bytes: int) -> bytearray:
    import httpcore  # noqa: PLC0415 -- see `fetch`

    # Read from the disk once, and beside the loop: certificates take a while.
    context = await asyncio.to_thread(_authorities) if place.scheme == "https" else None
    pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=_pinned(address))
    url = httpcore.URL(scheme=place.scheme, host=_host(place), port=place.port, target=place.target)
    headers = [("host", host_header(place)), ("accept-encoding", "identity"), ("user-agent", "scanops")]
    # An address of IPv6 is in brackets in a URL, and without them in a certificate.
    held_to = {"sni_hostname": place.host}
    async with pool, pool.stream("GET", url, headers=headers, extensions=held_to) as response:
        if response.status != 200:
            detail = "redirects, which is not followed" if 300 <= response.status < 400 else "has no image"
            raise ProblemError(422, f"The URL {detail} (status {response.status}).")
        told = {name.lower(): value for name, value in response.headers}
        if told.get(b"content-encoding", b"identity") != b"identity":
            raise ProblemError(
                422, "The URL's host compresses its answer although it was asked not to; send the file."
            )
        length = told.get(b"content-length", b"0")
        if length.isdigit() and int(length[:12]) > most_bytes:
            raise _too_large(most_bytes)
        body = bytearray()
        async for chunk in held.metered(response.aiter_stream()):
            body += chunk
            if len(body) > most_bytes:
                raise _too_large(most_bytes)
        return body


def host_header(place: Place) -> str:
    """Give the header `Host` (RFC 9110, section 7.2): the port is left out where it is the scheme's own.

    Args:
        place: Where a URL leads.
    """
    return _host(place) if place.port == PORTS[place.scheme] else f"{_host(place)}:{place.port}"


def _host(place: Place) -> str:
    return f"[{place.host}]" if ":" in place.host else place.host


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Trust the system's certificates, and SSL_CERT_FILE: a hospital's own authority counts."""
    return ssl.create_default_context()


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        413, f"What the URL leads to is larger than {most_bytes // MIB} MiB; send a smaller one."
    )


def _pinned(address: str) -> Any:
    """Make a network of one address, whatever host is asked for; TLS still checks the host's name."""
    import httpcore  # noqa: PLC0415 -- see `fetch`

    class Pinned(httpcore.AsyncNetworkBackend):
        async def connect_tcp(
            self,
            host: str,  # noqa: ARG002 -- whatever it is
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            network = httpcore.AnyIOBackend()
            return await network.connect_tcp(address, port, timeout, local_address, socket_options)

    return Pinned()
