"""Register the bundle that passed the gate in MLflow's model registry, as the candidate."""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops import config
from scanops.bundle import bundle as bundles
from scanops.digest import hash_file
from scanops.release import card, commit, registry, verdict


def main() -> None:
    """Register it, once; the same bundle again only becomes the candidate again."""
    args = entry_point.arguments(
        __doc__,
        bundle="the bundle's folder",
        gate="the gate's report on it",
        card="the model card of `evaluate`",
    )
    params, described = config.load(args.params), bundles.read(args.bundle)
    verdict.require_pass(args.gate, bundles.hash_bundle(args.bundle))
    tags = {
        "git_sha": commit.name(Path.cwd()),
        "data_sha256": described.data_sha256,
        "params_sha256": described.params_sha256,
        "gate_sha256": hash_file(args.gate),
    }
    with card.with_bundle(args.bundle, args.card) as shipped:
        version = registry.register(params.tracking, shipped, tags)
    told = "registered" if version.fresh else "was registered before"
    name = f"{params.tracking.model} version {version.number}"
    print(f"{name}: bundle {version.bundle_sha256[:12]} {told}; candidate")


if __name__ == "__main__":
    entry_point.run(main)
