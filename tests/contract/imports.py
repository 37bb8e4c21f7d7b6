"""Which of the project's files a module is made of, by its imports."""

from __future__ import annotations

from pathlib import Path

from scanops.release.image_context import source_files

ROOT = Path(__file__).parents[2]


def sources(module: str) -> set[Path]:
    """Follow a module's imports through the project.

    Args:
        module: Dotted name, for example `pipelines.train`.

    Returns:
        The files it is made of, its own included; packages' `__init__.py` are left out, as
        `test_packages_hold_no_code` keeps them empty.
    """
    found = source_files(ROOT, (module,), places=(".", "src"))
    return {file for file in found if file.name != "__init__.py"}
