"""Judge the bundle: write the verdict, print what fell short, and stop the pipeline when refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines import entry_point
from scanops import atomic, config
from scanops.bundle import bundle as bundles
from scanops.errors import ConfigError, VerdictError
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
    bundle_sha256, metrics = bundles.hash_bundle(args.bundle), _read(args.metrics)
    checks = [
        gate.holds("data_validated", _read(args.validation).get("verdict") in ("pass", "warn")),
        gate.holds("metrics_of_this_bundle", metrics.get("bundle_sha256") == bundle_sha256),
        *gate.judge({**metrics, "classes": bundle.classes}, floors),
    ]
    report = {
        "verdict": "pass" if all(check.passed for check in checks) else "fail",
        "checks": [asdict(check) for check in checks],
        "bundle_sha256": bundle_sha256,
        "data_sha256": bundle.data_sha256,
        "params_sha256": bundle.params_sha256,
    }
    atomic.write_json(args.report, report)
    print(gate.table(report))
    if report["verdict"] == "fail":
        raise VerdictError(f"bundle {args.bundle}", gate.summary(report), gate.REMEDY)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "Make it with `make repro`") from error
    if not isinstance(values, dict):
        raise ConfigError(str(path), "holds no mapping", "Make it with `make repro`")
    return values


if __name__ == "__main__":
    entry_point.run(main)
