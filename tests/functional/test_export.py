"""The stage `export`: eight bits on request, kept where they answer no worse, the same on every run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from PIL import Image

from pipelines import export as stage
from pipelines import export_run
from scanops import temperature
from scanops.bundle import bundle as bundles
from scanops.bundle import export, parity
from scanops.bundle.predictor import Predictor
from scanops.config import Evaluation, Export
from scanops.imaging import Pixels
from scanops.model_rules import Training
from scanops.training import archive, classifier
from tests.convolutions import convolutional, pictures

ROOT = Path(__file__).parents[2]
CLASSES = ("dark", "light", "middle")

pytestmark = [pytest.mark.tensorflow, pytest.mark.xdist_group("export")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw pictures, splits and a network that nobody trained."""
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(90):
        label, part = CLASSES[number % 3], ("train", "val", "test")[number // 30]
        path = folder / "raw" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 80 + 80 * (number % 3), (40, 40), np.uint8)).save(path)
        rows.append((f"{label}/{number}.png", label, f"group {number}", part, True))
    columns = ["path", "label", "group", "split", "representative"]
    pd.DataFrame(rows, columns=columns).to_parquet(folder / "splits.parquet", index=False)
    (folder / "manifest.parquet").write_bytes(b"only its hash is read")
    model = classifier.build(Training(architecture="cnn_small"), len(CLASSES), 32)
    archive.save(model, folder / "model.keras")
    return folder


def _export(project: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **rules: object) -> dict[str, object]:
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["export"].update(rules)
    out.mkdir()
    (out / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    paths = {
        "raw": project / "raw",
        "manifest": project / "manifest.parquet",
        "splits": project / "splits.parquet",
        "model": project / "model.keras",
        "bundle": out / "bundle",
        "report": out / "export.json",
        "params": out / "params.yaml",
    }
    words = [str(word) for name, path in paths.items() for word in (f"--{name}", path)]
    monkeypatch.setattr(sys, "argv", ["export", *words])
    stage.main()
    report: dict[str, object] = json.loads((out / "export.json").read_text())
    assert report["bundle_sha256"] == bundles.hash_bundle(out / "bundle")
    assert report["precision"] == bundles.read(out / "bundle").precision
    return report


def test_eight_bits_ship_when_they_answer_as_well(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Smaller, recorded in bundle and report, calibrated on the graph that ships; twice the same bytes."""
    asked = {"precision": "int8", "int8_margin": 0.2, "int8_calibration_images": 12}
    report = _export(project, tmp_path / "one", monkeypatch, **asked)
    told = capsys.readouterr().out
    assert report["precision"] == report["requested"] == "int8", report
    compared = report["int8"]
    assert compared["kept"]
    assert compared["graph_bytes"]["int8"] < 0.4 * compared["graph_bytes"]["float32"]
    assert compared["validation_images"] == 30
    assert "int8 is kept" in told
    assert "times faster" in told
    predictor = Predictor(tmp_path / "one/bundle")
    rows = pd.read_parquet(project / "splits.parquet").query("split == 'val'").sort_values("path")
    batch = np.stack([predictor.prepare((project / "raw" / path).read_bytes()) for path in rows["path"]])
    targets = np.array([CLASSES.index(label) for label in rows["label"]])
    fitted = temperature.fit(predictor.run_graph(batch).probabilities, targets)
    assert predictor.bundle.temperature == fitted

    again = _export(project, tmp_path / "other", monkeypatch, **asked)
    assert again == report
    for name in ("model.onnx", "bundle.json"):
        one, other = ((tmp_path / run / "bundle" / name).read_bytes() for run in ("one", "other"))
        assert one == other, name


def test_float32_is_the_default(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is quantised and nothing compared unless it is asked for."""
    report = _export(project, tmp_path / "out", monkeypatch)
    assert report["precision"] == report["requested"] == "float32"
    assert report["int8"] is None


def test_calibration_pictures_are_training_pictures(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges are measured on the train split alone, as many of each class; on none for float32."""
    given: list[tuple[set[str], dict[str, int]]] = []

    def choose(rows: pd.DataFrame, pixels: Pixels, rules: Export, seed: int) -> Pixels:
        places = pd.Series(range(len(rows)))
        numbered = np.broadcast_to(places.to_numpy(np.uint16)[:, None], (len(rows), 2))
        drawn = rows["label"].iloc[before(rows, numbered, rules, seed)[:, 0]]
        given.append((set(rows["split"]), drawn.value_counts().to_dict()))
        return before(rows, pixels, rules, seed)

    before = export_run.calibration_pictures
    monkeypatch.setattr(export_run, "calibration_pictures", choose)
    _export(project, tmp_path / "float32", monkeypatch)
    _export(project, tmp_path / "int8", monkeypatch, precision="int8", int8_calibration_images=12)
    assert given == [({"train"}, {}), ({"train"}, dict.fromkeys(CLASSES, 4))]


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_graph_that_eight_bits_ruin_stays_in_float(tmp_path: Path, spoilt: bool) -> None:
    """With an outlier among the weights the float bundle stays, to the byte; without it eight bits ship."""
    tmp_path.joinpath("bundle").mkdir()
    proto, held_out = convolutional(spoilt=spoilt), pictures(400, seed=9)
    description = {
        "classes": CLASSES,
        "architecture": "convolutional",
        "size_px": 16,
        "fit": "pad",
        "model_sha256": "e" * 64,
        "data_sha256": "d" * 64,
        "params_sha256": "a" * 64,
    }
    bundle = export.write(tmp_path / "bundle", proto, description)
    before = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    probabilities = parity.answer(tmp_path / "bundle", held_out)
    said = probabilities.argmax(axis=1)
    assert len(np.unique(said)) > 1
    rows = pd.DataFrame({"label": np.array(CLASSES)[said], "group": np.arange(400)})
    full = export_run.Shipped(proto, bundle, probabilities)
    seen = export_run.HeldOut(rows, held_out)
    rules = Export(precision="int8", int8_margin=0.2)
    shipped = export_run.shrink(tmp_path / "bundle", full, pictures(32), seen, rules, Evaluation())
    after = {path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()}
    assert shipped.comparison["kept"] is not spoilt, shipped.comparison
    assert shipped.bundle.precision == ("float32" if spoilt else "int8")
    assert (after == before) is spoilt
    assert ("not kept" in shipped.remark) is spoilt


def test_nothing_to_quantise_is_told(tmp_path: Path) -> None:
    """A graph without convolutions ships in float, and the report says why."""
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Cast", ["image"], ["features"], to=onnx.TensorProto.FLOAT)],
            "nothing",
            [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["N", 16, 16, 3])],
            [onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", 16, 16, 3])],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    described = bundles.Bundle(
        classes=CLASSES,
        architecture="nothing",
        size_px=16,
        fit="pad",
        graph_sha256="b" * 64,
        model_sha256="e" * 64,
        data_sha256="d" * 64,
        params_sha256="a" * 64,
    )
    full = export_run.Shipped(proto, described, np.zeros((0, 3), np.float32))
    seen = export_run.HeldOut(pd.DataFrame({"label": [], "group": []}), pictures(0))
    shipped = export_run.shrink(tmp_path, full, pictures(4), seen, Export(precision="int8"), Evaluation())
    assert shipped.comparison == {"kept": False, "refusal": "has no convolution before its feature map"}
    assert "not kept" in shipped.remark
