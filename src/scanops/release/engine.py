"""The container engine, through its command line: docker or podman, whichever answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanops.errors import OutsideError

ANSWER_TIMEOUT_S = 15
# Podman's own limits are the highest there are, which a container host with fewer rights may not set.
PODMAN_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
# Directories of administrators' programs; a plain user's PATH leaves them out.
SYSTEM_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class EngineError(OutsideError):
    """The engine refused a command, or did not end it in time."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        name: `docker` or `podman`.
        program: Path of its client.
        version: What the engine says it is.
    """

    name: str
    program: str
    version: str

    def call(
        self, *arguments: str, timeout_s: float | None = None, extra_env: Mapping[str, str] | None = None
    ) -> str:
        """Run one command of the client to its end.

        Args:
            *arguments: The command and its arguments.
            timeout_s: Give up after this time.
            extra_env: Further environment variables.

        Returns:
            Its standard output, stripped.

        Raises:
            EngineError: It failed, or took longer.
        """
        env = {**os.environ, **(extra_env or {})}
        # A session of its own: Ctrl-C reaches us alone, and we clean up with a client that still works.
        try:
            done = subprocess.run(
                [self.program, *arguments],
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                env=env,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            fault = f"`{arguments[0]}` did not end within {timeout_s:g} s"
            raise EngineError(self.name, fault, "See the engine's log") from error
        if done.returncode:
            said = last_lines(done.stderr or done.stdout)
            raise EngineError(self.name, f"`{arguments[0]}` failed: {said}", "See the engine's log")
        return done.stdout.strip()

    def build(self, context: Path, tag: str, build_args: Mapping[str, str]) -> str:
        """Build `context`/Dockerfile without a network.

        Args:
            context: Folder with a Dockerfile.
            tag: Name of the image.
            build_args: Values of the Dockerfile's ARGs.

        Returns:
            The image's content id, `sha256:…`.
        """
        arguments = ["build", "--network", "none", "--tag", tag]
        for name, value in build_args.items():
            arguments += ["--build-arg", f"{name}={value}"]
        if self.name == "podman":
            arguments += ["--format", "docker"]  # the OCI format has no health check
        self.call(*arguments, str(context), extra_env=self.builder())
        return self.image_id(tag)

    def builder(self) -> dict[str, str]:
        """Return the environment in which this engine's client can build."""
        # A stand-alone client refuses BuildKit without its buildx plug-in; the older builder does as well.
        if self.name != "docker" or "DOCKER_BUILDKIT" in os.environ:
            return {}
        try:
            self.call("buildx", "version", timeout_s=ANSWER_TIMEOUT_S)
        except EngineError:
            return {"DOCKER_BUILDKIT": "0"}
        return {}

    def inspect(self, reference: str, kind: str = "image") -> dict[str, Any]:
        """Describe an image or a container.

        Args:
            reference: Its name or id.
            kind: `image` or `container`.

        Returns:
            The engine's description.
        """
        described = json.loads(self.call(kind, "inspect", reference, timeout_s=60))
        return dict(described[0])

    def has_image(self, reference: str) -> bool:
        """Say whether an image is here."""
        try:
            self.inspect(reference)
        except EngineError:
            return False
        return True

    def image_id(self, reference: str) -> str:
        """Return an image's content id in the form `sha256:…` (podman leaves the prefix out)."""
        return "sha256:" + str(self.inspect(reference)["Id"]).removeprefix("sha256:")

    def pull(self, reference: str, timeout_s: float) -> None:
        """Fetch an image from its registry."""
        self.call("pull", reference, timeout_s=timeout_s)

    def import_root(self, archive: Path, reference: str, message: str) -> None:
        """Make an image of one layer from a tar of a root file system."""
        self.call("import", "--message", message, str(archive), reference)

    def run_once(self, reference: str, *command: str, timeout_s: float = 60) -> str:
        """Run a command in a container without a network that is removed again; return what it printed."""
        options = ("--rm", "--network", "none", "--entrypoint", command[0])
        return self.call(*self._run(), *options, reference, *command[1:], timeout_s=timeout_s)

    def _run(self) -> tuple[str, ...]:
        return ("run", *PODMAN_LIMITS) if self.name == "podman" else ("run",)

    def start(self, reference: str, name: str, options: Sequence[str]) -> None:
        """Start a container in the background."""
        self.call(*self._run(), "--detach", "--name", name, *options, reference, timeout_s=120)

    def foreground(self, reference: str, name: str, options: Sequence[str]) -> int:
        """Run a container on this terminal until it ends; when interrupted, remove it.

        Args:
            reference: The image.
            name: The container's name.
            options: Arguments of `run`.

        Returns:
            Its exit code.
        """
        # A session of its own, as in `call`: the client must not die of Ctrl-C and leave the container.
        command = [self.program, *self._run(), "--rm", "--name", name, *options, reference]
        with subprocess.Popen(command, start_new_session=True) as client:
            try:
                return client.wait()
            finally:
                if client.poll() is None:
                    self.call("stop", name, timeout_s=60)
                    client.wait(ANSWER_TIMEOUT_S)
                    self.remove(name)

    def is_running(self, name: str) -> bool:
        """Say whether a container runs."""
        return bool(self.inspect(name, "container")["State"]["Running"])

    def port(self, name: str, inside: int) -> int:
        """Return the port on this machine that leads to a container's port."""
        return int(self.call("port", name, f"{inside}/tcp", timeout_s=60).splitlines()[0].rpartition(":")[2])

    def logs(self, name: str, lines: int = 20) -> str:
        """Return the end of what a container printed, both streams."""
        done = subprocess.run(
            [self.program, "logs", "--tail", str(lines), name],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=60,
        )
        return done.stdout.strip()

    def remove(self, name: str) -> None:
        """Stop and remove a container; one that is not there is no fault."""
        try:
            self.call("rm", "--force", "--volumes", name, timeout_s=60)
        except EngineError as error:
            if not any(words in str(error).lower() for words in ("no such container", "already in progress")):
                raise

    def limits(self, memory: str, pids: int) -> list[str]:
        """Return the options for bounds that this engine can hold.

        Args:
            memory: Such as `2g`.
            pids: Most processes and threads.
        """
        if self.name == "podman":
            rootless = self.call("info", "--format", "{{.Host.Security.Rootless}}") == "true"
            return [] if rootless else ["--memory", memory, "--pids-limit", str(pids)]
        able = self.call("info", "--format", "{{.MemoryLimit}} {{.PidsLimit}}").split()
        options = ["--memory", memory, "--memory-swap", memory] if able[0] == "true" else []
        return options + (["--pids-limit", str(pids)] if able[-1] == "true" else [])


def last_lines(text: str, count: int = 3) -> str:
    """Return the end of a program's output on one line."""
    return (
        " · ".join([line.strip() for line in text.splitlines() if line.strip()][-count:]) or "it said nothing"
    )


def programs(name: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Find every program of a name: the first on the PATH is not always the one that works.

    Args:
        name: The program.
        environ: Its PATH is searched, then the administrators' directories.

    Yields:
        Paths, each once.
    """
    folders = [*environ.get("PATH", os.defpath).split(os.pathsep), *SYSTEM_PATH]
    for folder in dict.fromkeys(folders):
        path = Path(folder, name)
        if folder and path.is_file() and os.access(path, os.X_OK):
            yield str(path)
