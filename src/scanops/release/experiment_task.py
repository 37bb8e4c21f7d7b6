"""One experiment on a node that sees the project's folder: run in a clone, its result handed back.

The clone shares git's objects and DVC's cache with the project, so that what the shared stages made is
there, and what this one makes is found by all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scanops import lifeline
from scanops.errors import OutsideError

# What decides where a stage looks, and where it notes what it did. Not SCANOPS_CLUSTER: a stage would wait
# for cores that its own experiment holds.
HANDED_ON = (
    "KERAS_HOME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "SCANOPS_CACHE",
    "SCANOPS_MIRROR",
)
LEFT_OUT = "SCANOPS_CLUSTER"
Experiment = tuple[str, Sequence[str]]


@dataclass(frozen=True)
class Order:
    """What is the same for all experiments of a comparison.

    Attributes:
        root: The project's folder, absolute, at the same place on every node.
        cache: DVC's cache, likewise.
        head: The project's commit.
        work: A commit of the code as it is at work; the same one where nothing differs.
        target: The stage where an experiment ends.
        environ: Variables to set, by name.
    """

    root: str
    cache: str
    head: str
    work: str
    target: str
    environ: Mapping[str, str]


def order(root: Path, cache: Path, target: str, environ: Mapping[str, str]) -> Order:
    """Take down the code as it is now.

    Args:
        root: The project's folder, absolute; it has a commit.
        cache: DVC's cache, absolute.
        target: The stage where an experiment ends.
        environ: The environment; what stages need of it is handed on.

    Returns:
        An order for `carry_out`.
    """
    head = _git(root, "rev-parse", "HEAD")
    handed = {name: environ[name] for name in HANDED_ON if environ.get(name)}
    # Nothing at all where no tracked file differs.
    return Order(str(root), str(cache), head, _git(root, "stash", "create") or head, target, handed)


def carry_out(order: Order, experiment: Experiment) -> str | None:
    """Run an experiment, and put it beside the project's own.

    Args:
        order: What all have in common.
        experiment: Its name, and its changes as DVC's `--set-param` takes them.

    Returns:
        None, or why it failed.
    """
    name, changes = experiment
    with tempfile.TemporaryDirectory(prefix="scanops-experiment-") as scratch:
        clone = Path(scratch) / "project"
        command = ["git", "clone", "--quiet", "--shared", "--no-checkout", order.root, str(clone)]
        if fault := _fault(command, Path(scratch), order):
            return fault
        _copy_settings(Path(order.root), clone)
        sets = [word for change in changes for word in ("--set-param", change)]
        ref = f"refs/exps/{order.head[:2]}/{order.head[2:]}/{name}"
        steps: list[list[str]] = [
            ["git", "checkout", "--quiet", "--detach", order.work],
            # What is not committed stays a change at work, as in DVC's queue.
            ["git", "reset", "--quiet", "--soft", order.head],
            ["dvc", "cache", "dir", "--local", order.cache],
            ["dvc", "exp", "run", "--name", name, *sets, order.target],
            ["git", "push", "--quiet", order.root, f"{ref}:{ref}"],
        ]
        return next((fault for step in steps if (fault := _fault(step, clone, order))), None)


def refuse(experiment: Experiment) -> str:
    """Say what became of an experiment that killed its process.

    Args:
        experiment: As in `carry_out`.
    """
    return f"its process was killed while it ran {experiment[0]}; look at the memory of the nodes"


def message(said: str, command: str) -> str:
    """Pick the line that says why a command failed.

    Args:
        said: All that it wrote.
        command: Its name.

    Returns:
        A stage's own message where there is one, otherwise the last line.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error: ")] or lines
    return told[-1].removeprefix("error: ") if told else f"`{command}` left no message"


def _copy_settings(root: Path, clone: Path) -> None:
    """Take over what git does not track: DVC's way into a remote, and who commits."""
    settings = root / ".dvc" / "config.local"
    if settings.is_file():
        (clone / ".dvc").mkdir(exist_ok=True)
        shutil.copy(settings, clone / ".dvc" / "config.local")
    for key in ("user.name", "user.email"):
        if value := _git(root, "config", "--get", key):
            _git(clone, "config", key, value)


def _fault(step: Sequence[str], folder: Path, order: Order) -> str | None:
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # PYTHONPATH: stages run the clone's code, and `lifeline` is this project's own.
    places = os.pathsep.join(["src", *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {**os.environ, **order.environ, "PATH": path, "PYTHONPATH": places}
    environ.pop(LEFT_OUT, None)
    done = lifeline.run(step, folder, environ)
    return message(done.stdout, " ".join(step[:3])) if done.returncode else None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607 -- git is where the PATH says
    if done.returncode:  # silence would be taken for "nothing differs"
        fault = message(done.stderr, f"git {words[0]}")
        raise OutsideError(
            f"git {' '.join(words)}", f"failed ({fault})", "Mend the repository, then compare again"
        )
    return done.stdout.strip()
