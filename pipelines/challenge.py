"""Challenge the model in production on today's test images. Exit code 3 unless the new one is better.

At promotion, not a stage: the registry stands outside the graph. Without a champion the gate alone decides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipelines import challenge_run, entry_point
from scanops import config
from scanops.bundle.predictor import Predictor
from scanops.errors import VerdictError
from scanops.evaluation import challenge
from scanops.release import registry, verdict


def main() -> None:
    """Write the report in either case; leave with 3 where the champion stays."""
    args = entry_point.arguments(
        __doc__,
        raw="the folder of images",
        manifest="the manifest",
        splits="the splits",
        bundle="the challenger's folder",
        gate="the gate's report on it",
        report="where the verdict goes",
    )
    params, challenger = config.load(args.params), Predictor(args.bundle)
    verdict.require_pass(args.gate, challenger.bundle_sha256)
    with tempfile.TemporaryDirectory() as scratch:
        held = registry.fetch(params.tracking, "production", Path(scratch) / "champion")
        champion = Predictor(Path(scratch) / "champion") if held else None
        report = challenge_run.judge(champion, held.number if held else None, challenger, args, params)
    print(challenge.sentence(report))
    if report["verdict"] != "pass":
        raise VerdictError("the challenge", challenge.fault(report), "The champion stays; see the report")


if __name__ == "__main__":
    entry_point.run(main)
