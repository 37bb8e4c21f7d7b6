"""Judge the bundle: write the verdict, print what fell short, and stop the pipeline when refused."""

from __future__ import annotations

from dataclasses import asdict

from pipelines import entry_point
from scanops import atomic, config, reports
from scanops.bundle import bundle as bundles
from scanops.errors import VerdictError
from scanops.evaluation import gate


def main() -> None:
    """Write the report in either case; leave with 3 when a check fell short."""
    args = entry_point.arguments(
        __doc__,
        metrics="the metrics of the bundle",
        validation="the report on the data",
        bundle="the bundle's folder",
        report="where the verdict goes",
    )
    floors, bundle = config.load(args.params).gate, bundles.read(args.bundle)
    bundle_sha256, metrics = bundles.hash_bundle(args.bundle), reports.read(args.metrics)
    validation = reports.read(args.validation)
    checks = [
        gate.holds("data_validated", validation.get("verdict") in ("pass", "warn")),
        gate.holds("metrics_of_this_bundle", metrics.get("bundle_sha256") == bundle_sha256),
        *gate.judge({**metrics, "classes": bundle.classes}, floors),
        gate.weighs(bundles.size_bytes(args.bundle), floors),
    ]
    report = {
        "verdict": "pass" if all(check.passed for check in checks) else "fail",
        "warnings": list(dict.fromkeys([*reports.warnings(validation), *reports.warnings(metrics)])),
        "checks": [asdict(check) for check in checks],
        "bundle_sha256": bundle_sha256,
        "data_sha256": bundle.data_sha256,
        "params_sha256": bundle.params_sha256,
    }
    atomic.write_json(args.report, report)
    print(gate.table(report))
    if report["verdict"] == "fail":
        raise VerdictError(f"bundle {args.bundle}", gate.summary(report), gate.REMEDY)


if __name__ == "__main__":
    entry_point.run(main)
