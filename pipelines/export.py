"""Turn the trained model into the bundle that ships, and check that both give the same answers."""

from __future__ import annotations

import sys

from pipelines import entry_point, export_run
from scanops import atomic, config, imaging
from scanops.bundle import export, origin, parity
from scanops.bundle.bundle import hash_bundle
from scanops.data import splits
from scanops.digest import hash_file
from scanops.training import archive, pixels


def main() -> None:
    """Run the stage."""
    paths = entry_point.arguments(
        __doc__,
        raw="folder of pulled images",
        manifest="Parquet file of the validate stage",
        splits="Parquet file of the split stage",
        model="Keras model of the train stage",
        bundle="folder to write: model.onnx, bundle.json and what they refer to",
        report="JSON file to write",
    )
    params = config.load(paths.params)
    model = archive.load(paths.model)
    form = imaging.InputForm(model.input_shape[1], params.imaging.fit, params.imaging.crop)
    # Parity and calibration need scans that the model has not learnt from; only evaluate reads test.
    learnt, held_out = (splits.read(paths.splits, part) for part in ("train", "val"))
    description = {
        **export_run.describe(params, held_out, form),
        **origin.of(paths.manifest, paths.splits, config.fingerprint(params.split)),
        "architecture": model.name,
        "pooling": export.pooling(model),
        "model_sha256": hash_file(paths.model),
    }
    with (
        atomic.replacing(paths.bundle) as folder,
        pixels.decoded(paths.raw, list(held_out["path"]), form) as images,
        pixels.decoded(paths.raw, list(learnt["path"]), form) as known,
    ):
        folder.mkdir()
        full, closeness = export_run.convert(folder, model, images, description, params.export)
        held = export_run.HeldOut(held_out, images)
        ranges = export_run.calibration_pictures(learnt, known, params.export, params.training.seed)
        ships = export_run.shrink(folder, full, ranges, held, params.export, params.evaluation)
        temperature = export.calibrate(folder, ships.bundle, ships.probabilities, list(held_out["label"]))
        silent = export_run.finish(folder, paths.raw, (learnt, known), held, params.abstention)
    name = hash_bundle(paths.bundle)
    atomic.write_json(paths.report, export_run.report(ships, closeness, params.export, name))
    print(f"export: bundle {name[:12]}, {closeness}, temperature {temperature:.2f}; {silent}{ships.remark}")
    if doubt := parity.doubt(closeness, params.export.parity_tolerance):
        print(f"warning: {doubt}", file=sys.stderr)


if __name__ == "__main__":
    entry_point.run(main)
