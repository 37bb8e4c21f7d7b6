"""Look at every image of a folder or an archive, list what is wrong with it, and judge the whole.

Any data will do, outside DVC too: python -m pipelines.validate scans.zip --html report.html
Only new and changed files are read again. Exit code 3 when the data fail.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pipelines import entry_point, validate_command
from scanops import cluster, config
from scanops.data import layout, manifest, target
from scanops.data.gather import Means
from scanops.data.survey import survey
from scanops.errors import VerdictError
from scanops.quality import declared, judgement, reference, report


def main() -> None:
    """Run the stage, or the command on any folder."""
    args = validate_command.arguments(__doc__)
    rules = config.load(args.params).validation
    asked = declared.read(args.expectations, manifest.SCHEMA.names)
    accepted = reference.read(args.reference).datasets.get(args.dataset) if args.dataset else None
    # An archive is unpacked to another place each time.
    cache = entry_point.cache_folder() if args.path.is_dir() and not args.no_cache else None
    with target.open_folder(args.path) as raw, tempfile.TemporaryDirectory() as scratch:
        found = layout.classify(layout.find(raw))
        means = Means(args.workers, cluster.address_from(os.environ), cache, entry_point.bar)
        frame = survey(raw, found.placed, rules, means)
        judged = judgement.judge(frame, rules, args.docs or Path(scratch) / "docs", asked, accepted)
        summary = report.summarise(frame, judged, found.unplaced, args.dataset)
        validate_command.write(args, raw, frame, summary, rules)
    print(report.sentence(summary))
    if summary["verdict"] == "fail":
        where = args.html or args.json or "the report of --html FILE"
        missed = f"do not meet: {'; '.join(judgement.missed(judged))}"
        raise VerdictError("the data", missed, f"See {where}; mend the data or the thresholds")


if __name__ == "__main__":
    entry_point.run(main)
