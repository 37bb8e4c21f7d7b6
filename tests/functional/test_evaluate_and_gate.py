"""The stages `evaluate` and `gate`, run as the pipeline runs them, on pictures made on the spot."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from scanops import config
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file

ROOT = Path(__file__).parents[2]
CLASSES = ("bright", "dark", "grey")
LEVELS = {"bright": 200, "dark": 40, "grey": 120}
SIZE_PX = 16
WARNING = "the image's size alone tells the class"
PLOTS = {
    "confusion.csv",
    "roc.csv",
    "reliability.csv",
    "precision_recall.csv",
    "slices.csv",
    "confusion.png",
    "roc.png",
    "reliability.png",
    "precision_recall.png",
    "slices.png",
    "samples.png",
    "gallery.png",
    "coverage_accuracy.csv",
    "coverage_accuracy.png",
    "strangers.csv",
    "strangers.png",
}


def make_bundle(
    folder: Path, data: Path, order: tuple[int, ...] = (0, 1, 2), rules_sha256: str | None = None
) -> None:
    """Write a bundle of a folder's data whose graph tells brightness; another order mixes its classes up."""
    levels = np.array([[LEVELS[CLASSES[k]] for k in order]], np.float32)
    constants = {
        "levels": levels,
        "scale": np.array(-0.004, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["input"], ["features"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["features"], ["embedding"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["embedding"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["mean", "levels"], ["gap"]),
        helper.make_node("Mul", ["gap", "gap"], ["square"]),
        helper.make_node("Mul", ["square", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    side = SIZE_PX
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", side, side, 3])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(CLASSES)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", side, side, 3]),
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / bundles.GRAPH)
    bundles.write(
        folder,
        bundles.Bundle(
            classes=CLASSES,
            architecture="brightness",
            size_px=side,
            fit="pad",
            temperature=1.5,
            graph_sha256=hash_file(folder / bundles.GRAPH),
            model_sha256="e" * 64,
            data_sha256=hash_file(data / "manifest.parquet"),
            splits_sha256=hash_file(data / "splits.parquet"),
            params_sha256="a" * 64,
            split_rules_sha256=rules_sha256 or config.fingerprint(config.load(ROOT / "params.yaml").split),
        ),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with raw pictures, manifest, splits, parameters and a good bundle.

    The nearest neighbour is kept ignorant: training pictures carry labels by chance.
    """
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(180):
        label = CLASSES[number % 3]
        split = "train" if number < 90 else "test"
        level = LEVELS[label] if split == "test" else LEVELS[str(rng.choice(CLASSES))]
        noise = rng.normal(0, 25, (20, 24, 3)) + rng.normal(0, 6)
        path = f"{label}/{number:03}.png"
        (folder / "raw" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(level + noise, 0, 255).astype(np.uint8)).save(folder / "raw" / path)
        rows.append((hashlib.sha256(path.encode()).hexdigest(), path, label, f"g{number}", split, True))
    # A second copy of a test picture, in its group: it must not count.
    rows.append(("copy", rows[-1][1], rows[-1][2], rows[-1][3], "test", False))
    names = ["image_id", "path", "label", "group", "split", "representative"]
    splits = pd.DataFrame(rows, columns=names).assign(group_keys=1)
    splits.to_parquet(folder / "splits.parquet", index=False)
    manifest = splits[["image_id", "path"]].assign(width=24, height=20, format="PNG", supplied_split=None)
    manifest["mean"] = [float(LEVELS[label]) for label in splits["label"]]
    manifest["picture"] = manifest["pixel_sha256"] = splits["group"]
    manifest.to_parquet(folder / "manifest.parquet", index=False)
    make_bundle(folder / "bundle", folder)
    (folder / "validation.json").write_text(json.dumps({"verdict": "warn", "warnings": [WARNING]}))
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["evaluation"]["bootstrap_resamples"] = 400
    # The bundles here never abstain.
    values["gate"] |= {"min_strangers_abstained": 0, "max_false_rejection": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    return folder


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with nothing of this process's environment; a warning is an error."""
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONWARNINGS": "error"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def options_of(places: dict[str, Path]) -> list[str]:
    """Spell paths as command line options."""
    return [part for name, path in places.items() for part in (f"--{name}", str(path))]


def evaluate_options(data: Path, out: Path, bundle: Path | None = None) -> list[str]:
    """Options of the stage `evaluate` that write into a folder."""
    return options_of(
        {
            "params": data / "params.yaml",
            "raw": data / "raw",
            "manifest": data / "manifest.parquet",
            "splits": data / "splits.parquet",
            "validation": data / "validation.json",
            "bundle": bundle or data / "bundle",
            "predictions": out / "predictions.parquet",
            "report": out / "metrics.json",
            "card": out / "model_card.md",
            "plots": out / "plots",
        }
    )


def gate_options(data: Path, out: Path, bundle: Path | None = None, **changed: Path) -> list[str]:
    """Options of the stage `gate` for what `evaluate` wrote into a folder."""
    places = {
        "params": data / "params.yaml",
        "metrics": out / "metrics.json",
        "validation": data / "validation.json",
        "bundle": bundle or data / "bundle",
        "report": out / "gate.json",
    }
    return options_of(places | changed)


def evaluate(data: Path, out: Path, bundle: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the stage `evaluate`."""
    return run("-m", "pipelines.evaluate", *evaluate_options(data, out, bundle))


def gate(
    data: Path, out: Path, bundle: Path | None = None, **changed: Path
) -> subprocess.CompletedProcess[str]:
    """Run the stage `gate`."""
    return run("-m", "pipelines.gate", *gate_options(data, out, bundle, **changed))


def load(path: Path) -> dict[str, Any]:
    """Read a report."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


@pytest.fixture(scope="module")
def good(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `evaluate` writes for a good bundle."""
    out = tmp_path_factory.mktemp("good")
    done = evaluate(data, out)
    assert done.returncode == 0, done.stderr
    return out


def test_the_metrics_keep_their_contract(data: Path, good: Path) -> None:
    """reports/metrics.json has the keys that others rely on, and names its bundle."""
    metrics = load(good / "metrics.json")
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece"):
        low, high = metrics[name]["ci95"]
        assert 0 <= low <= high <= 1
    assert set(metrics["baselines"]) == {"majority", "image_size", "nearest_neighbour"}
    assert metrics["classes"] == list(CLASSES)
    assert set(metrics["per_class"]["dark"]) >= {"recall", "precision", "support"}
    assert metrics["bundle_sha256"] == bundles.hash_bundle(data / "bundle")


def test_pictures_that_the_crop_leaves_whole_are_counted(data: Path, good: Path, tmp_path: Path) -> None:
    """A bundle that crops tells how many test images it could not crop; one that does not tells of none."""
    make_bundle(tmp_path / "bundle", data)
    description = bundles.read(tmp_path / "bundle").model_copy(update={"crop": "brain"})
    bundles.write(tmp_path / "bundle", description)
    done = evaluate(data, tmp_path, tmp_path / "bundle")
    assert done.returncode == 0, done.stderr
    # Pictures of one grey level hold no head: all are left whole, and answered as without a crop.
    assert load(tmp_path / "metrics.json")["crop_fallbacks"] == {"images": 90, "fallbacks": 90}
    assert load(good / "metrics.json")["crop_fallbacks"] == {"images": 0, "fallbacks": 0}
    table, whole = (pd.read_parquet(out / "predictions.parquet") for out in (tmp_path, good))
    pd.testing.assert_frame_equal(table, whole)


def test_calibration_detection_and_slices_are_reported(good: Path) -> None:
    """The report says how the bundle is calibrated, and how it does on parts of the test split."""
    metrics = load(good / "metrics.json")
    calibration = metrics["calibration"]
    assert calibration["temperature"] == 1.5
    assert calibration["after"]["ece"] == metrics["ece"] != calibration["before"]["ece"]
    assert metrics["detection"] is None  # none of these classes means "nothing to find"
    assert metrics["slices"]["format"]["PNG"]["balanced_accuracy"] == metrics["balanced_accuracy"]
    assert metrics["slices"]["copies"]["copied"] == {"images": 1, "groups": 1, "too_few": True}
    assert sum(part["images"] for part in metrics["slices"]["brightness"].values()) == 90


def test_a_wrong_negative_class_is_told_before_the_work(data: Path, tmp_path: Path) -> None:
    """A class that the bundle lacks ends with 2, names those that it has, and writes nothing."""
    values = yaml.safe_load((data / "params.yaml").read_text())
    values["evaluation"]["negative_class"] = "drak"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    options = evaluate_options(data, tmp_path / "out")
    options[options.index("--params") + 1] = str(tmp_path / "params.yaml")
    done = run("-m", "pipelines.evaluate", *options)
    assert done.returncode == 2
    assert "evaluation.negative_class drak: is no class of the bundle (bright, dark, grey)" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("table", ["manifest", "splits"])
def test_tables_of_another_run_are_refused(table: str, data: Path, tmp_path: Path) -> None:
    """A bundle is not measured by tables that it was not made from: their test images may have taught it."""
    frame = pd.read_parquet(data / f"{table}.parquet")
    frame.iloc[::-1].to_parquet(tmp_path / f"{table}.parquet", index=False)
    options = evaluate_options(data, tmp_path / "out")
    options[options.index(f"--{table}") + 1] = str(tmp_path / f"{table}.parquet")
    done = run("-m", "pipelines.evaluate", *options)
    assert done.returncode == 2
    assert f"was not made from {tmp_path / table}.parquet" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_bundle_over_its_budget_is_refused(data: Path, good: Path, tmp_path: Path) -> None:
    """A bundle that is too heavy does not ship, however good it is."""
    values = yaml.safe_load((data / "params.yaml").read_text())
    values["gate"]["max_bundle_mb"] = 0.0001
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    done = gate(data, good, params=tmp_path / "params.yaml", report=tmp_path / "gate.json")
    assert done.returncode == 3
    assert "bundle_mb over by" in done.stderr
    check = load(tmp_path / "gate.json")["checks"][-1]
    assert (check["name"], check["bound"], check["passed"]) == ("bundle_mb", "ceiling", False)


def test_copies_inside_a_group_count_once(good: Path) -> None:
    """Only representatives are evaluated."""
    assert load(good / "metrics.json")["test_images"] == 90
    assert len(pd.read_parquet(good / "predictions.parquet")) == 90


def test_predictions_are_the_predictors_own(data: Path, good: Path) -> None:
    """The table holds the predictor's float32 answers exactly, sorted by path."""
    table = pd.read_parquet(good / "predictions.parquet")
    splits = pd.read_parquet(data / "splits.parquet")
    rows = splits[(splits["split"] == "test") & splits["representative"]].sort_values("path")
    assert list(table["image_id"]) == list(rows["image_id"])
    numbers = [f"p_{c}" for c in CLASSES]
    assert list(table.columns) == ["image_id", "group", "label", "prediction", *numbers, "why"]
    assert table["why"].isna().all()
    predictor = Predictor(data / "bundle")
    pixels = np.stack([predictor.prepare((data / "raw" / path).read_bytes()) for path in rows["path"]])
    stored = table[[f"p_{c}" for c in CLASSES]].to_numpy()
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, predictor.predict(pixels).probabilities)


def test_the_plots_folder_is_complete(good: Path) -> None:
    """Every plot is there, and `dvc plots` finds the columns that it needs."""
    assert {path.name for path in (good / "plots").iterdir()} == PLOTS
    assert list(pd.read_csv(good / "plots" / "confusion.csv").columns) == ["actual", "predicted"]
    assert list(pd.read_csv(good / "plots" / "roc.csv").columns) == ["class", "fpr", "tpr"]
    assert {"confidence", "accuracy", "count"} <= set(pd.read_csv(good / "plots" / "reliability.csv").columns)


def test_two_runs_give_the_same_bytes(data: Path, good: Path, tmp_path: Path) -> None:
    """Every output of a second run equals that of the first, so `dvc.lock` does not change."""
    assert evaluate(data, tmp_path).returncode == 0
    assert gate(data, good).returncode == gate(data, tmp_path).returncode == 0
    for path in sorted(p for p in good.rglob("*") if p.is_file()):
        assert (tmp_path / path.relative_to(good)).read_bytes() == path.read_bytes(), path.name


def test_a_good_bundle_passes(data: Path, good: Path, tmp_path: Path) -> None:
    """A bundle above all floors passes, and the report says for which data and parameters."""
    done = gate(data, good, report=tmp_path / "gate.json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = load(tmp_path / "gate.json")
    assert report["verdict"] == "pass"
    assert report["bundle_sha256"] == bundles.hash_bundle(data / "bundle")
    data_sha256 = hash_file(data / "manifest.parquet")
    assert (report["data_sha256"], report["params_sha256"]) == (data_sha256, "a" * 64)
    assert set(report["checks"][0]) == {"name", "value", "threshold", "passed", "bound"}


def test_a_bundle_with_two_classes_swapped_is_refused(data: Path, tmp_path: Path) -> None:
    """A refused bundle leaves a report, prints the table, and exits with 3."""
    make_bundle(tmp_path / "bundle", data, order=(1, 0, 2))
    assert evaluate(data, tmp_path, tmp_path / "bundle").returncode == 0
    done = gate(data, tmp_path, tmp_path / "bundle")
    assert done.returncode == 3
    assert load(tmp_path / "gate.json")["verdict"] == "fail"
    assert "verdict: fail" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("recall[bright]"))
    assert "short by" in line
    assert "recall[bright] short by" in done.stderr
    assert "Traceback" not in done.stderr


def test_metrics_of_another_bundle_are_refused(data: Path, good: Path, tmp_path: Path) -> None:
    """Good metrics do not open the gate for a bundle that they were not made from."""
    make_bundle(tmp_path / "bundle", data, order=(0, 2, 1))
    done = gate(data, good, tmp_path / "bundle", report=tmp_path / "gate.json")
    assert done.returncode == 3
    assert "metrics_of_this_bundle short by" in done.stderr


def test_refused_data_refuse_the_bundle(data: Path, good: Path, tmp_path: Path) -> None:
    """A bundle trained on data that failed validation does not pass."""
    (tmp_path / "validation.json").write_text('{"verdict": "fail"}')
    done = gate(data, good, validation=tmp_path / "validation.json", report=tmp_path / "gate.json")
    assert done.returncode == 3
    assert "data_validated short by" in done.stderr


def test_the_card_is_about_this_bundle(data: Path, good: Path) -> None:
    """The model card names the bundle and its figures, and warns as the report on the data does."""
    text, metrics = (good / "model_card.md").read_text(encoding="utf-8"), load(good / "metrics.json")
    assert bundles.hash_bundle(data / "bundle") in text
    assert bundles.NOTICE in text
    assert f"{metrics['balanced_accuracy']['value']:.3f}" in text
    assert WARNING in text
    assert str(data) not in text


def keep_one(data: Path, folder: Path, labels: Collection[str]) -> Path:
    """Make a folder like `data` where one test image of these labels is left, and its bundle."""
    folder.mkdir()
    splits = pd.read_parquet(data / "splits.parquet")
    spare = splits.index[(splits["split"] == "test") & splits["label"].isin(labels)][1:]
    splits.drop(index=spare).to_parquet(folder / "splits.parquet", index=False)
    for name in ("raw", "manifest.parquet", "params.yaml", "validation.json"):
        (folder / name).symlink_to(data / name)
    shutil.copytree(data / "bundle", folder / "bundle")
    of_these = {"splits_sha256": hash_file(folder / "splits.parquet")}
    bundles.write(folder / "bundle", bundles.read(folder / "bundle").model_copy(update=of_these))
    return folder


def test_too_few_images_of_a_class_are_told(data: Path, tmp_path: Path) -> None:
    """Of one test image there is no interval: metrics and gate name the class and say what to do."""
    folder = keep_one(data, tmp_path / "data", ["dark"])
    done = evaluate(folder, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    told = "no interval for class dark: 1 group(s) of it in the test split; add images"
    assert any(line.startswith(told) for line in load(tmp_path / "out" / "metrics.json")["warnings"])
    assert told in done.stdout
    assert told in gate(folder, tmp_path / "out").stdout


def test_one_group_of_test_images_ends_with_3(data: Path, tmp_path: Path) -> None:
    """Nothing is known of the spread of one group: the stage says so and writes nothing."""
    folder = keep_one(data, tmp_path / "data", CLASSES)
    done = evaluate(folder, tmp_path / "out")
    assert done.returncode == 3
    assert "test split: holds 1 group(s), too few for an interval" in done.stderr
    assert not (tmp_path / "out").exists()


def test_damaged_metrics_are_a_users_mistake(data: Path, good: Path, tmp_path: Path) -> None:
    """A report that is no JSON ends the gate with 2 and a remedy, before anything is written."""
    (tmp_path / "metrics.json").write_text('{"accuracy": ')
    done = gate(data, good, metrics=tmp_path / "metrics.json", report=tmp_path / "gate.json")
    assert done.returncode == 2
    assert "make repro" in done.stderr
    assert not (tmp_path / "gate.json").exists()


def test_a_missing_image_is_named(data: Path, tmp_path: Path) -> None:
    """A file that the splits name and the raw folder lacks ends with 2 and writes nothing."""
    splits = pd.read_parquet(data / "splits.parquet")
    splits.loc[splits["split"] == "test", "path"] = "bright/gone.png"
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("raw", "manifest.parquet", "params.yaml", "validation.json"):
        (folder / name).symlink_to(data / name)
    splits.to_parquet(folder / "splits.parquet", index=False)
    make_bundle(folder / "bundle", folder)
    done = evaluate(folder, tmp_path / "out")
    assert done.returncode == 2
    assert "bright/gone.png" in done.stderr
    assert not (tmp_path / "out").exists()


def test_warnings_about_the_data_go_on(data: Path, good: Path, tmp_path: Path) -> None:
    """Metrics and verdict carry what validation warned of; the gate prints it under its table."""
    done = gate(data, good, report=tmp_path / "gate.json")
    assert load(good / "metrics.json")["warnings"] == [WARNING]
    assert load(tmp_path / "gate.json")["warnings"] == [WARNING]
    assert done.stdout.splitlines()[-1] == f"warning: {WARNING}"


@pytest.mark.parametrize("module", ["evaluate", "gate"])
def test_no_tensorflow_is_loaded(data: Path, good: Path, tmp_path: Path, module: str) -> None:
    """What judges a model runs, from beginning to end, without TensorFlow in its process."""
    options = (evaluate_options(data, tmp_path), gate_options(data, good, report=tmp_path / "gate.json"))
    code = (
        f"import sys\nfrom pipelines import {module}\n{module}.main()\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras', 'tf2onnx')))"
    )
    done = run("-c", code, *options[module == "gate"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
