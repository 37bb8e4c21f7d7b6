"""A Makefile as a stranger's pull request might bring it, and what it got at."""

from __future__ import annotations

from tests.automation import act
from tests.automation.site import Site
from tests.retrained import git

# Whatever target a job calls writes down all that it sees.
MAKEFILE = """.DEFAULT:
\t@mkdir -p "$$STAND_IN_STORE/loot"
\t@{ env; cat .git/config; } > "$$STAND_IN_STORE/loot/$@"
"""


def check_out(site: Site) -> str:
    """Check out a commit with that Makefile, which is on no branch of the project; return it."""
    site.check_out(git(site.origin, "rev-parse", "main"))
    (site.workspace / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    git(site.workspace, "add", "-A")
    git(site.workspace, "commit", "-q", "-m", "feat: harmless")
    return git(site.workspace, "rev-parse", "HEAD")


def looted(site: Site) -> dict[str, str]:
    """Take what each target saw, and forget it."""
    folder = site.folder / "act" / "loot"
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}
    for path in folder.glob("*"):
        path.unlink()
    return found


def leaked(found: dict[str, str]) -> set[tuple[str, str]]:
    """Name each secret that a target saw."""
    return {
        (target, name)
        for target, text in found.items()
        for name, value in act.secrets().items()
        if value in text
    }
