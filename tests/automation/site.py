"""Where automation runs: real git and DVC remotes, registry and MLflow server; the forge alone is a fake."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import requests
import yaml

from scanops import overrides
from scanops.release import ledger
from scanops.release.ledger_branch import LedgerBranch
from tests.fake_forge import FakeForge, listening
from tests.image_registry import running
from tests.ports import free_port
from tests.retrained import git

ROOT = Path(__file__).parents[2]
IMAGE = "scanops-automation"
USER, PASSWORD = "robot", "pass-of-the-registry"
START_S = 120
VERSIONS = "api/2.0/mlflow/model-versions/search"
# The smallest pictures that every stage takes, two epochs, and a gate that lets such a model pass.
SMALL = f"""
sources.phantom.images=160 validation.min_images_per_class=10 split.min_groups=1 training.epochs=2
evaluation.bootstrap_resamples=200 evaluation.strangers=8 image.name={IMAGE}
gate.min_balanced_accuracy=0 gate.min_macro_f1=0 gate.min_auroc=0 gate.min_class_recall=0
gate.min_margin_over_baseline=-1 gate.max_ece=0.9 gate.min_strangers_abstained=0 gate.max_false_rejection=1
""".split()
# What a machine that runs jobs has around it; nothing of this process's own.
MACHINE = ("PATH", "LANG", "PIP_", "UV_", "SSL_", "CURL_", "REQUESTS_", "NODE_EXTRA", "HTTP", "http", "NO_")


@dataclass
class Site:
    """All parts, and the clones that use them.

    Attributes:
        folder: Holds everything.
        host: The registry, `127.0.0.1:port`.
        tracking: Address of MLflow's server.
        forge: The fake of GitHub's API.
        story: A line a job that has run.
    """

    folder: Path
    host: str
    tracking: str
    forge: FakeForge
    story: list[str] = field(default_factory=list)
    _registry: ExitStack = field(default_factory=ExitStack)

    @property
    def origin(self) -> Path:
        """The bare git remote."""
        return self.folder / "origin.git"

    @property
    def desk(self) -> Path:
        """A person's clone."""
        return self.folder / "desk"

    @property
    def workspace(self) -> Path:
        """The clone that jobs run in."""
        return self.folder / "workspace"

    @property
    def store(self) -> Path:
        """The DVC remote."""
        return self.folder / "dvc"

    @property
    def repository(self) -> str:
        """Where images go."""
        return f"{self.host}/scanops"

    @property
    def machine(self) -> dict[str, str]:
        """Variables of a machine that runs jobs: none of them is a secret or names a part."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(MACHINE)}
        cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        return kept | {"HOME": str(self.folder / "home"), "UV_CACHE_DIR": cache}

    def start_registry(self) -> None:
        """Start the registry, or start it again where it was."""
        passwords = self.folder / "passwords"
        passwords.write_bytes(
            f"{USER}:".encode() + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)) + b"\n"
        )
        guard = {"htpasswd": {"realm": "test", "path": str(passwords)}}
        port = int(self.host.rpartition(":")[2])
        self._registry.enter_context(running(self.folder / "images", port, auth=guard))

    def stop_registry(self) -> None:
        """Stop the registry; its images stay."""
        self._registry.close()

    def push(self, message: str, **changes: str) -> str:
        """Change parameters at the desk, commit, push to main; return the commit.

        Args:
            message: Of the commit.
            **changes: `section__key=value`.
        """
        git(self.desk, "pull", "-q", "--ff-only", "origin", "main")
        set_params(self.desk, *(f"{name.replace('__', '.')}={value}" for name, value in changes.items()))
        return self.push_all(message)

    def push_all(self, message: str) -> str:
        """Commit all that was changed at the desk, push it to main; return the commit."""
        git(self.desk, "add", "-A")
        git(self.desk, "commit", "-q", "-m", message)
        git(self.desk, "push", "-q", "origin", "HEAD:main")
        return git(self.desk, "rev-parse", "HEAD")

    def merge(self, branch: str) -> str:
        """Merge a branch of the remote into main, as a person does with a pull request; return the commit."""
        git(self.desk, "pull", "-q", "--ff-only", "origin", "main")
        git(self.desk, "fetch", "-q", "origin", branch)
        git(self.desk, "merge", "-q", "--no-ff", "-m", f"Merge {branch}", "FETCH_HEAD")
        git(self.desk, "push", "-q", "origin", "HEAD:main")
        for pull in self.forge.pulls:
            pull["state"] = "closed" if pull["head"] == branch else pull["state"]
        return git(self.desk, "rev-parse", "HEAD")

    def check_out(self, reference: str) -> None:
        """Bring the workspace to a commit, with nothing else in it."""
        shutil.rmtree(self.workspace, ignore_errors=True)
        git(self.folder, "clone", "-q", str(self.origin), str(self.workspace))
        git(self.workspace, "checkout", "-q", "--detach", reference)

    def at_desk(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make at the desk, as a person who has set where things are."""
        places = {"MLFLOW_TRACKING_URI": self.tracking, "SCANOPS_REMOTE": str(self.store)}
        env = self.machine | places | {"REGISTRY": self.repository} | variables
        command = ["make", "--no-print-directory", *words]
        done = subprocess.run(command, cwd=self.desk, env=env, capture_output=True, text=True, check=False)
        with (self.folder / "desk.log").open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done

    def ledger(self) -> list[ledger.Entry]:
        """Read the ledger from the remote."""
        return list(LedgerBranch.find(self.desk).read().entries)

    def state(self) -> dict[str, object]:
        """Tell all that a run may leave outside: two of these differ where something was published."""
        files = sum(1 for path in self.store.rglob("*") if path.is_file())
        return {
            "branches": git(self.origin, "for-each-ref", "--format=%(refname) %(objectname)"),
            "cache": files,
            "images": self.digests(),
            "versions": requests.get(f"{self.tracking}/{VERSIONS}", timeout=START_S).json(),
            "requests": [(pull["number"], pull["title"], pull["state"]) for pull in self.forge.pulls],
        }

    def digests(self) -> list[str]:
        """List every manifest that the registry ever took."""
        folder = (
            self.folder / "images/store/docker/registry/v2/repositories/scanops/_manifests/revisions/sha256"
        )
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def set_params(folder: Path, *changes: str) -> None:
    """Change `params.yaml`."""
    path = folder / "params.yaml"
    values = overrides.apply(yaml.safe_load(path.read_text(encoding="utf-8")), list(changes))
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Start all parts, and put the project as it is now, with `SMALL`, on the git remote."""
    (folder / "home").mkdir()
    (folder / "dvc").mkdir()
    with listening() as forge, _tracking(folder) as tracking:
        site = Site(folder, f"127.0.0.1:{free_port()}", tracking, forge)
        site.start_registry()
        try:
            _first_commit(site)
            yield site
        finally:
            site.stop_registry()


def _first_commit(site: Site) -> None:
    git(site.folder, "init", "-q", "--bare", str(site.origin))
    git(site.folder, "clone", "-q", str(site.origin), str(site.desk))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (site.desk / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, site.desk / name)
    git(site.desk, "checkout", "-q", "-b", "main")
    git(site.desk, "config", "user.name", "Ada")
    git(site.desk, "config", "user.email", "ada@example.org")
    set_params(site.desk, *SMALL)
    site.push_all("feat: the project")


@contextmanager
def _tracking(folder: Path) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--allowed-hosts", f"127.0.0.1:{port}"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "mlflow")]
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(f"{address}/health"):
            assert process.poll() is None, (folder / "mlflow.log").read_text()
            assert time.monotonic() < deadline, (folder / "mlflow.log").read_text()
            time.sleep(0.3)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait()


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def dotenv(path: Path, values: Mapping[str, str]) -> Path:
    """Write values as a file of `NAME=value` that its owner alone can read."""
    path.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()), encoding="utf-8")
    path.chmod(0o600)
    return path
