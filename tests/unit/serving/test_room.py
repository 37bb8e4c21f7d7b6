"""How much one process takes in, and what it says when it is full."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from scanops.bundle.predictor import Predictor
from scanops.imaging import Pixels
from scanops.serving import bodies
from scanops.serving.addresses import AllowList
from scanops.serving.app import create_app
from scanops.serving.limits import MIB, Limits
from scanops.serving.options import Options
from scanops.serving.problems import ProblemError
from scanops.serving.room import Room
from tests.bundles import make_bundle
from tests.patience import PATIENCE_S
from tests.served import wait_ready
from tests.unit.serving.test_app import is_problem, parts, png


def test_what_was_held_is_given_back() -> None:
    """Requests, bodies and pictures leave no trace, also after an error."""
    room = Room(Limits(requests=1, queue=2))
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.hold_request(), room.hold_pictures(2):
            raise ZeroDivisionError
    assert (room.requests, room.pictures, room.body_bytes) == (0, 0, 0)


def test_one_request_too_many_is_told_to_come_again() -> None:
    """503 with Retry-After, before its body is read."""
    room = Room(Limits(requests=1))
    with room.hold_request(), pytest.raises(ProblemError) as told, room.hold_request():
        pass
    assert told.value.status == 503
    assert told.value.headers == {"retry-after": "1"}


def test_pictures_beyond_the_queue_wait_outside() -> None:
    """A request whose pictures do not fit beside the others is refused; one alone always fits."""
    room = Room(Limits(queue=4))
    with room.hold_pictures(10), pytest.raises(ProblemError), room.hold_pictures(1):
        pass
    with room.hold_pictures(3):
        with room.hold_pictures(1):
            pass
        with pytest.raises(ProblemError), room.hold_pictures(2):
            pass


def test_bodies_are_counted_together() -> None:
    """Many bodies of a permitted size cannot fill the memory: the one that passes the sum is refused."""
    room = Room(Limits(bodies_bytes=250))

    async def body() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"x" * 100

    async def read() -> None:
        with room.hold_request() as first, room.hold_request() as second:
            assert [len(chunk) async for chunk in first.metered(body())] == [100, 100]
            with pytest.raises(ProblemError):
                assert [chunk async for chunk in second.metered(body())]
        assert room.body_bytes == 0

    asyncio.run(read())


def test_a_full_queue_answers_503_and_then_serves_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP: while all places are taken the next is refused at once, and after that one is answered."""
    hold, inside, answer = Event(), Event(), Predictor.answer

    def slow(self: Predictor, batch: Pixels, *, maps: bool = False) -> object:
        inside.set()
        assert hold.wait(PATIENCE_S)
        return answer(self, batch, maps=maps)

    with TestClient(create_app(make_bundle(tmp_path / "bundle"), Limits(queue=2))) as client:
        wait_ready(client)
        monkeypatch.setattr(Predictor, "answer", slow)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.post, "/v1/predict", files=parts(png(), png()))
            assert inside.wait(PATIENCE_S)
            refused = client.post("/v1/predict", files=parts(png()))
            assert is_problem(refused, 503)
            assert refused.headers["retry-after"] == "1"
            assert client.get("/healthz").status_code == 200
            hold.set()
            assert first.result().status_code == 200
        assert client.post("/v1/predict", files=parts(png())).status_code == 200


def service(folder: Path, limits: Limits) -> FastAPI:
    """Make a service with all of its routes."""
    return create_app(make_bundle(folder / "bundle"), limits, Options(url_hosts=AllowList("https://h.org")))


BODIES: dict[str, dict[str, Any]] = {
    "/v1/predict": {"files": parts(png())},
    "/v1/explain": {"files": parts(png())},
    "/v1/preview": {"files": parts(png())},
    "/v1/predict-url": {"json": {"url": "https://h.org/scan.png"}},
    "/v2/models/scanops/infer": {"content": bytes(100), "headers": {"content-type": "application/json"}},
}


@pytest.mark.parametrize("path", BODIES)
def test_every_route_that_takes_a_body_takes_room(tmp_path: Path, path: str) -> None:
    """None reads one beside the bounds: neither one request too many, nor one byte of all bodies."""
    app = service(tmp_path, Limits(requests=1, bodies_bytes=10))
    room: Room = app.state.service.room
    with TestClient(app) as client:
        wait_ready(client)
        ask: partial[httpx.Response] = partial(client.post, path, **BODIES[path])
        with room.hold_request():
            assert is_problem(ask(), 503)
        refused = ask()
        assert is_problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert (room.requests, room.body_bytes) == (0, 0)


def test_a_body_is_in_memory_once() -> None:
    """What the room counts is what is there: no second copy when the body is whole."""
    chunk, count = bytes(MIB), 16

    async def read() -> int:
        left = count

        async def receive() -> dict[str, object]:
            nonlocal left
            left -= 1
            return {"type": "http.request", "body": chunk, "more_body": left > 0}

        room = Room(Limits())
        with room.hold_request() as held:
            body = await bodies.read(Request({"type": "http", "headers": []}, receive), held, 64 * MIB, 60)
            assert len(body) == room.body_bytes == count * MIB
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        assert asyncio.run(read()) < 1.5 * count * MIB
    finally:
        tracemalloc.stop()
