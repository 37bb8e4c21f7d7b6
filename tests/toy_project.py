"""A project of shell commands under git and DVC, of the same shape as the real one."""

from __future__ import annotations

import subprocess
from pathlib import Path

# `LOG` names a file in which stages note that they ran.
# As `training.rate` 13 fails, 99 sleeps until it is woken.
TOY = """
stages:
  split:
    cmd: mkdir -p data/raw && echo a > data/raw/val.txt && echo b > data/raw/test.txt && echo ran >> $LOG
    params: [split]
    outs: [data/raw]
  export:
    cmd: >-
      echo ran >> $LOG; test ${training.rate} != 13 || { echo "error: rate: is unlucky"; exit 1; };
      touch $LOG.asleep; test ${training.rate} != 99 || test -e $LOG.awake || exec sleep 300;
      mkdir -p data/bundle && echo ${training.rate} > data/bundle/model
    deps: [data/raw]
    params: [training.rate]
    outs: [data/bundle]
  evaluate:
    cmd: touch data/evaluated $LOG.evaluated
    deps: [data/bundle]
    outs: [data/evaluated]
"""


def make(root: Path) -> Path:
    """Make the project, with one commit; `dvc` is to be on the PATH.

    Args:
        root: The folder to make.

    Returns:
        The same.
    """
    root.mkdir()
    (root / "dvc.yaml").write_text(TOY, encoding="utf-8")
    (root / "params.yaml").write_text("{split: {key: a}, training: {rate: 1}}\n", encoding="utf-8")
    (root / ".gitignore").write_text("/data/\n", encoding="utf-8")
    for words in (
        ["git", "init", "-q"],
        ["git", "config", "user.email", "t@example.org"],
        ["git", "config", "user.name", "t"],
        ["dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "toy"],
    ):
        subprocess.run(words, cwd=root, check=True)
    return root
