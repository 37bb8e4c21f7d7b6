"""What all contenders serve: one trained network as a Keras model, and as bundles in float32 and int8.

Run as a program of its own, because it loads TensorFlow. The trunk is MobileNet at 224 px, from --weights or
untrained; a logistic regression on its embeddings becomes the head. Leaves `images/` (what is sent),
`model.keras`, `float32/`, `int8/`, `mlflow/`, and `labels.json` with Keras' own answers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
from sklearn.linear_model import LogisticRegression

from scanops import config, imaging
from scanops.bundle import abstain, export, quantise
from scanops.bundle.predictor import Floats
from scanops.model_rules import Abstention
from scanops.training import classifier

SIDE_PX, OPSET, CALIBRATED_ON = 224, 17, 100
RULES = Abstention(max_false_rejection=0.05, low_confidence_share=0.1)
NOTHING = dict.fromkeys(("model_sha256", "data_sha256", "params_sha256"), "0" * 64)


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="has `images` and `learnt`, a folder a class in the second")
    parser.add_argument("--weights", default="none")
    options = parser.parse_args()
    out: Path = options.out
    learnt = sorted(path for path in (out / "learnt").rglob("*") if path.is_file())
    names = [path.parent.name for path in learnt]
    classes = tuple(sorted(set(names)))
    pixels = _pixels(learnt)
    changes = {"architecture": "mobilenet", "weights": options.weights}
    model = classifier.build(config.load().training.model_copy(update=changes), len(classes), SIDE_PX)
    _give_head(model, pixels, names)
    model.save(out / "model.keras")
    described: dict[str, object] = {
        **NOTHING, "classes": classes, "architecture": "mobilenet", "size_px": SIDE_PX, "fit": "stretch",
        "pooling": export.pooling(model), "temperature": 1.0,
    }  # fmt: skip
    proto = export.convert(model, OPSET)
    small = quantise.quantise(proto, pixels[quantise.spread(names, CALIBRATED_ON, 1)])
    for precision, graph in (("float32", proto), ("int8", small)):
        _write(out / precision, graph, {**described, "precision": precision}, pixels, names)
    place = Path(__file__).parent / "mlflow_model.py"
    mlflow.pyfunc.save_model(
        out / "mlflow", python_model=str(place), artifacts={"bundle": str(out / "float32")},
        pip_requirements=["mlflow"],
    )  # fmt: skip
    given = model.predict(_pixels(sorted((out / "images").iterdir())), verbose=0)
    (out / "labels.json").write_text(json.dumps([classes[place] for place in given.argmax(axis=1)]), "utf-8")


def _pixels(paths: list[Path]) -> imaging.Pixels:
    form = imaging.InputForm(SIDE_PX, "stretch")
    return np.stack([imaging.to_input(imaging.decode(path.read_bytes(), form=form), form) for path in paths])


def _give_head(model: keras.Model, pixels: imaging.Pixels, names: list[str]) -> None:
    body = keras.Model(model.input, model.get_layer("embedding").output)
    embedding: Floats = body.predict(pixels, verbose=0)
    middle, spread = embedding.mean(axis=0), embedding.std(axis=0) + 1e-3
    fitted = LogisticRegression(max_iter=300, C=0.1).fit((embedding - middle) / spread, names)
    weights = fitted.coef_ / spread
    model.get_layer("probabilities").set_weights([weights.T, fitted.intercept_ - weights @ middle])


def _write(
    folder: Path, graph: Any, described: dict[str, object], pixels: imaging.Pixels, names: list[str]
) -> None:
    """Write a bundle that abstains, as those that ship do: the score is part of what is timed."""
    from scanops.bundle.predictor import Predictor  # noqa: PLC0415 -- beside TensorFlow, after its start

    folder.mkdir()
    export.write(folder, graph, described)
    groups = [str(number) for number in range(len(names))]
    first, second = (abstain.Sample(pixels[part::2], names[part::2], groups[part::2]) for part in (0, 1))
    abstain.teach(Predictor(folder), first, second, RULES)


if __name__ == "__main__":
    main()
