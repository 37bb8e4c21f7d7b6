"""Train every candidate of a search as a DVC experiment, and rank them by the validation split.

The test split stays closed: experiments end with `export`, and of the raw images those of the validation
split alone are fetched. Experiments that have a result are not run again; failed ones are tried again by
the next call. Exit code 3 when one failed: the others are ranked all the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipelines import compare_measure, compare_run, entry_point
from scanops import atomic, config, search_space
from scanops.errors import VerdictError
from scanops.evaluation import comparison, comparison_plot
from scanops.release import comparison_runs, local_inputs, tracking


def main() -> None:
    """Run the search, then write the table, the plot and the report."""
    args = entry_point.arguments(
        __doc__,
        search="what to try, such as compare.yaml",
        report="where the ranking goes",
        plot="where the picture goes",
    )
    root = Path.cwd()
    local_inputs.settle_folders(os.environ, root)
    search = search_space.parse(config.read_yaml(args.search), str(args.search))

    def planned() -> compare_run.Plan:
        return compare_run.plan(search, config.read_yaml(args.params), root)

    plan = planned()
    comparison_runs.make_absolute(plan.params.tracking, root)
    tags = {"comparison": search.name}
    with tracking.run(plan.params.tracking, f"compare {search.name}", {"compare": search}, tags):
        faults = compare_run.carry_out(plan, search, root, planned)
        report = compare_measure.collect(plan, search, root, faults)
        ranked, failed = report["candidates"], report["failed"]
        atomic.write_json(args.report, report)
        if ranked:
            with atomic.replacing(args.plot) as draft:
                draft.write_bytes(comparison_plot.figure(ranked, report["images"]))
        else:
            args.plot.unlink(missing_ok=True)  # an earlier one would belie the report
        comparison_runs.keep(args.report, *([args.plot] if ranked else []))
    print(comparison.sentence(report))
    if failed:
        count = f"{len(failed)} of {len(plan.candidates)} candidates failed"
        raise VerdictError(f"comparison {search.name}", count, "The same command tries them again")


if __name__ == "__main__":
    entry_point.run(main)
