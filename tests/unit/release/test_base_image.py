"""Which base image is taken, and how one from packages is trimmed."""
# ruff: noqa: ARG002 -- a stand-in takes what the real one takes

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scanops.errors import OutsideError
from scanops.release import base_image
from scanops.release.engine import Engine, EngineError

WANTED = "registry.test/python:3.11"


@dataclass(frozen=True)
class StandIn(Engine):
    """An engine that has some images, and can or cannot pull."""

    images: list[str] = field(default_factory=list)
    reachable: bool = True
    python: str = "3 11"

    def has_image(self, reference: str) -> bool:
        """Look in the list."""
        return reference in self.images

    def pull(self, reference: str, timeout_s: float) -> None:
        """Add to the list, where the registry can be reached."""
        if not self.reachable:
            raise EngineError("docker", "no such host", "")
        self.images.append(reference)

    def run_once(self, reference: str, *command: str, timeout_s: float = 60) -> str:
        """Answer with the version of Python."""
        return self.python


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Say that this is Debian, and make images in no time."""
    made: list[str] = []
    monkeypatch.setattr("scanops.release.engine_setup.is_debian", lambda: True)
    monkeypatch.setattr(base_image, "_own_name", lambda: "scanops-base:test")
    monkeypatch.setattr(base_image, "_make", lambda _engine, name: made.append(name))
    return made


def stand_in(images: tuple[str, ...] = (), *, reachable: bool = True, python: str = "3 11") -> StandIn:
    """Make an engine."""
    return StandIn("docker", "docker", "1", list(images), reachable, python)


def test_takes_the_one_that_is_here() -> None:
    """What was loaded by hand is used; no registry is asked."""
    base = base_image.ensure(stand_in((WANTED,), reachable=False), WANTED)
    assert (base.reference, base.origin, base.python) == (WANTED, "present", (3, 11))


def test_pulls_where_a_registry_is_in_reach(own: list[str]) -> None:
    """The registry's image comes before one made here."""
    assert base_image.ensure(stand_in(), WANTED).origin == "pulled"
    assert own == []


def test_makes_one_where_no_registry_is_in_reach(own: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Behind a firewall the base comes from Debian packages, and that is said."""
    base = base_image.ensure(stand_in(reachable=False), WANTED)
    assert (base.reference, base.origin, own) == ("scanops-base:test", "built", ["scanops-base:test"])
    assert "cannot be pulled" in capsys.readouterr().err


def test_reuses_the_one_made_earlier(own: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A second run makes nothing anew, and says how to."""
    base = base_image.ensure(stand_in(("scanops-base:test",), reachable=False), WANTED)
    assert (base.origin, own) == ("reused", [])
    assert "image rm" in capsys.readouterr().err


def test_elsewhere_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without Debian packages the run ends with exit code 4 and what to do."""
    monkeypatch.setattr("scanops.release.engine_setup.is_debian", lambda: False)
    with pytest.raises(OutsideError, match=r"no such host.*docker load"):
        base_image.ensure(stand_in(reachable=False), WANTED)


@pytest.mark.parametrize(("python", "fault"), [("3 9", "holds Python 3.9"), ("oops", "runs no python3")])
def test_a_base_with_another_python_is_refused(python: str, fault: str) -> None:
    """A base that cannot run the service is refused before anything is built on it."""
    with pytest.raises(OutsideError, match=fault):
        base_image.ensure(stand_in((WANTED,), python=python), WANTED)


def test_trimming_keeps_licences_and_drops_the_rest(tmp_path: Path) -> None:
    """Manuals, caches, package sources and set-user-id bits go; licences and dpkg's list stay."""
    kept = ["./usr/bin/python3.11", "./usr/share/doc/libc6/copyright", "./var/lib/dpkg/status"]
    dropped = [
        "./usr/share/man/man1/a.1.gz",
        "./usr/share/doc/libc6/changelog.gz",
        "./usr/share/locale/de/x.mo",
        "./usr/lib/python3.11/test/test_x.py",
        "./usr/lib/python3.11/json/__pycache__/x.pyc",
        "./etc/apt/sources.list",
        "./var/cache/apt/archives/x.deb",
        "./usr/bin/perl5.36.0",
    ]
    full, slim = tmp_path / "full.tar", tmp_path / "slim.tar"
    with tarfile.open(full, "w") as archive:
        for name in [*kept, *dropped, "./usr/bin/su"]:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = 3, 1_700_000_000, 0o4755
            archive.addfile(member, io.BytesIO(b"abc"))
    base_image.trim(full, slim)
    with tarfile.open(slim) as archive:
        members = {member.name: member for member in archive}
        assert archive.extractfile("./usr/bin/su") is not None
    assert sorted(members) == sorted([*kept, "./usr/bin/su"])
    assert {member.mode for member in members.values()} == {0o755}
    assert {member.mtime for member in members.values()} == {0}
