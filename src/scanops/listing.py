"""What is below a folder that somebody else filled."""

from __future__ import annotations

import os
from pathlib import Path

from scanops import filenames
from scanops.errors import ConfigError


def find(root: Path, remedy: str) -> list[str]:
    """List what is below a folder and is no folder itself.

    Links, pipes, sockets and devices are listed like files: each becomes a row that says so. None is followed
    or opened here, and `plain_files.read` opens none later.

    Args:
        root: The folder; it may be a link itself.
        remedy: What to do where it is missing.

    Returns:
        Relative POSIX paths as `filenames.to_text` writes them, sorted.

    Raises:
        ConfigError: The folder is missing, or one in it cannot be listed.
    """
    if not root.is_dir():
        raise ConfigError(f"folder {root}", "is not there", remedy)
    found = []
    waiting = [""]  # not recursion: folders may be nested deeper than Python's stack
    while waiting:
        above = waiting.pop()
        for entry in _list(root / above):
            path = f"{above}/{entry.name}" if above else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                found.append(filenames.to_text(path))
    return sorted(found)


def _list(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ConfigError(
            filenames.to_text(str(folder)),
            f"cannot be listed ({error.strerror})",
            "Correct its permissions, or leave it out",
        ) from error
