"""Clones whose runs are promoted: papers of a run that passed, an image in a real registry, a remote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from scanops import config
from scanops.bundle import bundle as bundles
from scanops.config import Tracking
from scanops.digest import hash_file
from scanops.release import registry
from scanops.release.candidate import REVISION
from scanops.release.desk import Desk
from scanops.release.image_registry import ImageRegistry
from scanops.release.ledger_branch import LedgerBranch
from tests.image_registry import push_tiny

ROOT = Path(__file__).parents[1]
PEOPLE = ("Ada", "Bea")


@dataclass
class Clone:
    """Somebody's clone of the project.

    Attributes:
        folder: Where it is.
        who: Whose.
        repository: Where images go.
        database: Address of the tracking data base that all share.
    """

    folder: Path
    who: str
    repository: str
    database: str

    def git(self, *arguments: str) -> str:
        """Run git here."""
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def desk(self) -> Desk:
        """Give what promotions here are recorded with, in this process."""
        rules = config.load(self.folder / "params.yaml").tracking
        return Desk(LedgerBranch.find(self.folder), rules)

    def environment(self) -> dict[str, str]:
        """Nothing of this process's environment but where programs are."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "HOME": str(self.folder.parent),
            "MLFLOW_TRACKING_URI": self.database,
        }

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command as make does."""
        return subprocess.Popen(
            [sys.executable, "-m", f"pipelines.{name}", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as make does, to its end."""
        process = self.start(name, *arguments)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def finish_run(self, made: Path, revision: str = "") -> str:
        """Lay out what a run leaves that passed the gate and was pushed; return the image's digest.

        Args:
            made: The bundle that it made.
            revision: Goes into the image beside the commit, so that it is another.
        """
        shutil.rmtree(self.folder / "data" / "bundle", ignore_errors=True)
        shutil.copytree(made, self.folder / "data" / "bundle")
        described, sha256 = bundles.read(made), bundles.hash_bundle(made)
        reports, git_sha = self.folder / "reports", self.git("rev-parse", "HEAD")
        check = {"name": "balanced_accuracy", "value": 0.9, "threshold": 0.8, "passed": True}
        gate = {
            "verdict": "pass",
            "warnings": [],
            "checks": [check],
            "bundle_sha256": sha256,
            "data_sha256": described.data_sha256,
            "params_sha256": described.params_sha256,
        }
        self._write("gate", gate)
        self._write("validation", {"verdict": "warn", "images": 180, "usable": 178, "quarantined": 2})
        self._write("metrics", {"bundle_sha256": sha256})
        (reports / "model_card.md").write_text(f"# About {sha256}\n", encoding="utf-8")
        labels = {
            "io.scanops.bundle": sha256,
            "io.scanops.data": described.data_sha256,
            "io.scanops.gate": hash_file(reports / "gate.json"),
            REVISION: git_sha,
            "note": revision,
        }
        digest, image_id = push_tiny(ImageRegistry(self.repository), labels, sha256[:12])
        self._write("image", {"digest": image_id, "bundle_sha256": sha256, "git_sha": git_sha})
        pushed = {"reference": f"{self.repository}@{digest}", "digest": digest, "image_id": image_id}
        self._write("push", pushed | {"bundle_sha256": sha256, "git_sha": git_sha})
        return digest

    def _write(self, name: str, values: dict[str, object]) -> None:
        text = json.dumps(values)
        (self.folder / "reports" / f"{name}.json").write_text(text, encoding="utf-8")


def clones(folder: Path, data: Path, repository: str, database: str) -> tuple[Clone, Clone]:
    """Make a bare remote with a first commit, and two people's clones of it.

    Args:
        folder: An empty folder.
        data: Parameters, pictures and tables of a run, as `test_evaluate_and_gate.data` makes them.
        repository: Where images go, `host/name`.
        database: Address of the tracking data base.
    """
    remote = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(remote)], check=True)
    made: list[Clone] = []
    for who in PEOPLE:
        clone = Clone(folder / who, who, repository, database)
        subprocess.run(
            ["git", "clone", "--quiet", str(remote), str(clone.folder)], check=True, capture_output=True
        )
        clone.git("config", "user.name", who)
        clone.git("config", "user.email", f"{who.lower()}@example.org")
        if not made:
            values = yaml.safe_load((data / "params.yaml").read_text(encoding="utf-8"))
            (clone.folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
            (clone.folder / ".gitignore").write_text("data\nreports\n", encoding="utf-8")
            clone.git("checkout", "--quiet", "-b", "main")
            clone.git("add", ".")
            clone.git("commit", "--quiet", "-m", "feat: the first model")
            clone.git("push", "--quiet", "origin", "main")
        (clone.folder / "reports").mkdir()
        (clone.folder / "data").mkdir()
        for name in ("raw", "manifest.parquet", "splits.parquet"):
            (clone.folder / "data" / name).symlink_to(data / name)
        made.append(clone)
    return made[0], made[1]


def point(rules: Tracking, version: registry.Version) -> None:
    """Put a registered version into production as the ledger's entries do, without a ledger."""
    with registry.opened(rules) as client:
        client.set_registered_model_alias(rules.model, "production", version.number)
