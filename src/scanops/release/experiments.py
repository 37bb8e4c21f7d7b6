"""DVC experiments: what names one, which have a result, and what they made, out of DVC's cache.

An experiment is named by all that its outcome depends on, parameters and code: one that has a result is
never run again. DVC runs each in a copy of what git tracks. The project's folder, `root`, is the current one:
DVC takes paths of parameters from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo

from scanops import filenames, image_paths
from scanops.config import Config, fingerprint
from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError

REFS = "refs/exps"


def closure(graph: Mapping[str, Any], target: str) -> list[str]:
    """List the stages that `dvc exp run <target>` runs.

    Args:
        graph: What `dvc.yaml` holds.
        target: A stage.

    Returns:
        Names, in the order of `dvc.yaml`; the target is one of them.
    """
    stages = graph["stages"]
    makers = {
        path: name
        for name, stage in stages.items()
        for kind in ("outs", "metrics", "plots")
        for path in _paths(stage.get(kind, []))
    }
    found, waiting = set(), [target]
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = {makers[path] for path in _paths(stages[name].get("deps", [])) if path in makers}
        waiting += sorted(needed - found)
    return [name for name in stages if name in found]


def name(graph: Mapping[str, Any], target: str, params: Config, root: Path) -> str:
    """Name an experiment by what its outcome depends on.

    Args:
        graph: What `dvc.yaml` holds.
        target: The stage where it ends.
        params: Its parameters; of a file of weights `weights_sha256` counts, and not where it lies.
        root: The project's folder.

    Returns:
        `<target>-<20 hexadecimal digits>`.

    Raises:
        ConfigError: A file that a stage depends on is missing.
    """
    if params.training.weights_sha256 and params.training.weights not in ("none", "imagenet"):
        pinned = params.training.model_copy(update={"weights": "file"})
        params = params.model_copy(update={"training": pinned})
    stages = [graph["stages"][stage] for stage in closure(graph, target)]
    made = {path for stage in stages for kind in ("outs", "metrics") for path in _paths(stage.get(kind, []))}
    files = sorted({path for stage in stages for path in _paths(stage.get("deps", []))} - made)
    read = {param.partition(".")[0] for stage in stages for param in stage.get("params", [])}
    sections = [getattr(params, section) for section in sorted(read - {"dataset", "sources"})]
    digest = hashlib.sha256(fingerprint(params.source, *sections).encode())
    digest.update(json.dumps([params.dataset, *(stage["cmd"] for stage in stages)]).encode())
    try:
        for file in files:
            digest.update(f"{file} {hash_file(root / file)}\n".encode())
    except OSError as error:
        raise ConfigError(str(error.filename), "is missing", "Restore it from git") from error
    return f"{target}-{digest.hexdigest()[:20]}"


def require_tracked(graph: Mapping[str, Any], root: Path) -> None:
    """Refuse code that git does not know: experiments run in a copy of what git tracks.

    Args:
        graph: What `dvc.yaml` holds.
        root: The project's folder.

    Raises:
        ConfigError: A dependency is not tracked, or there is no commit.
    """
    if _git(root, "rev-parse", "--verify", "HEAD") is None:
        raise ConfigError(str(root), "has no commit", "Commit the project, then compare")
    deps = {path for stage in graph["stages"].values() for path in _paths(stage.get("deps", []))}
    strange = (
        _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *sorted(deps)) or ""
    ).split("\0")
    if found := [path for path in strange if path]:
        raise ConfigError(", ".join(found[:5]), "is not known to git", "Add it: `git add`, then compare")


def results(root: Path) -> dict[str, str]:
    """Find the experiments that have ended well.

    Args:
        root: The project's folder.

    Returns:
        The commit of each, by name; from whatever commit it started.
    """
    listed = (
        _git(root, "for-each-ref", "--sort=committerdate", "--format=%(refname) %(objectname)", REFS) or ""
    )
    pairs = [line.split(" ") for line in listed.splitlines()]
    # refs/exps/<two digits>/<the other 38>/<name>; DVC keeps its own lists beside them.
    return {ref.split("/")[-1]: commit for ref, commit in pairs if len(ref.split("/")) == 5}


def fetch(root: Path, commit: str, path: str, target: Path) -> None:
    """Fetch an output of an experiment.

    Args:
        root: The project's folder.
        commit: The experiment's.
        path: The output, relative to the project.
        target: Where to; a folder is made with all that is in it.

    Raises:
        OutsideError: DVC's cache does not hold it any more.
    """
    with _cache(path):
        system = DVCFileSystem(str(root), rev=commit)
        target.parent.mkdir(parents=True, exist_ok=True)
        system.get(path, str(target), recursive=system.isdir(path))


def fetch_images(root: Path, commit: str, folder: str, paths: Iterable[str], target: Path) -> None:
    """Fetch some images of an experiment's raw folder, and no other file of it.

    Args:
        root: The project's folder.
        commit: The experiment's.
        folder: The raw folder, relative to the project.
        paths: Images, as a manifest holds them.
        target: The folder to put them in, at the same paths.

    Raises:
        OutsideError: DVC's cache does not hold one any more.
    """
    with _cache(folder):
        system = DVCFileSystem(str(root), rev=commit)
        held = {found.lstrip("/").removeprefix(f"{folder}/") for found in system.find(folder)}
        for file in sorted({filenames.to_file(image_paths.file_path(path, held)) for path in paths}):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            system.get_file(f"{folder}/{file}", str(target / file))


def cache(root: Path) -> Path:
    """Find DVC's cache.

    Args:
        root: The project's folder.
    """
    with Repo(str(root)) as repo:
        return Path(repo.cache.local_cache_dir)


@contextlib.contextmanager
def _cache(path: str) -> Iterator[None]:
    try:
        yield
    except (DvcException, OSError) as error:
        remedy = "Remove the experiment (`dvc exp remove`), then compare again"
        raise OutsideError(f"{path} of an experiment", f"is not in DVC's cache ({error})", remedy) from error


def _git(root: Path, *words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607 -- git is where the PATH says
    return done.stdout if done.returncode == 0 else None


def _paths(entries: Iterable[Any]) -> list[str]:
    """Take the path of each entry of dvc.yaml, with or without settings."""
    return [str(next(iter(entry)) if isinstance(entry, Mapping) else entry) for entry in entries]
