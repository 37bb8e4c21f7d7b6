"""Code is named by its commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from scanops.release import commit


def test_the_code_is_named_by_its_commit(tmp_path: Path) -> None:
    """`unknown` outside git; the commit in it; `-dirty` once code that ships was changed."""
    assert commit.name(tmp_path) == "unknown"

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("a = 1\n", encoding="utf-8")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    clean = commit.name(tmp_path)
    assert len(clean) == 40
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    assert commit.name(tmp_path) == clean
    (tmp_path / "src" / "a.py").write_text("a = 2\n", encoding="utf-8")
    assert commit.name(tmp_path) == f"{clean}-dirty"
