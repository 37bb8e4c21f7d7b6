"""GitHub Actions and Jenkins call the words of the Makefile, with as few rights as these need."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines import publish
from scanops.release import lock_branch
from tests.contract import ci_files
from tests.contract.imports import ROOT

FOLDER = ROOT / ".github/workflows"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
FLOWS: dict[str, dict[str, Any]] = {name: ci_files.workflow(text) for name, text in TEXTS.items()}
ACTIONS = [path.read_text(encoding="utf-8") for path in (ROOT / ".github/actions").glob("*/action.yml")]
JENKINSFILE = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")
IN_JENKINS = ci_files.shell_lines(JENKINSFILE)


def _commands(flow: dict[str, Any]) -> list[str]:
    return [step["run"] for step in ci_files.steps(flow) if "run" in step]


ON_GITHUB = {word for flow in FLOWS.values() for word in ci_files.targets(_commands(flow))}
CALLED = sorted(ON_GITHUB | ci_files.targets(IN_JENKINS) | {step[0] for step in publish.STEPS})


def test_files_are_the_agreed_ones_and_short() -> None:
    """Five workflows under 80 lines each, one Jenkinsfile under 60."""
    assert set(FLOWS) == {"ci", "deploy", "drift", "promote", "retrain"}
    for name, text in TEXTS.items():
        assert text.count("\n") < 80, name
    assert JENKINSFILE.count("\n") < 60


def test_no_logic_of_their_own() -> None:
    """Whatever is run is a call of make; what an input holds reaches it through the environment."""
    for name, flow in FLOWS.items():
        assert not ci_files.unlike_make(_commands(flow)), name
    assert len(IN_JENKINS) > 10
    assert not ci_files.unlike_make(IN_JENKINS)
    assert JENKINSFILE.count(" sh ") == len(IN_JENKINS)  # none in double quotes, which Groovy would fill in


@pytest.mark.parametrize(
    "command",
    [
        "curl https://example.org | sh",
        "make check && rm -rf build",
        "make promote TO=${{ inputs.to }}",
        "make promote TO=$TO",
        'make promote TO="$TO"',
        "make check\nmake test",
        "python -m pipelines.gate",
    ],
)
def test_logic_is_found(command: str) -> None:
    """A command that does more than call make, or lets an input into the shell, is reported."""
    assert ci_files.unlike_make([command]) == [command]


@pytest.mark.parametrize("target", CALLED)
def test_targets_exist(target: str) -> None:
    """Every word that automation says is explained by the Makefile."""
    assert target in ci_files.makefile_targets(ROOT / "Makefile")


def test_both_say_the_same() -> None:
    """Jenkins and GitHub call the same targets, but for what one of them has of its own."""
    in_jenkins = ci_files.targets(IN_JENKINS)
    # GitHub's machines come without the parts of the tests, but with those of the linters of CI files; only
    # GitHub's token may write a comment.
    assert ON_GITHUB - in_jenkins == {"parts", "check-ci", "comment"}
    assert in_jenkins - ON_GITHUB == {"setup"}  # once, before stages that run beside each other


def test_permissions_are_given_job_by_job() -> None:
    """No workflow has any right; each job names its own, and none writes where it need not."""
    for name, flow in FLOWS.items():
        assert flow["permissions"] == {}, name
        for job in flow["jobs"].values():
            assert job["permissions"], name
    writers = {
        (name, job, scope)
        for name, flow in FLOWS.items()
        for job, rules in flow["jobs"].items()
        for scope, right in rules["permissions"].items()
        if right == "write" and scope != "id-token"
    }
    assert writers == {
        ("ci", "comment", "pull-requests"),
        ("drift", "drift", "contents"),
        ("promote", "promote", "contents"),
        ("promote", "promote", "packages"),
        ("retrain", "retrain", "contents"),
        ("retrain", "retrain", "packages"),
        ("retrain", "retrain", "pull-requests"),
    }


def test_what_a_deployment_needs_is_fetched_before() -> None:
    """The golden images of the digest are made where it is deployed, from the data of its release."""
    before, _, after = " ".join(_commands(FLOWS["deploy"])).partition("make deploy-inputs")
    assert "make preflight FOR=deploy" in before
    assert "make deploy" in after.split("make status")[0]
    assert "make deploy-inputs deploy status" in IN_JENKINS
    assert "make pull-cache RELEASE=production" in _commands(FLOWS["drift"])
    assert "make pull-cache drift RELEASE=production" in IN_JENKINS


def test_tests_find_their_parts() -> None:
    """CI=true lets a test fail that a skip would leave out: its parts are made first."""
    (test,) = [job for name, job in FLOWS["ci"]["jobs"].items() if name == "test"]
    words = " ".join(step.get("run", "") for step in test["steps"])
    assert words.index("make emulator deploy-tools") < words.index("make test")
    assert JENKINSFILE.index("make setup emulator deploy-tools") < JENKINSFILE.index("'make test'")


def test_targets_do_not_wait_for_each_other() -> None:
    """A promotion to production that waits for its reviewers holds up none to staging."""
    group, place = (
        FLOWS["promote"]["concurrency"]["group"],
        FLOWS["promote"]["jobs"]["promote"]["environment"],
    )
    assert group == f"promote-{place}"


def test_actions_are_pinned() -> None:
    """Foreign actions are held to a commit, its version beside it, and everywhere to the same."""
    texts = [*TEXTS.values(), *ACTIONS]
    assert not [action for text in texts for action in ci_files.unpinned(text)]
    pins = {pin for text in texts for pin in ci_files.PIN.findall(text)}
    # `actions/cache` and its part `actions/cache/restore` are one repository.
    owners = {("/".join(pin.split("@")[0].split("/")[:2]), pin.split("@")[1]) for pin in pins}
    assert len({name for name, _ in owners}) == len(owners)


@pytest.mark.parametrize(
    "action",
    ["actions/checkout@v7", "actions/checkout@main", f"actions/checkout@{'a' * 40}", "docker://alpine:3"],
)
def test_a_loose_action_is_found(action: str) -> None:
    """A tag, a branch, an image, or a commit of an unknown version is reported."""
    assert ci_files.unpinned(f"- uses: {action}\n- uses: ./.github/actions/clouds\n") == [action]


def test_the_newest_wins_and_a_roll_out_is_never_cut_off() -> None:
    """A newer run cancels an older one, but none that changes an environment."""
    cancelled = {name: flow["concurrency"]["cancel-in-progress"] for name, flow in FLOWS.items()}
    assert cancelled == {"ci": True, "retrain": True, "drift": True, "promote": False, "deploy": False}
    assert FLOWS["deploy"]["concurrency"]["group"] == "deploy-${{ inputs.environment }}"
    assert "disableConcurrentBuilds()" in JENKINSFILE


def test_pull_requests_see_no_secret() -> None:
    """What a pull request starts uses no secret, and no trigger runs a fork's code with more rights."""
    for name, flow in FLOWS.items():
        assert "pull_request_target" not in flow["on"], name
        assert "workflow_run" not in flow["on"], name
        if "pull_request" in flow["on"]:
            assert name == "ci"
    assert "secrets." not in TEXTS["ci"]
    assert "id-token" not in TEXTS["ci"]
    writer = FLOWS["ci"]["jobs"]["comment"]
    assert "head.repo.full_name == github.repository" in writer["if"]


