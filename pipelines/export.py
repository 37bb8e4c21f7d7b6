"""Turn the trained model into the bundle that ships, and check that both give the same answers."""

from __future__ import annotations

from pipelines import entry_point
from scanops import config, imaging
from scanops.atomic import replacing
from scanops.bundle import export
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
        bundle="folder to write: model.onnx and bundle.json",
    )
    params = config.load(paths.params)
    model = archive.load(paths.model)
    form = imaging.InputForm(model.input_shape[1], params.imaging.fit, params.imaging.crop)
    # Parity and calibration need scans that the model has not learnt from; only evaluate reads test.
    held_out = splits.read(paths.splits, "val")
    description = {
        "classes": tuple(sorted(held_out["label"].unique())),
        "architecture": model.name,
        **vars(form),
        "model_sha256": hash_file(paths.model),
        "data_sha256": hash_file(paths.manifest),
        "params_sha256": config.fingerprint(
            params.split, params.imaging, params.augmentation, params.training, params.export
        ),
    }
    with (
        replacing(paths.bundle) as folder,
        pixels.decoded(paths.raw, list(held_out["path"]), form) as images,
    ):
        folder.mkdir()
        bundle = export.write(folder, export.convert(model, params.export.opset), description)
        parity = export.compare(model, folder, images)
        export.require(parity, params.export.parity_tolerance)
        temperature = export.calibrate(folder, bundle, parity.probabilities, list(held_out["label"]))
    print(
        f"export: bundle {hash_bundle(paths.bundle)[:12]}, same label as the model for {parity.same_label} "
        f"of {parity.images} images, probabilities within {parity.max_difference:.1e}, "
        f"temperature {temperature:.2f}"
    )


if __name__ == "__main__":
    entry_point.run(main)
