"""Compare what the service was asked with validation. Exit code 3 on drift.

Not a stage: the store stands outside the graph. A window too small to tell is no drift and no proof of none.
"""

from __future__ import annotations

import time
from pathlib import Path

from pipelines import entry_point
from scanops import atomic, config
from scanops.bundle.bundle import hash_bundle
from scanops.errors import VerdictError
from scanops.monitoring import drift, page, reference, store, window


def main() -> None:
    """Write report and page in any case; leave with 3 on drift."""
    command = entry_point.parser(__doc__)
    for name, meaning in (
        ("store", "the file of SCANOPS_FEEDBACK"),
        ("bundle", "folder of the bundle that answered"),
        ("report", "JSON file to write"),
        ("html", "page to write"),
    ):
        command.add_argument(f"--{name}", type=Path, required=True, metavar="PATH", help=meaning)
    command.add_argument("--window", metavar="N|Nd", help="the last N requests, or days; all by default")
    args = command.parse_args()
    rules, name = config.load(args.params).monitoring, hash_bundle(args.bundle)
    before = reference.read(args.bundle)
    chosen = window.take(store.read(args.store), name, args.window, time.time())
    report = drift.compare(before, [one.features for one in chosen.rows], rules)
    report |= {"bundle_sha256": name, "window": window.describe(chosen, args.window)}
    atomic.write_json(args.report, report)
    atomic.write_text(args.html, page.render(report))
    print(drift.sentence(report))
    if report["verdict"] == "drift":
        fault = "are not those that the bundle was validated on"
        raise VerdictError("the pictures", fault, f"Look at {args.html}; retrain with such pictures")


if __name__ == "__main__":
    entry_point.run(main)
