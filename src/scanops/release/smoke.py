"""Start an image as it will run, send it test images, and compare its answers with `evaluate`'s."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scanops.errors import VerdictError
from scanops.release.engine import Engine, EngineError, last_lines
from scanops.release.hardening import PORT, run_options

TOLERANCE = 1e-5  # of a probability
FILES_PER_REQUEST = 1  # the largest file that the service takes fits into a request
ANSWER_TIMEOUT_S = 120


@dataclass(frozen=True)
class Case:
    """One test image with the answer that it must get.

    Attributes:
        name: What to call it in a message.
        data: The bytes of its file.
        prediction: The class that `evaluate` recorded.
        probabilities: The probability of each class that `evaluate` recorded.
        why: The reason to abstain that `evaluate` recorded, None where the answer stands.
    """

    name: str
    data: bytes
    prediction: str
    probabilities: dict[str, float]
    why: str | None = None


@dataclass(frozen=True)
class Result:
    """What a smoke test saw.

    Attributes:
        ready_seconds: From the start of the container to its first ready answer.
        images: How many answers were compared.
        largest_difference: Of any probability.
        mismatches: What differed, in words; empty when all agree.
    """

    ready_seconds: float
    images: int
    largest_difference: float
    mismatches: tuple[str, ...]


@contextmanager
def running(engine: Engine, reference: str, ready_timeout_s: float) -> Iterator[tuple[int, float]]:
    """Run an image, hardened, for the length of a block.

    Args:
        engine: The engine that has it.
        reference: The image.
        ready_timeout_s: How long it may take to become ready.

    Yields:
        The port on 127.0.0.1, and the seconds that it took to become ready.

    Raises:
        VerdictError: It ended, or did not become ready.
    """
    name = f"scanops-smoke-{secrets.token_hex(6)}"
    began = time.monotonic()
    try:
        engine.start(reference, name, run_options(engine, "127.0.0.1:"))
        port = _wait(engine, name, reference, began + ready_timeout_s)
        yield port, time.monotonic() - began
    finally:
        engine.remove(name)


def smoke(engine: Engine, reference: str, cases: Sequence[Case], ready_timeout_s: float) -> Result:
    """Compare a running image's answers with the recorded ones.

    Args:
        engine: The engine that has it.
        reference: The image.
        cases: What to send, and what to expect.
        ready_timeout_s: How long it may take to become ready.

    Returns:
        What was seen; the container is gone.

    Raises:
        VerdictError: It did not become ready, or refused a request.
    """
    answers: list[dict[str, Any]] = []
    with running(engine, reference, ready_timeout_s) as (port, ready_seconds):
        for start in range(0, len(cases), FILES_PER_REQUEST):
            chunk = cases[start : start + FILES_PER_REQUEST]
            answers += predict(port, reference, [case.data for case in chunk])
    mismatches, largest = compare(cases, answers)
    return Result(ready_seconds, len(cases), largest, tuple(mismatches))


def compare(cases: Sequence[Case], answers: Sequence[dict[str, Any]]) -> tuple[list[str], float]:
    """Hold answers against what was recorded.

    Args:
        cases: What is expected.
        answers: Entries of `files` in the service's answer, in the same order.

    Returns:
        What differs, in words, and the largest difference of any probability.
    """
    mismatches, largest = [], 0.0
    if len(answers) != len(cases):
        mismatches.append(f"{len(answers)} answers to {len(cases)} images")
    for case, answer in zip(cases, answers, strict=False):
        if answer["error"]:
            mismatches.append(f"{case.name}: {answer['error']['detail']}")
            continue
        given = answer["probabilities"]
        if set(given) != set(case.probabilities):
            mismatches.append(f"{case.name}: answered for the classes {', '.join(given)}")
            continue
        difference = max(abs(given[name] - value) for name, value in case.probabilities.items())
        largest = max(largest, difference)
        if answer["class"] != case.prediction:
            mismatches.append(f"{case.name}: {answer['class']}, recorded was {case.prediction}")
        elif answer.get("why") != case.why:
            mismatches.append(f"{case.name}: abstains for {answer.get('why')}, recorded was {case.why}")
        elif not difference <= TOLERANCE:  # a NaN fails too
            mismatches.append(f"{case.name}: a probability differs by {difference:.2g}")
    return mismatches, largest


def _wait(engine: Engine, name: str, reference: str, deadline: float) -> int:
    port = 0
    while time.monotonic() < deadline:
        try:
            port = port or engine.port(name, PORT)
            if _request(port, "GET", "/readyz", timeout_s=2)[0] == 200:
                return port
        except (EngineError, OSError, http.client.HTTPException):
            pass  # not up yet; whether it ever will is asked next
        if not engine.is_running(name):
            break
        time.sleep(0.1)
    said = last_lines(engine.logs(name))
    raise VerdictError(f"image {reference}", f"did not become ready ({said})", "Correct it, then build again")


def predict(port: int, reference: str, files: Sequence[bytes]) -> list[dict[str, Any]]:
    """Send files to a service on this machine.

    Args:
        port: On 127.0.0.1.
        reference: What to call it in a message.
        files: Bytes of images.

    Returns:
        Entries of `files` in its answer.

    Raises:
        VerdictError: It answered with an error.
    """
    boundary = secrets.token_hex(16)
    head = 'Content-Disposition: form-data; name="files"; filename="scan"\r\n\r\n'
    body = b"".join(f"--{boundary}\r\n{head}".encode() + data + b"\r\n" for data in files)
    body += f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, answer = _request(port, "POST", "/v1/predict", body, headers, ANSWER_TIMEOUT_S)
    if status != 200:
        fault = f"answered {status}: {answer[:300].decode(errors='replace')}"
        raise VerdictError(f"image {reference}", fault, "Correct it, then build again")
    return list(json.loads(answer)["files"])


def _request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 10,
) -> tuple[int, bytes]:
    # http.client rather than urllib: no proxy of the environment gets between us and this machine.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
