"""Finding an engine and speaking to it, with stand-in programs on a PATH of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scanops.errors import ConfigError, OutsideError
from scanops.release import engine_setup
from scanops.release.engine import Engine, EngineError, programs


def program(folder: Path, name: str, script: str) -> Path:
    """Write an executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def no_system_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own engine out of these tests, and never install anything."""
    monkeypatch.setattr("scanops.release.engine.SYSTEM_PATH", ())
    monkeypatch.setattr(engine_setup, "_may_install", lambda: False)


def test_takes_the_first_client_that_answers(tmp_path: Path) -> None:
    """A client earlier on the PATH that gets no answer is passed over."""
    program(tmp_path / "a", "docker", "echo 'no daemon' >&2; exit 1")
    answering = program(tmp_path / "b", "docker", "echo 20.10")
    path = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    assert engine_setup.find({"PATH": path}) == Engine("docker", str(answering), "20.10")


def test_takes_podman_where_docker_does_not_answer(tmp_path: Path) -> None:
    """Either engine will do."""
    program(tmp_path, "docker", "exit 1")
    program(tmp_path, "podman", "echo 4.3.1")
    assert engine_setup.find({"PATH": str(tmp_path)}).name == "podman"


def test_the_selected_engine_is_the_only_one_asked(tmp_path: Path) -> None:
    """SCANOPS_ENGINE=podman passes docker over."""
    program(tmp_path, "docker", "echo 20.10")
    program(tmp_path, "podman", "echo 4.3.1")
    assert engine_setup.find({"PATH": str(tmp_path), "SCANOPS_ENGINE": "podman"}).name == "podman"


def test_none_declines_even_one_that_answers(tmp_path: Path) -> None:
    """SCANOPS_ENGINE=none ends with exit code 4 and what to do."""
    program(tmp_path, "docker", "echo 20.10")
    with pytest.raises(OutsideError, match=r"SCANOPS_ENGINE=none.*apt-get install docker\.io") as caught:
        engine_setup.find({"PATH": str(tmp_path), "SCANOPS_ENGINE": "none"})
    assert caught.value.exit_code == 4


def test_an_unknown_choice_is_a_mistake() -> None:
    """A misspelt engine is not passed over in silence."""
    with pytest.raises(ConfigError, match="'dokcer'"):
        engine_setup.find({"SCANOPS_ENGINE": "dokcer"})


def test_a_refusal_is_told_with_its_reason(tmp_path: Path) -> None:
    """A user outside the docker group learns that, in one line."""
    program(tmp_path, "docker", "echo 'permission denied while talking to the daemon' >&2; exit 1")
    with pytest.raises(OutsideError, match="permission denied") as caught:
        engine_setup.find({"PATH": str(tmp_path)})
    assert "\n" not in str(caught.value)


def test_root_on_debian_starts_an_installed_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An engine that is installed but stopped is started, in the background, and that is said."""
    up = tmp_path / "up"
    program(tmp_path, "docker", f"test -e {up} && echo 20.10")
    program(tmp_path, "dockerd", f"touch {up}; sleep 1")
    monkeypatch.setattr(engine_setup, "_may_install", lambda: True)
    monkeypatch.setattr(engine_setup, "_succeeds", lambda *_: False)
    monkeypatch.setattr(engine_setup, "install", lambda *_: pytest.fail("it is installed"))
    path = os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"])
    monkeypatch.setattr(
        engine_setup, "programs", lambda name, _: iter([str(p) for p in [tmp_path / name] if p.exists()])
    )
    assert engine_setup.find({"PATH": path}).version == "20.10"
    assert "starting the container engine" in capfd.readouterr().err


def test_root_on_debian_installs_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is installed, docker.io is, and that is said together with how to decline."""
    installed: list[str] = []

    def install(*packages: str) -> None:
        installed.extend(packages)
        program(tmp_path, "docker", "echo 20.10")
        program(tmp_path, "dockerd", "exit 0")

    monkeypatch.setattr(engine_setup, "_may_install", lambda: True)
    monkeypatch.setattr(engine_setup, "_succeeds", lambda *_: False)
    monkeypatch.setattr(engine_setup, "install", install)
    assert engine_setup.find({"PATH": str(tmp_path)}).name == "docker"
    assert installed[0] == "docker.io"
    assert "SCANOPS_ENGINE=none declines" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("ID=debian\n", True),
        ('ID=mint\nID_LIKE="ubuntu debian"\n', True),
        ("ID=fedora\n", False),
        ("", False),
    ],
)
def test_knows_debian_and_its_kin(tmp_path: Path, release: str, expected: bool) -> None:
    """Packages are installed on systems of that family alone."""
    path = tmp_path / "os-release"
    path.write_text(release, encoding="utf-8")
    assert engine_setup.is_debian(path) is expected


def test_programs_are_found_once_each(tmp_path: Path) -> None:
    """A folder that is on the PATH twice is asked once; what cannot run is passed over."""
    program(tmp_path / "a", "docker", "exit 0")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "docker").write_text("not executable", encoding="utf-8")
    path = os.pathsep.join(str(tmp_path / name) for name in ("a", "a", "b", "missing"))
    assert list(programs("docker", {"PATH": path})) == [str(tmp_path / "a" / "docker")]


def test_a_failed_command_says_what_the_engine_said(tmp_path: Path) -> None:
    """The engine's own words are in the message, on one line."""
    client = program(tmp_path, "docker", "echo 'first'; echo 'no space left' >&2; exit 1")
    with pytest.raises(EngineError, match="`build` failed: no space left"):
        Engine("docker", str(client), "1").call("build", ".")


def test_a_command_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """A registry that never answers costs no more than the time-out."""
    client = program(tmp_path, "docker", "sleep 5")
    with pytest.raises(EngineError, match=r"did not end within 0\.2 s"):
        Engine("docker", str(client), "1").pull("somewhere/image", 0.2)


def test_buildkit_is_asked_for_only_with_its_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-alone client without buildx falls back to the classic builder."""
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    log = tmp_path / "log"
    script = f"""case $1 in
        buildx) exit 1;;
        build) echo "$DOCKER_BUILDKIT" > {log};;
        *) echo '[{{"Id": "sha256:1"}}]';;
    esac"""
    client = program(tmp_path, "docker", script)
    assert Engine("docker", str(client), "1").build(tmp_path, "a:b", {}) == "sha256:1"
    assert log.read_text(encoding="utf-8").strip() == "0"


def test_removing_what_is_gone_is_no_fault(tmp_path: Path) -> None:
    """Cleaning up twice is harmless."""
    client = program(tmp_path, "docker", "echo 'Error: No such container: x' >&2; exit 1")
    Engine("docker", str(client), "1").remove("x")
