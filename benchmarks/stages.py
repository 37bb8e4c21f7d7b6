"""Stages of the pipeline, run in a clone of the repository with other parameters."""

from __future__ import annotations

import os
import shlex
import string
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from scanops import overrides


def clone(folder: Path, words: Sequence[str]) -> Path:
    """Clone the repository as committed.

    Args:
        folder: Where to put the clone.
        words: What to change in its parameters, as in SET.

    Returns:
        The clone.
    """
    place = folder / "scanops"
    subprocess.run(["git", "clone", "--quiet", ".", str(place)], check=True)
    params = overrides.apply(yaml.safe_load((place / "params.yaml").read_text(encoding="utf-8")), words)
    (place / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return place


def run(clone: Path, stages: Sequence[str], mirror: Path) -> None:
    """Run stages in a clone, and end the process where one fails.

    Args:
        clone: What `clone` returned.
        stages: Their names, in order.
        mirror: Folder of the archives.
    """
    graph = yaml.safe_load((clone / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    dataset = yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))["dataset"]
    environment = {**os.environ, "PYTHONPATH": "src", "SCANOPS_MIRROR": str(mirror)}
    for stage in stages:
        text = string.Template(graph[stage]["cmd"]).substitute(dataset=dataset)  # as DVC fills it in
        command = [sys.executable, *shlex.split(text)[1:]]
        done = subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        print(done.stdout.strip().split("\n")[-1], file=sys.stderr, flush=True)
        if done.returncode:
            sys.exit(f"{stage} ended with {done.returncode}:\n{done.stderr[-2000:]}")
