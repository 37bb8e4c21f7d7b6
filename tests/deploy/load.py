"""Clients at a steady rate against every gateway, counting every answer that is not 200."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Count:
    """What one gateway's clients saw.

    Attributes:
        sent: Requests.
        faults: Seconds since the start, and what came instead of a 200.
    """

    sent: int = 0
    faults: list[tuple[float, str]] = field(default_factory=list)


@dataclass
class Load:
    """What all clients saw so far, by host."""

    hosts: dict[str, Count]

    @property
    def sent(self) -> int:
        """All requests."""
        return sum(count.sent for count in self.hosts.values())

    @property
    def failed(self) -> int:
        """All that did not get a 200."""
        return sum(len(count.faults) for count in self.hosts.values())


def lost_elsewhere(load: Load, touched: str) -> int:
    """Count the requests that failed on hosts other than one."""
    return sum(len(count.faults) for host, count in load.hosts.items() if host != touched)


@contextmanager
def load(addresses: dict[str, str], authority: Path, golden: Path, rate_hz: float) -> Iterator[Load]:
    """Send golden images to gateways, over kept connections, for the length of a block.

    Args:
        addresses: By host.
        authority: Whose certificates are taken, and no others.
        golden: What is sent.
        rate_hz: Requests a second to each host, by two clients; a client never sends a request twice.

    Yields:
        What is counted, as it grows.
    """
    context = ssl.create_default_context(cafile=str(authority))
    images = [base64.b64decode(case["image"]) for case in json.loads(golden.read_text())["cases"]]
    counts, stop, began = Load({host: Count() for host in addresses}), threading.Event(), time.monotonic()
    lock = threading.Lock()

    def client(host: str, address: str) -> None:
        connection = http.client.HTTPSConnection(address, 443, timeout=20, context=context)
        number, pause_s = 0, 2 / rate_hz
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + pause_s, time.monotonic() - 1)
            body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="s"\r\n\r\n'
            body += images[number % len(images)] + b"\r\n--x--\r\n"
            number += 1
            fault = ""
            try:
                connection.request(
                    "POST", "/v1/predict", body, {"Content-Type": "multipart/form-data; boundary=x"}
                )
                answer = connection.getresponse()
                answer.read()
                fault = "" if answer.status == 200 else f"status {answer.status}"
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                connection.close()
            with lock:
                counts.hosts[host].sent += 1
                if fault:
                    counts.hosts[host].faults.append((time.monotonic() - began, fault))
        connection.close()

    threads = [
        threading.Thread(target=client, args=pair, daemon=True)
        for pair in addresses.items()
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
