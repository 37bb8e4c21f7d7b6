"""The client that looks at answers, or keeps a pace: pictures over kept connections, in a process of its own.

Prints a JSON line: requests a second, 50th and 95th percentile of the latency in ms, and what failed. With
--rate it sends at that pace whatever comes back, evenly spaced, and latency counts from when a request was
due (so that a stalled service cannot hide it); without, each connection sends when its answer is there. What
a server can take at most is measured with wrk instead, which takes less of the cores that both share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving import posts


@dataclass
class Tally:
    """What came back."""

    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0
    answers: dict[int, str] = field(default_factory=dict)


def main() -> None:
    """Send, and print what came back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("images", type=Path)
    parser.add_argument("--form", choices=("files", "file", "json"), required=True)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--requests", type=int, default=0, help="stop after so many; 0: after the seconds")
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--labels", action="store_true", help="print the class of each picture too")
    options = parser.parse_args()
    made = posts.write(options.images, options.port, options.path, options.form)
    tally = Tally()
    began = time.perf_counter()
    asyncio.run(_load(options, made, tally))
    seconds = time.perf_counter() - began
    middle, high = np.percentile(tally.latencies_s, (50, 95)) * 1e3 if tally.latencies_s else (0.0, 0.0)
    figures: dict[str, Any] = {
        "rate": len(tally.latencies_s) / seconds,
        "p50_ms": float(middle),
        "p95_ms": float(high),
        "answered": len(tally.latencies_s),
        "failures": tally.failures,
    }
    if options.labels:
        figures["labels"] = [tally.answers.get(place, "") for place in range(len(made))]
    print(json.dumps(figures))


class _Turns:
    """Hands out what to send next, to several connections."""

    def __init__(self, options: argparse.Namespace, pictures: int) -> None:
        self._options, self._pictures = options, pictures
        self._began, self._number = time.perf_counter(), 0

    def take(self) -> tuple[int, float] | None:
        """Give the place of the next picture and when it is due; None at the end."""
        number, now = self._number, time.perf_counter()
        if now - self._began >= self._options.seconds or number == (self._options.requests or -1):
            return None
        self._number += 1
        return (
            number % self._pictures,
            self._began + number / self._options.rate if self._options.rate else now,
        )


async def _load(options: argparse.Namespace, made: list[bytes], tally: Tally) -> None:
    turns = _Turns(options, len(made))
    await asyncio.gather(*(_connection(options, made, turns, tally) for _ in range(options.connections)))


async def _connection(options: argparse.Namespace, made: list[bytes], turns: _Turns, tally: Tally) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
    while turn := turns.take():
        place, due = turn
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        writer.write(made[place])
        status, body, kept = await _answer(reader)
        if status == 200:
            tally.latencies_s.append(time.perf_counter() - due)
        else:
            tally.failures += 1
        if options.labels and status == 200:
            tally.answers[place] = _label(json.loads(body))
        if not kept:  # gunicorn's plain workers close every connection
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Read an answer: status, body, and whether the connection is kept."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return int(lines[0].split()[1]), body, headers.get("connection", "").lower() != "close"


def _label(answer: dict[str, Any]) -> str:
    if "predictions" in answer:
        return str(answer["predictions"][0])
    return str(answer["files"][0]["class"] if "files" in answer else answer["class"])


if __name__ == "__main__":
    main()
