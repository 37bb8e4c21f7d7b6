"""The forge: one pull request, one comment, an event, and clear words when it refuses. Against a fake."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanops.errors import ConfigError, OutsideError
from scanops.release import forge
from scanops.release.forge import Forge
from tests.fake_forge import REPOSITORY, FakeForge, listening

MARKER = "<!-- ours -->"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeForge]:
    """Give a fake of GitHub that listens, to a client that does not pause between tries."""
    monkeypatch.setattr(forge, "RETRY", forge.RETRY.new(backoff_factor=0))
    with listening() as one:
        yield one


def _client(fake: FakeForge) -> Forge:
    return Forge.find(Path(), fake.environment)


def test_proposing_twice_is_one_request(fake: FakeForge) -> None:
    """The second proposal of a branch updates the open request; after a merge a new one is opened."""
    first = _client(fake).propose("retrain/main", "main", "one", "text")
    again = _client(fake).propose("retrain/main", "main", "two", "more")
    assert (first.fresh, again.fresh) == (True, False)
    assert first.url == again.url
    assert [(pull["title"], pull["body"], pull["base"]) for pull in fake.pulls] == [("two", "more", "main")]
    fake.pulls[0]["state"] = "closed"
    assert _client(fake).propose("retrain/main", "main", "three", "").fresh
    assert len(fake.pulls) == 2


def test_the_comment_is_replaced(fake: FakeForge) -> None:
    """One comment stays, wherever it stands among others; what others wrote is left alone."""
    fake.comments = [{"id": n, "body": f"{n} {MARKER}", "html_url": ""} for n in range(3)]
    assert _client(fake).comment(7, MARKER, "one").fresh
    fake.comments.append({"id": 4, "body": "after", "html_url": ""})
    assert not _client(fake).comment(7, MARKER, "two").fresh
    assert [comment["body"] for comment in fake.comments][3:] == [f"{MARKER}\ntwo", "after"]
    assert fake.comments[0]["body"] == f"0 {MARKER}"


def test_an_event_is_sent(fake: FakeForge) -> None:
    """The event has its type and what belongs to it."""
    _client(fake).dispatch("drift", {"verdict": "drift"})
    assert fake.events == [{"event_type": "drift", "client_payload": {"verdict": "drift"}}]


def test_what_is_too_long_is_cut(fake: FakeForge) -> None:
    """A body beyond what GitHub takes ends with a word on that."""
    _client(fake).propose("b", "main", "t", "x" * 70_000)
    assert len(fake.pulls[0]["body"]) < 65_536
    assert fake.pulls[0]["body"].endswith("cut off here")


def test_a_passing_fault_is_tried_again_where_that_is_safe(fake: FakeForge) -> None:
    """Reading is tried again; opening is not, as the first try may have opened a request."""
    fake.fail_next = [502, 503]
    _client(fake).propose("b", "main", "t", "")
    assert len(fake.pulls) == 1
    fake.asked.clear()
    fake.fail_next = [502]
    with pytest.raises(OutsideError, match="502 out of order"):
        _client(fake).dispatch("drift", {})
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"GITHUB_TOKEN": "wrong"}, "refuses GET pulls: 401 Bad credentials"),
        ({"GITHUB_REPOSITORY": "some/other"}, "refuses GET pulls: 404 Not Found"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_a_refusal_says_why(fake: FakeForge, change: dict[str, str], said: str) -> None:
    """A wrong token, a wrong name and a silent forge are told apart, without showing a token."""
    client = Forge.find(Path(), {**fake.environment, **change})
    with pytest.raises(OutsideError, match=said) as raised:
        client.propose("b", "main", "t", "")
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://github.com/hospital/scans.git", REPOSITORY),
        ("git@github.com:hospital/scans.git", REPOSITORY),
        ("ssh://git@forge.example.org:22/hospital/scans", REPOSITORY),
        ("/srv/git/scans.git", None),
        (None, None),
    ],
)
def test_the_repository_is_that_of_the_remote(tmp_path: Path, remote: str | None, name: str | None) -> None:
    """Outside of GitHub Actions the remote origin names the repository; a folder names none."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if remote:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    if name is None:
        with pytest.raises(ConfigError, match="GITHUB_REPOSITORY"):
            Forge.find(tmp_path, {"GITHUB_TOKEN": "t"})
    else:
        assert Forge.find(tmp_path, {"GITHUB_TOKEN": "t"})._repository == name


def test_without_a_token_nothing_is_asked() -> None:
    """The token has to be there before anything is sent."""
    with pytest.raises(ConfigError, match="GITHUB_TOKEN"):
        Forge.find(Path(), {"GITHUB_REPOSITORY": REPOSITORY})
