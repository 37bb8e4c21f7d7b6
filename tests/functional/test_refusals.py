"""What must never ship is refused: shuffled labels learnt, two classes swapped, one answer for all.

Real networks, trained here on phantoms, go through export, `evaluate`, `gate` and the challenge.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from pipelines import evaluate, gate
from scanops.bundle import bundle as bundles
from scanops.bundle import export, origin, parity
from scanops.config import Challenge, Evaluation
from scanops.data import phantom
from scanops.errors import VerdictError
from scanops.evaluation import challenge
from scanops.imaging import Pixels
from scanops.intervals import Integers
from scanops.model_rules import Augmentation, Training
from scanops.training import classifier, dataset, fit

pytestmark = [pytest.mark.tensorflow, pytest.mark.xdist_group("refusals")]
ROOT = Path(__file__).parents[2]
CLASSES = ("meningioma", "no_tumor")
SIDE_PX = 64
PARTS = {"train": 100, "val": 40, "test": 80}
RULES = Training(architecture="cnn_small", epochs=12, batch_size=10, learning_rate=0.003)
# Well below what is asked of a model that ships, so that the honest one passes after a few seconds.
FLOORS = {
    "min_balanced_accuracy": 0.6,
    "min_macro_f1": 0.6,
    "min_auroc": 0.65,
    "min_class_recall": 0.5,
    "min_margin_over_baseline": 0.02,
    "max_ece": 0.4,
    # These bundles are not taught to abstain.
    "min_strangers_abstained": 0.0,
    "max_false_rejection": 1.0,
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with phantoms of two classes, and what the stages before training leave."""
    folder = tmp_path_factory.mktemp("refusals")
    rng = np.random.default_rng(11)
    rows = []
    for number in range(sum(PARTS.values())):
        label = CLASSES[number % 2]
        path = f"{label}/{number:03}.png"
        (folder / "raw" / label).mkdir(parents=True, exist_ok=True)
        drawn = Image.fromarray(phantom.draw(label, "axial", rng))
        drawn.resize((SIDE_PX, SIDE_PX)).save(folder / "raw" / path)
        part = "train" if number < 100 else "val" if number < 140 else "test"
        rows.append((f"i{number}", path, label, f"g{number}", part, True))
    names = ["image_id", "path", "label", "group", "split", "representative"]
    splits = pd.DataFrame(rows, columns=names)
    splits.to_parquet(folder / "splits.parquet", index=False)
    manifest = splits[["image_id", "path"]].assign(width=SIDE_PX, height=SIDE_PX, format="PNG")
    manifest = manifest.assign(mean=60.0, supplied_split=None, picture=splits["group"])
    manifest.assign(pixel_sha256=splits["group"]).to_parquet(folder / "manifest.parquet", index=False)
    (folder / "validation.json").write_text('{"verdict": "pass"}', encoding="utf-8")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["gate"] |= FLOORS
    values["evaluation"]["bootstrap_resamples"] = 400
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


def read(room: Path, part: str) -> tuple[Pixels, Integers]:
    """Read the pictures and the labels of a part."""
    rows = pd.read_parquet(room / "splits.parquet").query("split == @part")
    pictures = [Image.open(room / "raw" / path).convert("RGB") for path in rows["path"]]
    labels = np.array([CLASSES.index(label) for label in rows["label"]], np.int64)
    return np.stack([np.asarray(picture) for picture in pictures]), labels


def train(room: Path, *, shuffled: bool) -> keras.Model:
    """Train a network on what there is, or on the same pictures with labels dealt out anew."""
    fit.make_reproducible(RULES.seed)
    rng = np.random.default_rng(2)

    def taught(part: str) -> dataset.Part:
        pixels, labels = read(room, part)
        return dataset.Part(pixels, rng.permutation(labels) if shuffled else labels)

    batches = dataset.prepare(taught("train"), taught("val"), RULES, Augmentation())
    model = classifier.build(RULES, len(CLASSES), SIDE_PX)
    fit.fit(model, batches, RULES, lambda _: None)
    return model


