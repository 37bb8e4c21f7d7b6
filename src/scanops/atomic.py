"""Outputs appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Write a file or a folder beside its target, then put it in place in one step.

    Args:
        target: The file or folder to replace. Its parents are created.

    Yields:
        A path that does not exist yet, with the target's suffix, in the target's folder. Create a
        file or a folder there. When the block ends well it takes the target's place, with the
        permissions that the umask gives; when it does not, it is removed and the target stays as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    draft = holder / target.name
    try:
        yield draft
        if target.is_dir() and not target.is_symlink():
            target.replace(holder / "replaced")
        draft.replace(target)
    finally:
        # An interrupt between the two renames must not cost the old folder.
        if (holder / "replaced").exists() and not target.exists():
            (holder / "replaced").replace(target)
        shutil.rmtree(holder, ignore_errors=True)


def write_folder(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files.

    Args:
        target: The folder to replace.
        contents: By name of the file.
    """
    with replacing(target) as draft:
        draft.mkdir()
        for name, content in contents.items():
            (draft / name).write_bytes(content)


def write_json(target: Path, values: dict[str, Any]) -> None:
    """Write a report: keys in the given order, two spaces, a final newline.

    Args:
        target: The file to replace.
        values: What JSON can hold; NaN is refused.
    """
    write_text(target, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(target: Path, text: str) -> None:
    """Write a text file.

    Args:
        target: The file to replace.
        text: Written as UTF-8.
    """
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8")
