"""Write one page on the last run: metrics beside those of the base, gate, findings in the data, plots.

Under GitHub Actions it is the job's summary, too.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import entry_point, report_sources
from scanops import atomic
from scanops.release import summary


def main() -> None:
    """Gather what the run left, and write the page, whatever the verdict."""
    parser = entry_point.parser(__doc__)
    parser.add_argument("--base", required=True, metavar="REF", help="commit to compare with: origin/main")
    parser.add_argument("--page", type=Path, required=True, metavar="PATH", help="where the page goes")
    args = parser.parse_args()
    root = Path.cwd()
    run = report_sources.gather(root, report_sources.changed_stages(root))
    page = summary.render(run, report_sources.committed_metrics(root, args.base), args.base)
    atomic.write_text(args.page, page)
    shown = os.environ.get("GITHUB_STEP_SUMMARY")
    if shown:
        with Path(shown).open("a", encoding="utf-8") as job:
            job.write(page)
    print(f"report: {page.splitlines()[0].removeprefix('## ')}; see {args.page}")


if __name__ == "__main__":
    entry_point.run(main)
