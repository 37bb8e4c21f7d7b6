"""Push the tested image to a registry; what it is called there, by digest, goes into the report.

The image is the one that the last run built and tested, and whose gate says pass. Its tag is for people and
never moves; nothing deploys it.
"""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops import atomic
from scanops.release import engine_setup, provenance, push, reproduce
from scanops.release.image_registry import ImageRegistry


def main() -> None:
    """Push image and provenance, then write the report."""
    parser = entry_point.parser(__doc__)
    parser.add_argument(
        "--registry", required=True, metavar="HOST/NAME", help="host[:port]/name, such as ghcr.io/me/scanops"
    )
    for name, default, meaning in (
        ("image", "reports/image.json", "the report on the image"),
        ("gate", "reports/gate.json", "the gate's report on its bundle"),
        ("report", "reports/push.json", "where the report goes"),
    ):
        parser.add_argument(f"--{name}", type=Path, default=Path(default), metavar="PATH", help=meaning)
    args = parser.parse_args()
    engine, registry = engine_setup.find(), ImageRegistry(args.registry)
    if push.is_lost(engine, args.image, registry):
        print("push: the image was built on another machine and never pushed; building it again", flush=True)
        code = reproduce.run(["dvc", "repro", "--single-item", "--force", "image"])
        if code:
            entry_point.leave(code)
    pushed = push.push(engine, args.image, args.gate, registry)
    pushed["provenance"] = provenance.attach(registry, pushed, args.image, args.gate)
    atomic.write_json(args.report, pushed)
    print(f"push: {pushed['reference']} (bundle {pushed['bundle_sha256'][:12]}, tag {pushed['tag']})")


if __name__ == "__main__":
    entry_point.run(main)