def ship(room: Path, name: str, model: keras.Model) -> Path:
    """Export a network, evaluate it and judge it; give the folder with the gate's report."""
    out = room / name
    (out / "bundle").mkdir(parents=True)
    description = {"classes": CLASSES, "architecture": "cnn_small", "size_px": SIDE_PX, "fit": "pad"}
    description |= dict.fromkeys(("model_sha256", "params_sha256"), "0" * 64)
    description |= origin.of(room / "manifest.parquet", room / "splits.parquet", "0" * 64)
    proto, about = export.convert(model, 17), {**description, "pooling": export.pooling(model)}
    bundle = export.write(out / "bundle", proto, about)
    pixels, labels = read(room, "val")
    answered = parity.compare(model, out / "bundle", pixels)
    export.calibrate(out / "bundle", bundle, answered.probabilities, [CLASSES[label] for label in labels])
    assert bundles.read(out / "bundle").pooling == "max"
    given = {"params": room / "params.yaml", "validation": room / "validation.json", "bundle": out / "bundle"}
    given |= {"raw": room / "raw", "manifest": room / "manifest.parquet", "splits": room / "splits.parquet"}
    made = {"predictions": out / "p.parquet", "card": out / "card.md", "plots": out / "plots"}
    call(evaluate.main, given | made | {"report": out / "metrics.json"})
    judged = {key: given[key] for key in ("params", "validation", "bundle")}
    with contextlib.suppress(VerdictError):  # the report tells the verdict
        call(gate.main, judged | {"metrics": out / "metrics.json", "report": out / "gate.json"})
    return out


def call(stage: Callable[[], None], paths: dict[str, Path]) -> None:
    """Call a stage as its command line would."""
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", [stage.__module__, *words])
        stage()


def verdict(out: Path) -> str:
    """Give the gate's verdict."""
    return str(json.loads((out / "gate.json").read_text(encoding="utf-8"))["verdict"])


def challenged(champion: Path, challenger: Path) -> dict[str, Any]:
    """Hold the answers of two bundles against each other."""
    tables = [pd.read_parquet(out / "p.parquet") for out in (champion, challenger)]
    place = {name: index for index, name in enumerate(CLASSES)}
    labels = tables[0]["label"].map(place).to_numpy(np.int64)
    old, new = (table["prediction"].map(place).to_numpy(np.int64) for table in tables)
    groups = tables[0]["group"].to_numpy()
    return challenge.compare(labels, old, new, groups, Challenge(), Evaluation(bootstrap_resamples=400))


@pytest.fixture(scope="module")
def honest(room: Path) -> keras.Model:
    """A network that was taught what the pictures show."""
    return train(room, shuffled=False)


@pytest.fixture(scope="module")
def champion(room: Path, honest: keras.Model) -> Path:
    """The honest network, judged."""
    return ship(room, "honest", honest)


def test_the_honest_network_passes(champion: Path) -> None:
    """The gate below lets a network through that learnt: what it refuses, it refuses for a reason."""
    assert verdict(champion) == "pass"


def test_a_network_taught_shuffled_labels_is_refused(room: Path, champion: Path) -> None:
    """The same network, pictures and steps, with labels by chance: refused by gate and challenge."""
    out = ship(room, "shuffled", train(room, shuffled=True))
    assert verdict(out) == "fail"
    assert challenged(champion, out)["verdict"] == "refused"


def swap(kernel: Any, bias: Any) -> tuple[Any, Any]:
    """Let each class have the other's place."""
    return kernel[:, ::-1], bias[::-1]


def one_answer(kernel: Any, bias: Any) -> tuple[Any, Any]:
    """Always say the first class."""
    return np.zeros_like(kernel), np.array([1.0, 0.0], bias.dtype)


@pytest.mark.parametrize("change", [swap, one_answer])
def test_a_spoilt_copy_is_refused(
    room: Path, honest: keras.Model, champion: Path, change: Callable[[Any, Any], tuple[Any, Any]]
) -> None:
    """Two classes swapped, or one answer for all: refused by gate and challenge."""
    head = honest.get_layer("probabilities")
    kept = head.get_weights()
    try:
        head.set_weights(list(change(*kept)))
        out = ship(room, change.__name__, honest)
    finally:
        head.set_weights(kept)
    assert verdict(out) == "fail"
    assert challenged(champion, out)["verdict"] == "refused"
