"""The hosts that all scenarios share, and the table of what they measured."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import require_part
from tests.deploy.parts import DEPLOY_BIN
from tests.deploy.site import FAULTS, Site, site
from tests.deploy.table import Table

BAD = [name for name, fault in FAULTS.items() if fault != "none"]
PROGRAMS = ("docker-registry", "skopeo", "mmdebstrap", "ssh", "openssl")


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """Give the table; print it at the end, however that is."""
    rows = Table()
    yield rows
    rows.print()


@pytest.fixture(scope="session")
def here(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give four hosts, two of them behind a bastion and without a registry."""
    for program in PROGRAMS:
        require_part(shutil.which(program), f"no {program}: `make parts-deploy` installs it")
    require_part((DEPLOY_BIN / "ansible-playbook").exists(), "no build/deploy; `make deploy-tools` makes it")
    with site(tmp_path_factory.mktemp("site")) as ready:
        yield ready


@pytest.fixture
def served(here: Site) -> Site:
    """Give the hosts with `one` or `two` on all of them, whatever the scenario before left."""
    if not machines_serve(here):
        if not here.is_bootstrapped:
            assert here.run("bootstrap").code == 0
        ended = here.run("deploy", "one")
        assert ended.code == 0, ended.out + ended.err
    return here


def machines_serve(here: Site) -> bool:
    """Say whether all hosts serve the same good version."""
    if not here.is_bootstrapped:
        return False
    served = set(here.digests().values())
    return len(served) == 1 and not served & {None, *BAD}
