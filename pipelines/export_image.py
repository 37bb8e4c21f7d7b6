"""Write an image to an OCI archive with its checksum, for hosts that reach no registry.

`docker load` and `podman load` take it, and `skopeo copy oci-archive:… docker://…` brings it into another
registry, under the same digest.
"""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops.release import lineage, oci_archive
from scanops.release.image_names import split
from scanops.release.image_registry import ImageRegistry
from scanops.release.ledger_branch import LedgerBranch


def main() -> None:
    """Fetch the image by its digest, and write archive and checksum."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("ref", metavar="DIGEST", help="host/name@sha256:…, or whatever `make trace` takes")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="the archive")
    args = parser.parse_args()
    wanted = args.ref
    if "/" not in wanted:
        wanted = lineage.find(LedgerBranch.find(Path.cwd()).read().entries, wanted)[-1].reference
    repository, digest = split(wanted)
    sha256 = oci_archive.export(ImageRegistry(repository), digest, args.out)
    print(f"export: {wanted} as {args.out}, {args.out.stat().st_size / 1e6:.0f} MB, SHA-256 {sha256}")


if __name__ == "__main__":
    entry_point.run(main)
