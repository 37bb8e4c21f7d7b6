"""Read every raw image once, write the manifest, and let Great Expectations judge it."""

from __future__ import annotations

from tqdm import tqdm

from pipelines import entry_point
from scanops import config, imaging
from scanops.atomic import replacing, write_json
from scanops.data import layout, manifest
from scanops.errors import VerdictError
from scanops.evaluation import plots
from scanops.quality import expectations, report, samples


def main() -> None:
    """Run the stage."""
    paths = entry_point.arguments(
        __doc__,
        raw="folder of pulled images",
        manifest="Parquet file to write, one row a file",
        docs="folder for Great Expectations' Data Docs (HTML)",
        plots="folder of plots to write",
        report="JSON report to write",
    )
    rules = config.load(paths.params).validation
    found = layout.classify(layout.find(paths.raw))
    with tqdm(total=len(found.placed), unit="image", desc="validate", disable=None) as bar:
        frame = manifest.build(paths.raw, found.placed, rules, progress=bar.update)
    findings = expectations.judge(frame, report.leaked(frame), rules, paths.docs)
    summary = report.summarise(frame, findings, found.unplaced)
    manifest.write(frame, paths.manifest)
    with replacing(paths.plots) as folder:
        folder.mkdir()
        chosen = samples.choose(frame)
        pictures = [imaging.decode((paths.raw / path).read_bytes()).pixels for path in chosen["path"]]
        drawn = plots.sample_grid(pictures, list(chosen["label"]), heading="Usable images")
        (folder / "samples.png").write_bytes(drawn)
    write_json(paths.report, summary)
    print(report.sentence(summary))
    if summary["verdict"] == "fail":
        missed = [f.meaning for f in findings if not f.success and f.severity == "critical"]
        raise VerdictError(
            "the data",
            f"do not meet: {'; '.join(missed)}",
            f"See {paths.report} and {paths.docs / 'index.html'}; mend the data or the thresholds",
        )


if __name__ == "__main__":
    entry_point.run(main)
