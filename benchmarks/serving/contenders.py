"""Servers that are measured: how each is started, asked whether it is ready, and ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving import posts

HERE = Path(__file__).parent
CORES = len(os.sched_getaffinity(0))
PATIENCE_S = 600.0
MIB = 2**20


@dataclass
class Contender:
    """One server.

    Attributes:
        name: How it is called in the table.
        command: Starts it; `{port}` stands for the port.
        path: Where pictures are posted.
        form: How, see `benchmarks.serving.posts`.
        ready: Answers 200 when it is ready.
        env: Beside the environment.
        cwd: Folder that it starts in.
    """

    name: str
    command: list[str]
    path: str
    form: str
    ready: str
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path = Path()
    port: int = 0
    ready_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def start(self, log: Path) -> None:
        """Start it, and wait until it is ready.

        Args:
            log: File for what it prints.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [word.replace("{port}", str(self.port)) for word in self.command]
        began = time.perf_counter()
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=self.cwd, env={**os.environ, **self.env}, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        while not self._answers():
            waited = time.perf_counter() - began
            if self.process.poll() is not None or waited > PATIENCE_S:
                sys.exit(f"{self.name} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        self.ready_s = time.perf_counter() - began

    def stop(self) -> None:
        """End it and all of its workers."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)

    def load(self, images: Path, *options: str) -> dict[str, Any]:
        """Have the client send pictures.

        Args:
            images: Folder of them.
            options: See `benchmarks.serving.load`.

        Returns:
            What it prints; and `cpu_ms`, the processor time of the server for one request.
        """
        before = self._used_s()
        command = [sys.executable, "-m", "benchmarks.serving.load", str(self.port), self.path, str(images)]
        done = subprocess.run(
            [*command, "--form", self.form, *options], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"the client of {self.name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        figures: dict[str, Any] = json.loads(done.stdout)
        return self._with_cpu(figures, before)

    def press(self, images: Path, *, connections: int, seconds: int) -> dict[str, Any]:
        """Have wrk send pictures as fast as answers come back.

        Args:
            images: Folder of them.
            connections: Kept at the same time.
            seconds: How long.

        Returns:
            As `load` gives it.
        """
        wrk = shutil.which("wrk")
        if wrk is None:
            sys.exit("wrk: is not installed. Install it: apt-get install wrk")
        made = posts.write(images, self.port, self.path, self.form)
        with tempfile.TemporaryDirectory() as folder:
            for number, post in enumerate(made):
                (Path(folder) / f"{number:06d}").write_bytes(post)
            before = self._used_s()
            command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{PATIENCE_S:g}s"]
            command += ["-s", str(HERE / "send.lua"), f"http://127.0.0.1:{self.port}", "--", folder]
            done = subprocess.run([*command, str(len(made))], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the client of {self.name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return self._with_cpu(figures, before)

    def memory_mib(self) -> float:
        """Add up the resident memory of its processes, libraries included."""
        assert self.process is not None  # noqa: S101 -- it was started
        return sum(_resident_bytes(pid) for pid in _family(self.process.pid)) / MIB

    def _with_cpu(self, figures: dict[str, Any], before_s: float) -> dict[str, Any]:
        figures["cpu_ms"] = (self._used_s() - before_s) / max(1, figures["answered"]) * 1e3
        return figures

    def _used_s(self) -> float:
        assert self.process is not None  # noqa: S101 -- it was started
        return sum(_processor_s(pid) for pid in _family(self.process.pid))

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{self.ready}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def tunables() -> dict[str, str]:
    """Give what the image tells the C library."""
    (told,) = re.findall(r"GLIBC_TUNABLES=(\S+)", Path("docker/Dockerfile").read_text(encoding="utf-8"))
    return {"GLIBC_TUNABLES": told}


def ours(name: str, bundle: Path) -> Contender:
    """Give this project's service, as its image starts it."""
    command = [sys.executable, "-m", "scanops.serving", "--port", "{port}", "--bundle", str(bundle)]
    env = {"PYTHONPATH": "src", **tunables()}
    return Contender(name, command, "/v1/predict", "files", "/readyz", env)


def flask_keras(bundle: Path) -> Contender:
    """Give Flask and Keras under gunicorn, from this project's environment."""
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--workers",
        str(CORES),
        "--timeout",
        "600",
        "--no-control-socket",
    ]
    env = {"BENCHMARK_BUNDLE": str(bundle), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command += ["--bind", "127.0.0.1:{port}", "flask_keras:app"]
    return Contender("Flask + Keras", command, "/predict", "file", "/ready", env, HERE)


def plain_fastapi(bundle: Path) -> Contender:
    """Give FastAPI with nothing but the graph, from this project's environment."""
    command = [sys.executable, "-m", "uvicorn", "plain_fastapi:app", "--port", "{port}", "--no-access-log"]
    env = {"BENCHMARK_BUNDLE": str(bundle), "ORT_DISABLE_TELEMETRY": "1"}
    return Contender("plain FastAPI", command, "/predict", "file", "/ready", env, HERE)


def mlflow(saved: Path) -> Contender:
    """Give `mlflow models serve`, from this project's environment."""
    command = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--model-uri", str(saved)]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", "{port}"]
    command += ["--workers", str(CORES)]
    env = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return Contender("mlflow models serve", command, "/invocations", "json", "/ping", env)


def bentoml(name: str, bundle: Path, python: str, workers: int) -> Contender:
    """Give BentoML, from an environment of its own; one worker is what it starts unless told otherwise."""
    command = [python, "-m", "bentoml", "serve", "bento_service:Classifier", "--host", "127.0.0.1"]
    command += ["--port", "{port}"]
    env = {"BENCHMARK_BUNDLE": str(bundle), "BENTOML_DO_NOT_TRACK": "true", "ORT_DISABLE_TELEMETRY": "1"}
    env |= {"BENTOML_HOME": str(bundle.parent / "bentoml"), "BENCHMARK_WORKERS": str(workers)}
    return Contender(name, command, "/predict", "file", "/readyz", env, HERE)


def _family(pid: int) -> list[int]:
    """Give a process and its descendants."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _processor_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:  # it ended meanwhile
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Rss:"))
