"""Run the Jenkinsfile under JenkinsPipelineUnit as Jenkins would for a branch; `sh` steps are executed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.automation import act
from tests.automation.ended import COLOUR, Ended
from tests.automation.site import PASSWORD, ROOT, USER, Site
from tests.conftest import require_part
from tests.fake_forge import REPOSITORY, TOKEN

RUN = ROOT / "tests/automation/jenkins/run.groovy"
# Groovy 2.4, which JenkinsPipelineUnit wants, looks into classes that Java closed after it.
OPENED = ("--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED")


@dataclass(frozen=True)
class Build(Ended):
    """A finished build.

    Attributes:
        result: What Jenkins would show: SUCCESS, FAILURE or ABORTED.
        began: Names of the pipeline's stages whose steps began.
        asked: What `input` asked, and whom.
    """

    result: str
    began: tuple[str, ...]
    asked: tuple[str, ...]


def class_path() -> str:
    """Give Java's class path; skips, or fails in CI, where Java or Maven is missing."""
    made = subprocess.run([ROOT / ".ci/jenkins-jars"], capture_output=True, text=True, check=False)
    require_part(made.returncode != 4, f"no JenkinsPipelineUnit: {made.stderr.strip()}")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def credentials() -> dict[str, object]:
    """Give what Jenkins holds, by id."""
    return {
        "scanops-forge": TOKEN,
        "scanops-mlflow": act.secrets()["MLFLOW_TRACKING_TOKEN"],
        "scanops-registry": {"user": USER, "password": PASSWORD},
    }


def run(site: Site, branch: str, *, approved: bool = True, **given: str) -> Build:
    """Run one build in the site's workspace as it is checked out.

    Args:
        site: The parts.
        branch: Its name, `PR-7` for a pull request.
        approved: What a person answers to `input`.
        **given: Parameters of the build; by default the defaults of the Jenkinsfile.
    """
    variables = {
        **site.machine,
        "WORKSPACE": str(site.workspace),
        "BRANCH_NAME": branch,
        "REGISTRY": site.repository,
        "SCANOPS_REMOTE": str(site.store),
        "MLFLOW_TRACKING_URI": site.tracking,
        "GITHUB_API_URL": site.forge.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GIT_AUTHOR_NAME": "Jenkins",
        "GIT_AUTHOR_EMAIL": "jenkins@example.org",
        "STAND_IN_STORE": str(site.folder / "act"),
    }
    told = {"variables": variables, "params": given, "secrets": credentials(), "approved": approved}
    place = site.folder / "build.json"
    place.write_text(json.dumps(told), encoding="utf-8")
    began = time.monotonic()
    command = ["java", *OPENED, "-cp", class_path(), "groovy.ui.GroovyMain", str(RUN), str(place)]
    done = subprocess.run(
        command,
        cwd=site.folder,
        env=site.machine,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    out = COLOUR.sub("", done.stdout)
    number = len(list(site.folder.glob("jenkins-*.log")))
    (site.folder / f"jenkins-{number}.log").write_text(out, encoding="utf-8")
    assert done.returncode == 0, out
    ended: Mapping[str, Any] = json.loads((site.folder / "build.json.ended").read_text(encoding="utf-8"))
    build = Build(
        passed=ended["result"] == "SUCCESS",
        out=out,
        seconds=time.monotonic() - began,
        result=str(ended["result"]),
        began=tuple(ended["stages"]),
        asked=tuple(ended["asked"]),
    )
    site.story.append(build.row(f"jenkins {branch} {given.get('DO', '')}"))
    return build
