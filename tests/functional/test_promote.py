"""Promotions and rollbacks with two real clones, a bare remote, a real registry and a real MLflow."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest
import yaml
from dvc.repo import Repo

from pipelines import promote as command
from pipelines import promote_run, rollback
from scanops import config
from scanops.bundle import bundle as bundles
from scanops.digest import hash_bytes
from scanops.errors import OutsideError, VerdictError
from scanops.release import ledger, ledger_branch, registry, tracking
from scanops.release.image_registry import ImageRegistry
from scanops.release.ledger import Entry, Stage
from tests.functional.test_evaluate_and_gate import data, make_bundle
from tests.image_registry import running
from tests.releases import Clone, clones

__all__ = ["data"]  # the fixture
pytestmark = pytest.mark.xdist_group("promote")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a registry for all tests; each has a repository of its own."""
    with running(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data base: MLflow takes longer to make one than all else here takes."""
    folder = tmp_path_factory.mktemp("database")
    with contextlib.chdir(folder):  # MLflow notes where it was made
        mlflow.MlflowClient(f"sqlite:///{folder}/runs.db").search_registered_models()
    return folder / "runs.db"


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three bundles: one that answers right, and two that mix up one more pair of classes each."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, order in {"good": (0, 1, 2), "poor": (0, 2, 1), "bad": (1, 2, 0)}.items():
        make_bundle(folder / name, data, order)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def pair(data: Path, host: str, database: Path, tmp_path: Path) -> tuple[Clone, Clone]:
    """Two people's clones of one project."""
    shutil.copy(database, tmp_path / "runs.db")
    name = "".join(letter for letter in tmp_path.name.lower() if letter.isalnum())
    return clones(tmp_path, data, f"{host}/{name}", f"sqlite:///{tmp_path}/runs.db")


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What runs in this process speaks to the same tracking data base as what runs in others."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    monkeypatch.chdir(tmp_path)


def promote(clone: Clone, stage: Stage, ref: str | None = None, despite: str | None = None) -> Entry | None:
    """Do what `make promote` does, in this process: MLflow alone takes seconds to load."""
    paths = {name: clone.folder / default for name, (default, _) in command.PATHS.items()}
    given = Namespace(to=stage, ref=ref, despite=despite, params=clone.folder / "params.yaml", **paths)
    with contextlib.chdir(clone.folder):
        return promote_run.promote(clone.desk(), config.load(given.params), given)


def to_production(clone: Clone, bundle: Path) -> str:
    """Bring a bundle all the way; return its image's digest."""
    digest = clone.finish_run(bundle)
    for stage in ledger.STAGES:
        assert promote(clone, stage)
    return digest


def done(run: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """Hold the exit code; return what was printed there."""
    assert run.returncode == code, run.stdout + run.stderr
    return run.stderr if code else run.stdout


def state(clone: Clone) -> dict[str, str | None]:
    """Give the digest that each stage holds by the ledger."""
    entries = clone.desk().branch.read().entries
    held = {stage: ledger.at(entries, stage) for stage in ledger.STAGES}
    return {stage: entry.release.digest if entry else None for stage, entry in held.items()}


def aliases(clone: Clone) -> dict[str, str]:
    """Give the bundle that each alias of MLflow names."""
    with registry.opened(clone.desk().rules) as client:
        known = client.get_registered_model("scanops").aliases
        return {
            alias: client.get_model_version("scanops", number).tags[registry.TAG]
            for alias, number in known.items()
        }


def test_from_a_push_to_production_and_traced(
    pair: tuple[Clone, Clone], made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A candidate goes on stage by stage, aliases and tags follow, and any name of it leads to all of it."""
    ada, bea = pair
    digest = to_production(ada, made["good"])
    sha256 = bundles.hash_bundle(made["good"])
    assert aliases(ada) == dict.fromkeys(ledger.STAGES, sha256)
    images = ImageRegistry(ada.repository)
    for tag in ("candidate-1", "staging-2", "production-3"):
        assert "sha256:" + hash_bytes(images.manifest(tag)[0]) == digest
    assert done(bea.run("current", "--environment", "production")) == f"{ada.repository}@{digest}\n"
    history = done(bea.run("history"))
    assert len(history.splitlines()) == 4
    assert "Ada <ada@example.org>" in history
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    told = set()
    for ref in ("production", f"production@{today}", digest, sha256[:9], "1", ada.git("rev-parse", "HEAD")):
        told.add(done(bea.run("trace", ref)))
    (text,) = told
    for part in (
        digest,
        sha256,
        "warn, 180 images",
        "balanced_accuracy",
        "feat: the first model",
        "no champion",
    ):
        assert part in text
    (found,) = json.loads(done(bea.run("trace", "staging", "--json")))
    assert found["gate"]["verdict"] == "pass"
    assert found["git_sha"] == ada.git("rev-parse", "HEAD")
    assert [one["stage"] for one in found["stages"]] == list(ledger.STAGES)
    run = mlflow.get_run(found["model"]["registration_run"])
    assert run.data.tags["bundle_sha256"] == sha256
    assert "means nothing" in done(bea.run("trace", "production@2020-01-01"), 2)


def test_the_training_is_found(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """Where the tracking server has the run of the training, the ledger leads there."""
    ada, _ = pair
    rules = config.load(ada.folder / "params.yaml").tracking
    described = bundles.read(made["good"])
    with tracking.run(rules, "a training", {}, {"model_sha256": described.model_sha256}):
        training = mlflow.active_run().info.run_id
    ada.finish_run(made["good"])
    entry = promote(ada, "candidate")
    assert entry
    assert entry.release.training_run == training


def test_promoting_twice_is_promoting_once(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """What is there already stays there, for everybody, and the ledger gains no entry."""
    ada, bea = pair
    to_production(ada, made["good"])
    tip = ada.desk().branch.read().tip
    assert [promote(ada, stage) for stage in ledger.STAGES] == [None] * 3
    assert promote(bea, "production") is None
    assert ada.desk().branch.read().tip == tip


def test_what_is_superseded_or_unknown_stays(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """A newer candidate supersedes one that nobody promoted; what never was a candidate is not one."""
    ada, _ = pair
    older = ada.finish_run(made["poor"])
    with pytest.raises(VerdictError, match="holds nothing yet"):
        promote(ada, "staging")
    promote(ada, "candidate")
    newer = ada.finish_run(made["good"])
    promote(ada, "candidate")
    with pytest.raises(VerdictError, match="superseded"):
        promote(ada, "staging", ref=older)
    with pytest.raises(VerdictError, match="not in the ledger"):
        promote(ada, "staging", ref="f" * 12)
    with pytest.raises(VerdictError, match="holds nothing yet"):
        promote(ada, "production", ref=newer)
    assert state(ada) == {"candidate": newer, "staging": None, "production": None}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("gate failed", "nothing ships"),
        ("gate of another bundle", "is about bundle"),
        ("gate changed after the build", r"says io\.scanops\.gate"),
        ("metrics of another bundle", "is about bundle"),
        ("uncommitted code", "no commit holds"),
        ("unpushed commit", "is on no branch"),
        ("another bundle at hand", "is about bundle"),
    ],
)
def test_what_does_not_belong_together_is_no_candidate(
    fault: str, said: str, pair: tuple[Clone, Clone], made: dict[str, Path]
) -> None:
    """Exit code 3 with the reason; neither ledger nor registry has it."""
    ada, _ = pair
    if fault == "unpushed commit":
        ada.git("commit", "--quiet", "--allow-empty", "-m", "feat: not pushed")
    ada.finish_run(made["good"])
    gate, metrics, pushed = (ada.folder / "reports" / f"{name}.json" for name in ("gate", "metrics", "push"))
    if fault == "gate failed":
        change(gate, verdict="fail")
    elif fault == "gate of another bundle":
        change(gate, bundle_sha256="f" * 64)
    elif fault == "gate changed after the build":
        change(gate, checks=[])
    elif fault == "metrics of another bundle":
        change(metrics, bundle_sha256="f" * 64)
    elif fault == "uncommitted code":
        change(pushed, git_sha="f" * 40 + "-dirty")
    elif fault == "another bundle at hand":
        shutil.rmtree(ada.folder / "data" / "bundle")
        shutil.copytree(made["poor"], ada.folder / "data" / "bundle")
    with pytest.raises(VerdictError, match=said) as refused:
        promote(ada, "candidate")
    assert refused.value.exit_code == 3
    assert ada.desk().branch.read().entries == []
    assert not mlflow.MlflowClient(ada.database).search_registered_models()


def change(report: Path, **values: object) -> None:
    """Change keys of a report."""
    report.write_text(json.dumps(json.loads(report.read_text()) | values), encoding="utf-8")


def test_who_loses_the_challenge_stays_out(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """A worse model is refused with the figures; only a person's written reason lets it in."""
    ada, _ = pair
    good = to_production(ada, made["good"])
    poor = ada.finish_run(made["poor"])
    promote(ada, "candidate")
    with pytest.raises(VerdictError, match="worse"):
        promote(ada, "staging")
    report = json.loads((ada.folder / "reports" / "challenge.json").read_text())
    assert report["verdict"] == "refused"
    assert state(ada) == {"candidate": poor, "staging": good, "production": good}
    entry = promote(ada, "staging", despite="the old one breaks on new scanners")
    assert entry
    assert entry.challenge
    assert (entry.challenge.verdict, entry.reason) == ("refused", "the old one breaks on new scanners")
    assert "the old one breaks" in done(ada.run("history", "--to", "staging"))
    assert "difference -" in done(ada.run("trace", poor))


def test_a_better_model_wins_and_is_rolled_back(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """The winner takes the place; a rollback goes to what was there before, and no further than there is."""
    ada, bea = pair
    poor, good = to_production(ada, made["poor"]), to_production(ada, made["good"])
    assert state(bea)["production"] == good
    said = done(bea.run("rollback", "--to", "production", "--reason", "slow"))
    assert poor in said
    assert state(ada) == {"candidate": good, "staging": good, "production": poor}
    assert aliases(ada)["production"] == bundles.hash_bundle(made["poor"])
    assert ledger.before(ada.desk().branch.read().entries, "production") is None
    assert promote(ada, "production")
    assert state(ada)["production"] == good
    text = done(ada.run("trace", poor))
    assert "rollback by Bea <bea@example.org>, entry 7 (slow); until" in text


def test_nothing_to_go_back_to_is_told(pair: tuple[Clone, Clone], monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty ledger is no fault of its readers, but has nothing to roll back to or to deploy."""
    ada, _ = pair
    monkeypatch.chdir(ada.folder)
    monkeypatch.setattr(sys, "argv", ["rollback", "--to", "production"])
    with pytest.raises(VerdictError, match="nothing to go back to"):
        rollback.main()
    assert "empty" in done(ada.run("history"))
    assert "holds nothing yet" in done(ada.run("current", "--environment", "production"), 2)


def test_the_same_bundle_in_a_newer_image_needs_no_challenge(
    pair: tuple[Clone, Clone], made: dict[str, Path]
) -> None:
    """New code around the bundle of production goes on by the gate alone, and the ledger says so."""
    ada, _ = pair
    to_production(ada, made["good"])
    newer = ada.finish_run(made["good"], revision="2")
    promote(ada, "candidate")
    entry = promote(ada, "staging")
    assert entry
    assert entry.challenge
    assert entry.challenge.verdict == "same_bundle"
    assert state(ada)["staging"] == newer


def hook(clone: Clone, name: str, script: str) -> None:
    """Let the ledger's remote run something when it is pushed to."""
    path = clone.folder.parent / "remote.git" / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_of_two_at_once_one_wins(pair: tuple[Clone, Clone], made: dict[str, Path]) -> None:
    """Both have decided on the same ledger when the remote takes the first: the other changes nothing."""
    ada, _ = pair
    for clone in pair:
        clone.finish_run(made["good"], revision=clone.who)
    # Neither push is taken before both have arrived.
    meet = ada.folder.parent / "met"
    meet.mkdir()
    both_here = f"[ $(ls {meet} | wc -l) -ge 2 ]"
    wait = f"for _ in $(seq 2000); do {both_here} && exit 0; sleep 0.05; done; exit 1"
    hook(ada, "pre-receive", f"touch {meet}/$$; {wait}")
    both = [clone.start("promote", "--to", "candidate") for clone in pair]
    said = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 3], said
    winner, loser = sorted(zip(both, said, pair, strict=True), key=lambda one: one[0].returncode)
    assert f"{winner[2].who} <" in loser[1][1]
    assert "so nothing was written" in loser[1][1]
    entries = ada.desk().branch.read().entries
    assert (len(entries), entries[-1].who.split()[0]) == (1, winner[2].who)


@pytest.mark.parametrize("moment", ["pre-receive", "post-receive"])
def test_a_death_in_the_middle_leaves_nothing_half_done(
    moment: str, pair: tuple[Clone, Clone], made: dict[str, Path]
) -> None:
    """Killed before the ledger has the entry nothing changed; killed after, the next one sets all right."""
    ada, bea = pair
    digest = ada.finish_run(made["good"])
    promote(ada, "candidate")
    note = ada.folder.parent / "pid"
    script = f"kill -9 $(cat {note})"
    # A hook that fails has the remote refuse the push.
    hook(ada, moment, f"{script}; exit 1" if moment == "pre-receive" else script)
    process = ada.start("promote", "--to", "staging")
    note.write_text(str(process.pid), encoding="utf-8")
    process.communicate()
    assert process.returncode == -9
    (ada.folder.parent / "remote.git" / "hooks" / moment).unlink()
    landed = moment == "post-receive"
    assert state(bea)["staging"] == (digest if landed else None)
    assert "staging" not in aliases(ada)
    assert (promote(bea, "staging") is None) is landed
    assert state(bea)["staging"] == digest
    assert aliases(ada)["staging"] == bundles.hash_bundle(made["good"])


def test_what_follows_the_ledger_is_done_again(
    pair: tuple[Clone, Clone], made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that fails after the ledger has the entry is told as that; the same again does the rest."""
    ada, _ = pair
    digest = ada.finish_run(made["good"])

    def fail(*_: object) -> None:
        raise OutsideError("registry", "is out of order", "Start it")

    with monkeypatch.context() as patched:
        patched.setattr(ImageRegistry, "tag", fail)
        with pytest.raises(OutsideError, match="out of order") as caught:
            promote(ada, "candidate")
    assert caught.value.__notes__ == ["The ledger has it, as entry 1. The same again does the rest."]
    assert state(ada)["candidate"] == digest
    assert promote(ada, "candidate") is None
    assert "sha256:" + hash_bytes(ImageRegistry(ada.repository).manifest("candidate-1")[0]) == digest


def test_a_rewritten_ledger_is_told(
    pair: tuple[Clone, Clone], made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes back an entry by force is found by every clone that saw it, and by MLflow's witness."""
    ada, bea = pair
    ada.finish_run(made["good"])
    promote(ada, "candidate")
    first = ada.desk().branch.read().tip
    promote(ada, "staging")
    ada.git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/ledger")
    assert "was rewritten" in done(ada.run("history"), 3)
    assert "empty" not in done(bea.run("history"))  # bea has not seen the entry
    with pytest.raises(VerdictError, match=r"rewritten.*entry 2"):
        promote(bea, "staging")
    ada.git("push", "--quiet", "origin", "--delete", "ledger")
    monkeypatch.setenv(ledger_branch.VARIABLE, ".")
    with pytest.raises(VerdictError, match="or is another"):  # hers is empty, and here alone
        bea.desk().read()
    assert "has vanished" in done(ada.run("current", "--environment", "staging"), 3)


def test_what_is_away_is_told_and_nothing_changes(
    pair: tuple[Clone, Clone], made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registry, model registry or ledger out of reach: exit code 4, and the ledger is as it was."""
    ada, _ = pair
    with running(tmp_path / "images") as host:
        ada.repository = f"{host}/away"
        ada.finish_run(made["good"])
        promote(ada, "candidate")
    monkeypatch.setattr("scanops.release.image_registry.RETRIED", 0)
    with pytest.raises(OutsideError, match=r"registry .*cannot be reached"):
        promote(ada, "staging")
    with monkeypatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patched.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(OutsideError, match="model registry"):
            promote(ada, "staging")
    assert len(ada.desk().branch.read().entries) == 1
    ada.git("remote", "set-url", "origin", "https://me:secret@127.0.0.1:9/none.git")
    with pytest.raises(OutsideError, match="the ledger on origin") as caught:
        promote(ada, "staging")
    assert "secret" not in str(caught.value)


def test_dvc_has_to_have_pushed(pair: tuple[Clone, Clone], made: dict[str, Path], tmp_path: Path) -> None:
    """Where there is a DVC remote, a candidate's data and model have to be there first."""
    ada, _ = pair
    stages = {"stages": {"one": {"cmd": "echo 1 > one.txt", "outs": ["one.txt"]}}}
    (ada.folder / "dvc.yaml").write_text(yaml.safe_dump(stages), encoding="utf-8")
    with Repo.init(str(ada.folder)) as repo, repo.config.edit() as settings:
        settings["remote"]["store"] = {"url": f"{tmp_path}/store"}
        settings["core"]["remote"] = "store"
    with contextlib.chdir(ada.folder), Repo() as repo:
        repo.reproduce()
    ada.finish_run(made["good"])
    with pytest.raises(VerdictError, match=r"the DVC remote: lacks 1 outputs \(one\.txt"):
        promote(ada, "candidate")
    assert ada.desk().branch.read().entries == []
    with contextlib.chdir(ada.folder), Repo() as repo:
        repo.push()
    entry = promote(ada, "candidate")
    assert entry
    assert "dvc.lock" in entry.release.evidence
