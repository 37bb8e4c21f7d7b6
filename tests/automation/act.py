"""Run a workflow with `act`, on this machine and without containers, as GitHub would for an event."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.automation.ended import COLOUR, Ended
from tests.automation.site import PASSWORD, ROOT, USER, Site, dotenv
from tests.conftest import require_part
from tests.fake_forge import REPOSITORY, TOKEN

HERE = Path(__file__).parent
# What cannot be fetched where there is no GitHub, and what stands in for it.
STAND_INS = {
    "actions/cache": "cache",
    "actions/upload-artifact": "upload",
    "actions/download-artifact": "download",
    "aws-actions/configure-aws-credentials": "refused",
    "google-github-actions/auth": "refused",
    "azure/login": "refused",
}
PIN = re.compile(r"uses: ([\w-]+/[\w-]+)(?:/[\w/-]+)?@([0-9a-f]{40})")


def program() -> str:
    """Give the path of act; skips, or fails in CI, where there is no Go to build it with."""
    made = subprocess.run([ROOT / ".ci/go-tool", "act"], capture_output=True, text=True, check=False)
    require_part(made.returncode != 4, f"no act: {made.stderr.strip()}")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def secrets() -> dict[str, str]:
    """Give what is stored in the forge's settings."""
    return {
        "REGISTRY_PASSWORD": PASSWORD,
        "SCANOPS_FORGE_TOKEN": TOKEN,
        "MLFLOW_TRACKING_TOKEN": "token-of-the-tracking-server",
        "GITHUB_TOKEN": "token-of-the-job",
    }


def variables(site: Site) -> dict[str, str]:
    """Give what is set in the forge's settings for all to read."""
    return {
        "SCANOPS_REGISTRY": site.repository,
        "REGISTRY_USER": USER,
        "SCANOPS_REMOTE": str(site.store),
        "MLFLOW_TRACKING_URI": site.tracking,
    }


def run(
    site: Site,
    event: str,
    job: str,
    payload: Mapping[str, Any],
    *,
    given: Mapping[str, str] | None = None,
    watch: Mapping[str, Callable[[], object]] | None = None,
) -> Ended:
    """Run one job, and the jobs that it needs, in the site's workspace as it is checked out.

    Args:
        site: The parts.
        event: Its name, such as `push`.
        job: `workflow/job`, or `workflow/` for all of its jobs.
        payload: Of the event.
        given: The secrets that the forge hands to this event; by default all.
        watch: What to do when a line that begins so appears.
    """
    workflow, _, name = job.partition("/")
    place = site.folder / "act"
    place.mkdir(exist_ok=True)
    repository = {"full_name": REPOSITORY, "default_branch": "main", "name": REPOSITORY.split("/")[1]}
    told = {"repository": repository, "sender": {"login": "Bea"}, **payload}
    (place / "event.json").write_text(json.dumps(told), encoding="utf-8")
    env = {"GITHUB_API_URL": site.forge.url, "GITHUB_REPOSITORY": REPOSITORY, "STAND_IN_STORE": str(place)}
    command = [program(), event, "--workflows", f".github/workflows/{workflow}.yml"]
    command += ["--job", name] if name else []
    command += ["--platform", "ubuntu-24.04=-self-hosted", "--eventpath", str(place / "event.json")]
    command += ["--action-cache-path", str(place / "actions"), "--actor", "Bea", "--rm"]
    command += ["--secret-file", str(dotenv(place / "secrets", secrets() if given is None else given))]
    command += ["--var-file", str(dotenv(place / "variables", variables(site)))]
    command += ["--env-file", str(dotenv(place / "environment", env))]
    command += [word for pair in _replaced() for word in ("--local-repository", pair)]
    ended = _follow(command, site, watch or {})
    site.story.append(ended.row(f"act {job}"))
    return ended


def _replaced() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / ".github").rglob("*.yml")]
    pins = {pin for text in texts for pin in PIN.findall(text) if pin[0] != "actions/checkout"}
    return [f"{name}@{commit}={HERE / 'stand_ins' / STAND_INS[name]}" for name, commit in sorted(pins)]


def _follow(command: list[str], site: Site, watch: Mapping[str, Callable[[], object]]) -> Ended:
    began = time.monotonic()
    said: list[str] = []
    with subprocess.Popen(
        command,
        cwd=site.workspace,
        env=site.machine,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout
        for raw in process.stdout:
            line = COLOUR.sub("", raw)
            printed = re.match(r"\[[^]]*\] +\| ?(.*)", line)
            said.append(printed[1] if printed else line.rstrip())
            for start, do in watch.items():
                if printed and printed[1].startswith(start):
                    do()
    out = "\n".join(said)
    (site.folder / f"act-{len(list(site.folder.glob('act-*.log')))}.log").write_text(out, encoding="utf-8")
    return Ended(process.returncode == 0, out, time.monotonic() - began)
