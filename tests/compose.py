"""The Compose file, started as an operator would, with programs of Debian where images cannot be pulled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops.release.engine import Engine

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker" / "compose" / "compose.yaml"
PROGRAMS = ("caddy", "prometheus")


def compose_command(engine: Engine) -> list[str] | None:
    """Find Compose: the plug-in of the engine's client, else the program of its own."""
    asked = subprocess.run([engine.program, "compose", "version"], check=False, capture_output=True)
    if asked.returncode == 0:
        return [engine.program, "compose"]
    program = shutil.which("docker-compose")
    return [program] if program else None


def stand_in(engine: Engine, folder: Path, base: str, tag: str) -> Path:
    """Make an image with Debian's Caddy and Prometheus, and the override that names it.

    The official images cannot be pulled on a machine without a registry. What is replaced is who built
    the programs; configuration, networks, users, capabilities and volumes are those of the Compose file.

    Args:
        engine: Where to.
        folder: An empty one.
        base: What the image stands on.
        tag: The image's name.

    Returns:
        A Compose file that goes behind the real one.
    """
    for name in PROGRAMS:
        shutil.copy(str(shutil.which(name)), folder / name)
    copied = " ".join(PROGRAMS)
    # A volume takes its owner from the folder below it, as in the official image.
    lines = [f"FROM {base}", f"COPY {copied} /usr/bin/", "COPY --chown=65534 data /prometheus"]
    (folder / "data").mkdir()
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
    engine.build(folder, tag, {})
    caddy = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    homes = {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config"}
    services = {
        "caddy": {"image": tag, "entrypoint": caddy, "environment": homes},
        "prometheus": {"image": tag, "entrypoint": ["prometheus"]},
    }
    override = folder / "override.json"
    override.write_text(json.dumps({"services": services}), encoding="utf-8")
    return override


@dataclass(frozen=True)
class Stack:
    """A running set of services.

    Attributes:
        engine: Where it runs.
        project: Its name.
        command: Compose with its files and its project.
        environment: What it is started with.
        https: Its port for TLS on 127.0.0.1.
        http: Its port without.
        token: What its service lets in.
    """

    engine: Engine
    project: str
    command: tuple[str, ...]
    environment: dict[str, str]
    https: int
    http: int
    token: str

    def call(self, *arguments: str) -> str:
        """Run one command of Compose to its end."""
        done = subprocess.run(
            [*self.command, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        labels = {"project": self.project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return self.engine.call("ps", "--all", "--quiet", *filters).splitlines()[0]

    def describe(self, service: str) -> dict[str, Any]:
        """Return the engine's description of a service's container."""
        return self.engine.inspect(self.container(service), "container")

    def inside(self, service: str, code: str, *arguments: str) -> str:
        """Run Python in a service's container."""
        return self.engine.call("exec", self.container(service), "python3", "-c", code, *arguments)
