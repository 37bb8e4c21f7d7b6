"""The DVC remote that machines share: named from outside, asked before anything relies on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests
from dvc.repo import Repo

from scanops.errors import ConfigError, OutsideError
from scanops.release.addresses import hide_password

VARIABLE = "SCANOPS_REMOTE"
NAME = "scanops"
TIMEOUT_S = 30


def configure(root: Path, environ: Mapping[str, str]) -> bool:
    """Point DVC at the remote that SCANOPS_REMOTE names, in `.dvc/config.local`, which git ignores.

    Args:
        root: The project's folder.
        environ: Its SCANOPS_REMOTE is any address that DVC takes.

    Returns:
        Whether there is a default remote now, from here or from DVC's own configuration.

    Raises:
        ConfigError: DVC does not take the address.
    """
    url = environ.get(VARIABLE)
    if url:
        command = [
            sys.executable,
            "-m",
            "dvc",
            "remote",
            "add",
            "--quiet",
            "--local",
            "--force",
            "--default",
            NAME,
            url,
        ]
        done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
        if done.returncode:
            raise ConfigError(
                VARIABLE, f"is refused by DVC ({hide_password(done.stderr.strip())})", "Correct it"
            )
    with Repo(str(root)) as repo:
        return bool(repo.config["core"].get("remote"))


def require_answer(root: Path) -> None:
    """Ask the default remote: DVC itself takes one that is away for one that is empty, and trains anew.

    Args:
        root: The project's folder.

    Raises:
        OutsideError: It is not there, or does not answer.
    """
    remedy = f"Start or mount it, or correct {VARIABLE}"
    with Repo(str(root)) as repo:
        remote = repo.cloud.get_remote()
        url = hide_password(str(remote.config.get("url") or remote.path))
        try:
            if url.startswith(("http://", "https://")):
                requests.head(str(remote.path), timeout=TIMEOUT_S)
            elif not remote.fs.exists(remote.path) and remote.fs.protocol == "local":
                raise OutsideError(f"DVC remote {url}", "is no folder here", remedy)
        except OutsideError:
            raise
        except Exception as error:  # each kind of storage has errors of its own
            fault = f"does not answer ({type(error).__name__})"
            raise OutsideError(f"DVC remote {url}", fault, remedy) from error


def push(root: Path) -> None:
    """Push what the lock names, and what DVC remembers of runs, to the default remote.

    Args:
        root: The project's folder.

    Raises:
        ConfigError: There is no default remote.
        OutsideError: It does not take all of it.
    """
    _transfer(root, "push", "did not take all of the cache")


def pull(root: Path) -> None:
    """Fetch what the lock names from the default remote.

    Args:
        root: The project's folder.

    Raises:
        ConfigError: There is no default remote.
        OutsideError: It does not have all of it.
    """
    _transfer(root, "pull", "does not have all of it")


def _transfer(root: Path, word: str, fault: str) -> None:
    with Repo(str(root)) as repo:
        if not repo.config["core"].get("remote"):
            raise ConfigError(VARIABLE, "is not set, and DVC has no default remote", "Set it to its address")
    require_answer(root)
    command = [sys.executable, "-m", "dvc", word, "--run-cache"]
    done = subprocess.run(command, cwd=root, check=False)
    if done.returncode:
        raise OutsideError("the DVC remote", fault, "See above; run again to go on")
