"""After all that happened: undo it, and ask where everything came from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from scanops.release import ledger
from tests.automation.site import Site

pytestmark = [pytest.mark.automation, pytest.mark.xdist_group("automation")]


def test_a_rollback_brings_back_what_was_there(site: Site) -> None:
    """Production goes back by the ledger, with the reason."""
    entries = site.ledger()
    before = ledger.before(entries, "production")
    assert before
    done = site.at_desk("rollback", "TO=production", "REASON=slow on the ward")
    assert done.returncode == 0, done.stderr
    now = site.ledger()[-1]
    assert (now.action, now.stage, now.reason) == ("rollback", "production", "slow on the ward")
    assert now.release.digest == before.digest


def test_every_digest_leads_back(site: Site) -> None:
    """Each image that the ledger has seen answers with commit, data, parameters, gate and its stays."""
    entries = site.ledger()
    digests = {entry.release.digest for entry in entries}
    assert len(digests) >= 3
    for digest in sorted(digests):
        done = site.at_desk("trace", f"REF={digest}", "JSON=1")
        assert done.returncode == 0, done.stderr
        for word in ("git_sha", "data_sha256", "params_sha256", "gate", "validation"):
            assert f'"{word}"' in done.stdout, word
        release = next(entry.release for entry in entries if entry.release.digest == digest)
        assert release.git_sha in done.stdout
        assert str(release.registration_run) in done.stdout


def test_a_moment_in_the_past_is_answered(site: Site) -> None:
    """What was in production before the last change is told for that moment, what is there now for now."""
    stays = [entry for entry in site.ledger() if entry.stage == "production"]
    assert len(stays) >= 3
    for stay, following in pairwise(stays):
        moment = stay.when + (following.when - stay.when) / 2
        done = site.at_desk("trace", f"REF=production@{moment:%Y-%m-%dT%H:%M:%SZ}", "JSON=1")
        assert done.returncode == 0, done.stderr
        assert stay.release.digest in done.stdout
    day = site.at_desk("trace", f"REF=production@{datetime.now(UTC):%Y-%m-%d}", "JSON=1")
    told = json.dumps(day.stdout)
    assert all(stay.release.digest in told for stay in stays)
    early = datetime.now(UTC) - timedelta(days=2)
    assert site.at_desk("trace", f"REF=production@{early:%Y-%m-%d}").returncode != 0
