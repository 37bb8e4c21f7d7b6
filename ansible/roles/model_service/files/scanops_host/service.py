"""Ask a running version: is it ready, is it the right one, does it answer as evaluated, and how fast."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops_host import engine
from scanops_host.faults import usage, verdict
from scanops_host.judgement import Timing, judge
from scanops_host.settings import Settings

ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Golden:
    """Images with the answers that `evaluate` recorded.

    Attributes:
        bundle_sha256: The model that they belong to.
        cases: Each with `name`, `image` (base64), `prediction`, `probabilities` and `why`.
    """

    bundle_sha256: str
    cases: list[dict[str, Any]]

    def body(self, index: int) -> tuple[bytes, dict[str, str]]:
        """Return the request of one case, in turn: its body and its headers."""
        case = self.cases[index % len(self.cases)]
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="scan"\r\n\r\n'
        data = head.encode() + base64.b64decode(case["image"]) + f"\r\n--{boundary}--\r\n".encode()
        return data, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def read_golden(settings: Settings, digest: str) -> Golden:
    """Read the golden images of a version.

    Args:
        settings: Where they lie.
        digest: The version.

    Returns:
        At least one case.
    """
    path = golden_path(settings, digest)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        golden = Golden(found["bundle_sha256"], found["cases"])
    except (OSError, ValueError, KeyError) as error:
        raise usage(f"{path}: holds no golden images ({error}). Run the deployment again") from error
    if not golden.cases:
        raise usage(f"{path}: holds no case. Make it again with `make golden`")
    return golden


def golden_path(settings: Settings, digest: str) -> Path:
    """Return where a version's golden images lie."""
    return settings.state / "golden" / f"{digest.replace(':', '-')}.json"


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> tuple[int, bytes]:
    """Send one request to this host; no proxy gets between."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_ready(port: int, timeout_s: float = 2) -> bool:
    """Say whether a port answers `/readyz` with 200."""
    try:
        return request(port, "GET", "/readyz", timeout_s=timeout_s)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_ready(settings: Settings, slot: str) -> float:
    """Wait until a slot is ready.

    Args:
        settings: Give port and patience.
        slot: Which.

    Returns:
        Seconds that it took.
    """
    began = time.monotonic()
    while time.monotonic() < began + settings.ready_timeout_s:
        if is_ready(settings.slots[slot]):
            return time.monotonic() - began
        found = engine.container(settings, slot)
        if found is None or not found.running or found.restarts:
            raise verdict(
                f"readiness: it ended after {time.monotonic() - began:.1f} s ({_said(settings, slot)})"
            )
        time.sleep(0.2)
    raise verdict(f"readiness: not ready within {settings.ready_timeout_s:g} s ({_said(settings, slot)})")


def _said(settings: Settings, slot: str) -> str:
    return engine.logs(f"{settings.name}-{slot}")


def require_version(settings: Settings, slot: str, golden: Golden) -> None:
    """Hold `/version` against the image's label and the golden images' model."""
    found = engine.container(settings, slot)
    labelled = found.bundle_sha256 if found else ""
    status, data = _ask(settings.slots[slot], "GET", "/version")
    try:
        told = json.loads(data)["model"]["bundle_sha256"] if status == 200 else f"status {status}"
    except (ValueError, KeyError, TypeError) as error:
        raise verdict("version: /version names no model") from error
    if not told == labelled == golden.bundle_sha256:
        raise verdict(
            f"version: /version says {told[:12]}, the image's label {labelled[:12] or 'nothing'}, the golden "
            f"images {golden.bundle_sha256[:12]}"
        )


def require_golden(settings: Settings, slot: str, golden: Golden) -> None:
    """Hold the answers to the golden images against the recorded ones."""
    for index, case in enumerate(golden.cases):
        status, data = _ask(settings.slots[slot], "POST", "/v1/predict", *golden.body(index))
        if status != 200:
            raise verdict(f"golden image {case['name']}: answered with status {status}")
        try:
            answer = json.loads(data)["files"][0]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise verdict(f"golden image {case['name']}: the answer is no answer") from error
        if fault := _differs(case, answer, settings.tolerance):
            raise verdict(f"golden image {case['name']}: {fault}")


def _ask(port: int, method: str, path: str, *rest: Any) -> tuple[int, bytes]:
    try:
        return request(port, method, path, *rest)
    except (OSError, http.client.HTTPException) as error:
        raise verdict(f"{method} {path}: no answer ({error})") from error


def _differs(case: dict[str, Any], answer: dict[str, Any], tolerance: float) -> str | None:
    if answer.get("error"):
        return f"refused ({answer['error']})"
    given, recorded = answer.get("probabilities") or {}, case["probabilities"]
    if set(given) != set(recorded):
        return "answered for other classes"
    if answer.get("class") != case["prediction"]:
        return f"{answer.get('class')}, recorded was {case['prediction']}"
    if answer.get("why") != case.get("why"):
        return f"abstains for {answer.get('why')}, recorded was {case.get('why')}"
    difference = max(abs(given[name] - value) for name, value in recorded.items())
    # A NaN fails too.
    return None if difference <= tolerance else f"a probability differs by {difference:.2g}"


def time_one(port: int, golden: Golden, index: int, timing: Timing) -> None:
    """Send one golden image, and count what comes back."""
    began = time.monotonic()
    timing.sent += 1
    try:
        status = request(port, "POST", "/v1/predict", *golden.body(index))[0]
    except (OSError, http.client.HTTPException):
        status = 599
    timing.failed += status >= 500
    timing.seconds.append(time.monotonic() - began)


def rehearse(
    settings: Settings, slot: str, golden: Golden, other: str | None
) -> tuple[Timing, Timing | None]:
    """Time a version before it serves anybody, in turn with the one that serves now.

    Args:
        settings: How often, and what is too much.
        slot: The version's.
        golden: What is sent.
        other: The slot that serves, None at the first deployment.

    Returns:
        What was counted, of both.
    """
    new, old = Timing(0, 0, []), Timing(0, 0, []) if other else None
    for attempt in range(2):
        new = Timing(0, 0, [])
        old = Timing(0, 0, []) if other else None
        for index in range(settings.rehearsal_requests):
            time_one(settings.slots[slot], golden, index, new)
            if other and old:
                time_one(settings.slots[other], golden, index, old)
        fault = judge(settings, new, old.p95_ms if old else None)
        if fault is None:
            break
        # Errors are believed at once; slowness only when it is seen twice, as a busy host can be slow itself.
        if fault.startswith("error rate") or attempt:
            raise verdict(f"rehearsal: {fault}")
    return new, old
