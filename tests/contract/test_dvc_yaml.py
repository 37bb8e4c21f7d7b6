"""dvc.yaml, params.yaml and the code say the same."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanops.config import Config
from tests.contract.imports import ROOT, sources

GRAPH: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = GRAPH["stages"]
# What a stage puts into its output without importing it.
SHIPPED = {"image": ["scanops.serving.__main__", "scanops.serving.batch"]}
# What a stage reads for MLflow alone: it changes no output, so changing it must not run the stage.
LABELS = {"train": {"dataset", "tracking"}}

# Where a stage reads its sections, if not in its entry point alone.
READERS = {
    "train": ["train", "train_run"],
    "export": ["export", "export_run"],
    "evaluate": ["evaluate", "model_card_facts"],
}


def _paths(entries: list[Any]) -> set[str]:
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def test_stages_are_the_agreed_ones() -> None:
    """The graph has the stages of the design, in its order."""
    assert list(STAGES) == ["pull", "validate", "split", "train", "export", "evaluate", "gate", "image"]


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_imports(stage: str) -> None:
    """A stage depends on every file that it imports and on no other code: nothing stale, nothing needless."""
    modules = [STAGES[stage]["cmd"].split()[2], *SHIPPED.get(stage, [])]
    imported = {file.relative_to(ROOT).as_posix() for module in modules for file in sources(module)}
    listed = {path for path in _paths(STAGES[stage]["deps"]) if path.endswith(".py")}
    assert listed == imported, f"add {sorted(imported - listed)}, remove {sorted(listed - imported)}"


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_read(stage: str) -> None:
    """A stage declares the sections that its entry point reads, and no other."""
    declared = {param.split(".")[0] for param in STAGES[stage]["params"]}
    readers = [ROOT / "pipelines" / f"{name}.py" for name in READERS.get(stage, [stage])]
    read = {section for file in readers for section in _sections_read(file)} - LABELS.get(stage, set())
    read = (read - {"source"}) | {"sources"} if "source" in read else read
    assert declared == read


def _sections_read(file: Path) -> set[str]:
    """Find `config.load(…).section` and `params.section`, where `params` holds a loaded configuration."""
    known = {*Config.model_fields, "source"}
    return {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in known
        and re.fullmatch(r"params|config\.load\(\w+\.params\)", ast.unparse(node.value))
    }


@pytest.mark.parametrize("stage", STAGES)
def test_paths_of_the_command_are_declared(stage: str) -> None:
    """Each path on a stage's command line is one of its deps or outs, but for pages and timings."""
    undeclared = {"reports/data_docs", "reports/timings.json", "${dataset}"}
    entry = STAGES[stage]
    declared = _paths(entry["deps"] + entry.get("outs", []) + entry.get("metrics", []))
    words = entry["cmd"].split()
    named = {word for option, word in itertools.pairwise(words) if option.startswith("--")}
    assert named - undeclared <= declared


def test_packages_hold_no_code() -> None:
    """A package's `__init__.py` is a docstring alone: what a stage depends on is told by its imports."""
    for file in [ROOT / "pipelines/__init__.py", *(ROOT / "src").rglob("__init__.py")]:
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert len(body) == 1, file
        assert isinstance(body[0], ast.Expr), file


def test_entry_points_are_thin() -> None:
    """An entry point parses, loads, calls and writes, in under 60 lines; the rooms do the work."""
    for stage in STAGES:
        lines = (ROOT / "pipelines" / f"{stage}.py").read_text(encoding="utf-8").count("\n")
        assert lines < 60, f"pipelines/{stage}.py has {lines} lines"


def test_plots_come_from_declared_outputs() -> None:
    """Every file that `dvc plots` shows is in an output of a stage."""
    outs = set().union(*(_paths(stage.get("outs", [])) for stage in STAGES.values()))
    for plot in GRAPH["plots"]:
        ((name, settings),) = plot.items() if isinstance(plot, dict) else [(plot, None)]
        files = list(settings["y"]) if settings and isinstance(settings["y"], dict) else [name]
        for file in files:
            assert {file, Path(file).parent.as_posix()} & outs, file
