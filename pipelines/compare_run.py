"""The first two steps of a comparison: plan the experiments, and have them run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scanops import cluster, config, search_space
from scanops.config import Config
from scanops.errors import ConfigError
from scanops.evaluation import comparison
from scanops.release import (
    experiment_queue,
    experiment_task,
    experiments,
    local_inputs,
    reproduce,
)
from scanops.search_space import Changes, Search

# Where a candidate ends, and where the data do that all share; `evaluate`, which opens the test split,
# stands behind both.
TARGET, SHARED = "export", "split"


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        params: Parameters that all candidates start from.
        data: Name of the experiment that makes the data.
        candidates: What each candidate changes, by the name of its experiment.
        settings: All that each experiment, that of the data too, is to change in `params.yaml`.
    """

    params: Config
    data: str
    candidates: Mapping[str, Changes]
    settings: Mapping[str, Changes]


def plan(search: Search, raw: dict[str, Any], root: Path) -> Plan:
    """Name each experiment, and check all parameters before any work.

    Args:
        search: What to try.
        raw: The mapping read from `params.yaml`.
        root: The project's folder.

    Returns:
        The plan; candidates that come to the same parameters are one.

    Raises:
        ConfigError: A candidate's parameters are not valid, a file that they name is missing, or git does
            not know the code.
    """
    graph = config.read_yaml(root / "dvc.yaml")
    experiments.require_tracked(graph, root)
    params = search_space.configure(raw, search.base)
    # Where the project lies is in no name: it decides nothing.
    data = experiments.name(graph, SHARED, params, root)
    base = {**search.base, **local_inputs.source(params, root)}
    candidates: dict[str, Changes] = {}
    settings: dict[str, Changes] = {data: base}
    for changes in search.points():
        wanted = {**search.base, **changes}
        start = local_inputs.weights(search_space.configure(raw, wanted).training, root)
        one = experiments.name(graph, TARGET, search_space.configure(raw, {**wanted, **start}), root)
        candidates.setdefault(one, changes)
        settings.setdefault(one, {**base, **changes, **start})
    return Plan(params, data, candidates, settings)


def carry_out(planned: Plan, search: Search, root: Path, again: Callable[[], Plan]) -> dict[str, str]:
    """Make the data once, then let DVC's queue, or a cluster, work off the candidates.

    An interrupt ends what is running; the next call goes on.

    Args:
        planned: What `plan` returned.
        search: What to try, and how many at a time.
        root: The project's folder.
        again: Plans once more, from the files as they are by then.

    Returns:
        Why candidates failed, by name, where DVC's queue does not know it.

    Raises:
        ConfigError: The project was changed since it was planned.
        OutsideError: DVC's queue, or the cluster, cannot be used.
    """
    _make_data(planned, root)
    known = planned.candidates.keys() & experiments.results(root).keys()
    print(f"compare: {len(planned.candidates)} candidates, {len(known)} with a result from before")
    _require_unchanged(planned, again)
    address = cluster.address_from(os.environ)
    if address:
        missing = [name for name in planned.candidates if name not in known]
        return _on_cluster(planned, missing, search.cores, root, address, again)
    _in_queue(planned, search.jobs, root, again)
    return {}


def _make_data(planned: Plan, root: Path) -> None:
    if planned.data in experiments.results(root):
        return
    words = search_space.words(planned.settings[planned.data])
    changes = [word for change in words for word in ("--set-param", change)]
    # PYTHONPATH: see `experiment_workers.start`.
    command = ["env", "PYTHONPATH=src", "dvc", "exp", "run", "--temp", "--name", planned.data]
    if code := reproduce.run([*command, *changes, SHARED]):
        sys.exit(code)


def _in_queue(planned: Plan, jobs: int, root: Path, again: Callable[[], Plan]) -> None:
    wanted = {name: search_space.words(planned.settings[name]) for name in planned.candidates}
    try:
        queued = experiment_queue.queue(root, TARGET, wanted)
        try:
            _require_unchanged(planned, again)
        except ConfigError:
            experiment_queue.forget(root, queued, ("Queued",))
            experiment_queue.stop(root, queued)
            raise
        experiment_queue.wait(root, wanted, jobs, partial(_tell, planned))
    except KeyboardInterrupt:
        experiment_queue.stop(root, wanted)
        raise


def _on_cluster(
    planned: Plan, missing: Sequence[str], cores: int, root: Path, address: str, again: Callable[[], Plan]
) -> dict[str, str]:
    order = experiment_task.order(root, experiments.cache(root), TARGET, os.environ)
    _require_unchanged(planned, again)
    items = [(name, search_space.words(planned.settings[name])) for name in missing]
    work, lost = partial(experiment_task.carry_out, order), experiment_task.refuse
    ended = cluster.each(work, items, address=address, chunk=1, lost=lost, shared=root, cores=cores)
    faults: dict[str, str] = {}
    with contextlib.closing(ended):
        for name, fault in zip(missing, ended, strict=True):
            if fault:
                faults[name] = fault
            _tell(planned, name, "Failed" if fault else "Success")
    return faults


def _require_unchanged(planned: Plan, again: Callable[[], Plan]) -> None:
    """Refuse to file what is run now under the names of what was there before."""
    if again().candidates.keys() != planned.candidates.keys():
        raise ConfigError("the project", "was changed while its data were made", "Compare again")


def _tell(planned: Plan, name: str, state: str) -> None:
    print(f"{state.lower()}: {comparison.label(planned.candidates[name])} ({name})", flush=True)
