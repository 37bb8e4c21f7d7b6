"""Build the image of a bundle that passed the gate, start it hardened, and compare its answers."""

from __future__ import annotations

from pathlib import Path

from pipelines import entry_point
from scanops import atomic, config, reports
from scanops.bundle import bundle as bundles
from scanops.errors import VerdictError
from scanops.release import card, cases, container, engine_setup, latency, smoke
from scanops.release.verdict import require_pass


def main() -> None:
    """Refuse a bundle that the gate did not pass, or a slow one; build; smoke-test; report in either case."""
    args = entry_point.arguments(
        __doc__,
        bundle="the bundle's folder",
        gate="the gate's report on it",
        splits="the splits",
        raw="the folder of images",
        predictions="what `evaluate` answered for the test split",
        card="the model card of `evaluate`, which goes into the image",
        report="where the report goes",
        timings="where the latency goes",
    )
    settings = config.load(args.params).image
    bundle_sha256 = bundles.hash_bundle(args.bundle)
    require_pass(args.gate, bundle_sha256)
    taken = latency.measure(args.bundle, bundle_sha256, args.timings)
    latency.require(taken, settings.max_latency_ms, f"bundle {args.bundle}")
    expected = cases.choose(args.splits, args.predictions, args.raw, settings.smoke_images)
    engine = engine_setup.find()
    with card.with_bundle(args.bundle, args.card) as shipped:
        image = container.build(engine, Path.cwd(), shipped, args.gate, settings.base, settings.name)
    result = smoke.smoke(engine, image.digest, expected, settings.ready_timeout_s)
    warnings = reports.warnings(reports.read(args.gate))
    atomic.write_json(args.report, {**container.report(image, engine, result), "warnings": warnings})
    if result.mismatches:
        fault = f"answers differ from the recorded ones ({'; '.join(result.mismatches[:3])})"
        raise VerdictError(f"image {image.reference}", fault, "Run `make repro` again from evaluate on")
    print(
        f"image: {image.reference} ({image.digest[7:19]}), {image.size_bytes / 1e6:.0f} MB, "
        f"{image.above_base_bytes / 1e6:.0f} of them above its base, ready in {result.ready_seconds:.1f} s, "
        f"{taken.p50_ms:.1f} ms an image on one thread, {result.images} answers as recorded; start it with "
        f"`make serve`"
    )


if __name__ == "__main__":
    entry_point.run(main)
