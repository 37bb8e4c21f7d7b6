"""Fetch what a deployment needs beside hosts: golden images of its digest, and the image as an archive.

The data are those that the release was evaluated on, whatever this checkout's `dvc.lock` says.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point
from scanops.release import cache_remote, oci_archive, playbook, playbook_arguments, release_cache, reproduce
from scanops.release.image_names import split
from scanops.release.image_registry import ImageRegistry


def main() -> None:
    """Fetch the release, pack its golden images, and write the archive."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--environment", default="", help="a folder of ansible/inventories")
    parser.add_argument("--digest", default="", help="name@sha256:… or sha256:…; by default the ledger's")
    parser.add_argument(
        "--archive", type=Path, metavar="PATH", help="write the image there, as an OCI archive"
    )
    args, project = parser.parse_args(), Path.cwd()
    playbook.require_environment(project, args.environment)
    digest = playbook_arguments.digest("deploy", args.digest)
    cache_remote.configure(project, os.environ)
    release = release_cache.fetch(project, digest or playbook.promoted_digest(args.environment, project))
    code = reproduce.run(["make", "--no-print-directory", "golden"])
    if code:
        entry_point.leave(code)
    if args.archive:
        repository, digest = split(release.reference)
        sha256 = oci_archive.export(ImageRegistry(repository), digest, args.archive)
        print(f"archive: {release.told} as {args.archive}, SHA-256 {sha256}")


if __name__ == "__main__":
    entry_point.run(main)
