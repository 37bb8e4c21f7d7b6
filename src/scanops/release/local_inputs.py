"""Files outside git that an experiment reads, by absolute paths: it runs in a folder of its own.

DVC sees the path of a file of weights, not its content: so the hash goes beside it as a parameter, for an
experiment's name and for DVC's run cache alike.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

from scanops.catalogue import ArchiveSource, FolderSource
from scanops.config import Config
from scanops.data import download
from scanops.digest import hash_file
from scanops.errors import ConfigError
from scanops.model_rules import Training
from scanops.search_space import Changes

WEIGHTS = "training.weights"
# Each is a folder that stages look into.
FOLDERS = ("SCANOPS_CACHE", "SCANOPS_MIRROR", "KERAS_HOME")
# See `search_space.Text`: DVC would read something else.
UNWRITABLE = "'\\$"


def weights(training: Training, root: Path) -> Changes:
    """Pin the file that a network starts from.

    Args:
        training: The training section.
        root: The project's folder.

    Returns:
        Absolute path and SHA-256; nothing where the weights are no file.

    Raises:
        ConfigError: The file is missing, or is not the one that `weights_sha256` pins.
    """
    if training.weights in ("none", "imagenet"):
        return {}
    path = _absolute(WEIGHTS, training.weights, root)
    if not Path(path).is_file():
        raise ConfigError(f"{WEIGHTS} {path}", "is not a file", "Put it there, or correct the path")
    sha256 = hash_file(Path(path))
    if training.weights_sha256 not in (None, sha256):
        remedy = "Fetch the right file, or correct training.weights_sha256"
        raise ConfigError(f"{WEIGHTS} {path}", "does not match weights_sha256", remedy)
    return {WEIGHTS: path, f"{WEIGHTS}_sha256": sha256}


def source(params: Config, root: Path) -> Changes:
    """Say where a folder or an archive of this machine is.

    Args:
        params: The parameters.
        root: The project's folder.

    Returns:
        The absolute path, for `pull` to look at; nothing for a source that is elsewhere, or drawn.

    Raises:
        ConfigError: The path cannot be written as DVC takes it.
    """
    found, key = params.source, f"sources.{params.dataset}"
    if isinstance(found, FolderSource):
        return {f"{key}.path": _absolute(f"{key}.path", found.path, root)}
    if isinstance(found, ArchiveSource) and not download.is_remote(found.url):
        path = found.url.removeprefix("file://").removeprefix("local://")
        return {f"{key}.url": _absolute(f"{key}.url", path, root)}
    return {}


def settle_folders(environ: MutableMapping[str, str], root: Path) -> None:
    """Make folders that variables name absolute.

    Args:
        environ: The environment, changed in place.
        root: What relative ones stand in.
    """
    for name in FOLDERS:
        if environ.get(name):
            environ[name] = str(root / environ[name])


def _absolute(key: str, path: str, root: Path) -> str:
    absolute = str(root / path)
    if any(mark in absolute for mark in UNWRITABLE) or not absolute.isprintable():
        raise ConfigError(f"{key} {absolute}", "cannot be handed to an experiment", "Use a path without '\\$")
    return absolute