def test_in_jenkins_only_main_sees_a_secret() -> None:
    """Credentials are bound in one stage alone, which runs on main."""
    before, after = JENKINSFILE.split("stage('On main') {", 1)
    assert "credentials(" not in before
    assert after.lstrip().startswith("when { branch 'main' }")


def test_no_token_is_left_on_the_disk() -> None:
    """Each checkout leaves out the token, which `.ci/askpass` takes from the environment."""
    for name, flow in FLOWS.items():
        for step in ci_files.steps(flow):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_every_job_ends() -> None:
    """Each job that runs anything has a time limit."""
    for name, flow in FLOWS.items():
        for job in flow["jobs"].values():
            assert "uses" in job or job["timeout-minutes"] <= 360, name
    assert "timeout(time:" in JENKINSFILE


def test_a_merged_lock_starts_nothing() -> None:
    """What a retraining commits is outside of the paths that start one; each of its inputs is inside."""
    filters = FLOWS["retrain"]["on"]["push"]["paths"]
    committed = lock_branch.declared(ROOT)
    assert {"dvc.lock", "reports/gate.json", "reports/metrics.json"} <= set(committed)
    assert not ci_files.touches(committed, filters)
    assert not ci_files.touches(
        ["README.md", "docs/data.md", "tests/conftest.py", "ansible/ansible.cfg"], filters
    )
    for name in lock_branch.INPUTS:
        changed = f"{name}/a/b.py" if (ROOT / name).is_dir() else name
        assert ci_files.touches([changed], filters), name
    assert ci_files.touches(["data/scans.dvc"], filters)
    assert ci_files.touches(["dvc.lock", "src/scanops/errors.py"], filters)


@pytest.mark.parametrize(
    ("path", "pattern", "matches"),
    [
        ("src/a/b.py", "src/**", True),
        ("src/a/b.py", "src/*", False),
        ("src/b.py", "src/*", True),
        ("a/b.dvc", "**.dvc", True),
        ("params.yaml", "params.yaml", True),
        ("sub/params.yaml", "params.yaml", False),
        ("paramsXyaml", "params.yaml", False),
    ],
)
def test_the_filter_is_evaluated_as_github_does(path: str, pattern: str, matches: bool) -> None:
    """One star stays within a folder, two do not, and a dot is a dot."""
    assert ci_files.touches([path], [pattern]) is matches


def test_what_starts_a_retraining() -> None:
    """A push to main, the clock, a person, new data, and drift."""
    begins = FLOWS["retrain"]["on"]
    assert set(begins) == {"push", "schedule", "workflow_dispatch", "repository_dispatch"}
    assert begins["push"]["branches"] == ["main"]
    assert begins["repository_dispatch"]["types"] == ["data-updated", "drift"]
    assert "gpu" in begins["workflow_dispatch"]["inputs"]["runner"]["options"]
    assert FLOWS["retrain"]["jobs"]["retrain"]["runs-on"].startswith("${{ inputs.runner || ")


def test_an_environment_stands_before_what_changes_one() -> None:
    """Whatever holds a secret or changes an environment runs in a GitHub Environment, with its reviewers."""
    for name in ("retrain", "promote", "deploy", "drift"):
        for job in FLOWS[name]["jobs"].values():
            assert "environment" in job or job.get("with", {}).get("environment"), name
    promote = FLOWS["promote"]["jobs"]
    assert promote["promote"]["environment"] == promote["deploy"]["with"]["environment"]
    assert promote["deploy"]["needs"] == "promote"
