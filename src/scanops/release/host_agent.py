"""Pack the command that runs on hosts into one file; the same sources give the same bytes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from scanops import atomic

SOURCES = Path("ansible/roles/model_service/files/scanops_host")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
# -I: neither the caller's variables nor their folder decide what root imports.
FIRST_LINE = b"#!/usr/bin/env -S python3 -I\n"
START = "import sys\nfrom scanops_host.__main__ import main\nsys.exit(main())\n"


def pack(project: Path, out: Path) -> None:
    """Write the command.

    Args:
        project: The project's folder.
        out: The file to write.
    """
    buffer = io.BytesIO(FIRST_LINE)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", LONG_AGO), START)
        for source in sorted((project / SOURCES).glob("*.py")):
            member = zipfile.ZipInfo(f"scanops_host/{source.name}", LONG_AGO)
            archive.writestr(member, source.read_bytes(), zipfile.ZIP_DEFLATED)
    with atomic.replacing(out) as draft:
        draft.write_bytes(buffer.getvalue())
