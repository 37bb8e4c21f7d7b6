"""`make audit` passes when a service knew everything and found nothing, and never otherwise.

The advisory service here is a stand-in on loopback that speaks OSV's protocol: the public ones are not in
reach of every machine, and their answers change. pip-audit is the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from scanops.errors import OutsideError
from scanops.release import audit

ROOT = Path(__file__).parents[2]
ADVISORY = {
    "id": "PYSEC-2099-1",
    "aliases": ["CVE-2099-1"],
    "summary": "planted",
    "affected": [
        {
            "package": {"name": "pillow", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Osv(BaseHTTPRequestHandler):
    """Answers a query as OSV does: what is planted for a package, or nothing."""

    planted: ClassVar[dict[str, Any]] = {}
    status = 200

    def do_POST(self) -> None:
        """Answer one query."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps(self.planted.get(asked["package"]["name"], {})).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of a service that knows of nothing bad."""
    monkeypatch.setattr(Osv, "planted", {})
    monkeypatch.setattr(Osv, "status", 200)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Give a lock file of two distributions."""
    lines = [f"{name}==1.0 --hash=sha256:{'0' * 64}" for name in ("pillow", "numpy")]
    (tmp_path / "lock.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "lock.txt"


def run(lock: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "pipelines.audit", str(lock)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "SCANOPS_OSV_URL": url, "NO_PROXY": "127.0.0.1"},
    )


def test_nothing_known_passes(lock: Path, osv: str) -> None:
    """It says how many it asked about, and whom."""
    done = run(lock, osv)
    assert done.returncode == 0, done.stderr
    assert f"2 distributions, 0 known vulnerabilities ({osv})" in done.stdout


def test_a_known_vulnerability_ends_with_3(lock: Path, osv: str) -> None:
    """The distribution, the advisory and the version that is free of it are named."""
    Osv.planted = {"pillow": {"vulns": [ADVISORY]}}
    done = run(lock, osv)
    assert done.returncode == 3
    assert "pillow 1.0: PYSEC-2099-1, CVE-2099-1, fixed in 99.1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("away", [True, False])
def test_no_answer_is_no_pass(away: bool, lock: Path, osv: str) -> None:
    """A service that fails, or is not there, ends with 4 and is named."""
    Osv.status = 500
    done = run(lock, "http://127.0.0.1:9/v1/query" if away else osv)
    assert done.returncode == 4
    assert "advisory service: does not answer (http://127.0.0.1:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "known vulnerabilities" not in done.stdout


def test_what_the_service_does_not_know_is_no_pass() -> None:
    """pip-audit ends well when PyPI's advisories answer 404 for everything: that is caught."""
    skipped = {"name": "numpy", "skip_reason": "not found on PyPI and could not be audited"}
    clean = {"name": "pillow", "version": "1", "vulns": []}
    for entries in ([skipped], [clean, skipped], []):
        with pytest.raises(OutsideError, match="knows nothing of"):
            audit.parse({"dependencies": entries, "fixes": []})
    assert audit.parse({"dependencies": [clean], "fixes": []}) == ([], 1)


def test_a_missing_lock_file_is_a_mistake(tmp_path: Path) -> None:
    """It ends with 2, and nobody is asked."""
    done = run(tmp_path / "none.txt", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "none.txt: is not a file" in done.stderr
