"""What an experiment reads outside git is found from its own folder, and known by its content."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import compare_run
from scanops import search_space
from scanops.digest import hash_file
from scanops.errors import ConfigError
from scanops.release import local_inputs
from tests.contract.imports import ROOT

PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
GRAPH = """
stages:
  split: {cmd: s, params: [dataset, split], outs: [data/raw]}
  export: {cmd: e, deps: [data/raw], params: [training], outs: [data/bundle]}
"""
FILE = {"training.architecture": "file", "training.weights": "backbone.keras"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a folder under git with a graph and a file of weights beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(GRAPH, encoding="utf-8")
    (folder / "backbone.keras").write_bytes(b"one")
    for words in (
        ["init", "-q"],
        ["config", "user.email", "t@example.org"],
        ["config", "user.name", "t"],
        ["add", "dvc.yaml"],
        ["commit", "-qm", "toy"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def plan(root: Path, **changes: Any) -> compare_run.Plan:
    """Plan a comparison of one candidate."""
    values = {"name": "s", "candidates": [FILE], **changes}
    return compare_run.plan(search_space.parse(values, "s.yaml"), PARAMS, root)


def test_another_content_behind_the_same_path_is_another_candidate(root: Path) -> None:
    """Both its name and what DVC is handed follow the content, so no cache takes the one for the other."""
    (first,) = plan(root).candidates
    assert plan(root).settings[first]["training.weights_sha256"] == hash_file(root / "backbone.keras")
    (root / "backbone.keras").write_bytes(b"two")
    (second,) = plan(root).candidates
    assert second != first
    assert plan(root).settings[second]["training.weights_sha256"] == hash_file(root / "backbone.keras")


def test_the_place_of_the_project_is_in_no_name(root: Path, tmp_path: Path) -> None:
    """A project that was moved finds its experiments, and hands on where the file is now."""
    before = plan(root)
    moved = tmp_path / "moved"
    shutil.move(root, moved)
    after = plan(moved)
    assert (after.data, set(after.candidates)) == (before.data, set(before.candidates))
    (name,) = after.candidates
    assert after.settings[name]["training.weights"] == str(moved / "backbone.keras")


def test_weights_that_are_not_there_are_refused_before_any_work(root: Path) -> None:
    """The message names the file where it was looked for; so with one that is not the pinned one."""
    (root / "backbone.keras").unlink()
    with pytest.raises(ConfigError, match=r"project/backbone\.keras: is not a file"):
        plan(root)
    (root / "backbone.keras").write_bytes(b"one")
    with pytest.raises(ConfigError, match="weights_sha256"):
        plan(root, base={"training.weights_sha256": "0" * 64})


@pytest.mark.parametrize(
    ("source", "key", "told"),
    [
        ({"kind": "folder", "path": "scans"}, "path", "{root}/scans"),
        ({"kind": "folder", "path": "/mnt/scans"}, "path", "/mnt/scans"),
        ({"kind": "archive", "url": "scans.zip"}, "url", "{root}/scans.zip"),
        ({"kind": "archive", "url": "file:///mnt/scans.zip"}, "url", "/mnt/scans.zip"),
    ],
)
def test_a_source_is_found_from_anywhere(source: dict[str, Any], key: str, told: str, root: Path) -> None:
    """All experiments, that of the data too, are handed the absolute path."""
    raw = {**PARAMS, "dataset": "mine", "sources": {"mine": source}}
    search = search_space.parse({"name": "s", "candidates": [{}]}, "s.yaml")
    found = compare_run.plan(search, raw, root)
    for settings in found.settings.values():
        assert settings[f"sources.mine.{key}"] == told.format(root=root)


def test_sources_that_are_elsewhere_stay_as_they_are(root: Path) -> None:
    """An address is no path, and a phantom is drawn."""
    url = {"kind": "archive", "url": "https://example.org/scans.zip"}
    raw = {**PARAMS, "dataset": "mine", "sources": {"mine": url}}
    assert local_inputs.source(search_space.configure(raw, {}), root) == {}
    assert local_inputs.source(search_space.configure(PARAMS, {}), root) == {}


def test_a_path_that_dvc_would_misread_is_refused(tmp_path: Path) -> None:
    """A quote or a dollar means something else where a change is written."""
    strange = tmp_path / "o'hara"
    strange.mkdir()
    (strange / "w.h5").write_bytes(b"w")
    training = search_space.configure(PARAMS, {"training.weights": "w.h5"}).training
    with pytest.raises(ConfigError, match="cannot be handed"):
        local_inputs.weights(training, strange)


def test_folders_of_variables_are_made_absolute(tmp_path: Path) -> None:
    """A relative cache or mirror is the one that stands in the project; an unset one stays unset."""
    environ = {"SCANOPS_CACHE": "cache", "SCANOPS_MIRROR": "/mnt/mirror", "KERAS_HOME": ""}
    local_inputs.settle_folders(environ, tmp_path)
    assert environ == {
        "SCANOPS_CACHE": str(tmp_path / "cache"),
        "SCANOPS_MIRROR": "/mnt/mirror",
        "KERAS_HOME": "",
    }
