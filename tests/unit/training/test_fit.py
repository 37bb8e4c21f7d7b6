"""Training is reproducible, keeps its best weights, and survives the way to ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pytest

from scanops.bundle import export, parity
from scanops.bundle.predictor import Predictor
from scanops.digest import hash_file
from scanops.errors import ConfigError, VerdictError
from scanops.model_rules import Augmentation, Training
from scanops.training import archive, classifier, dataset, fit
from scanops.training.checkpoints import Checkpoint
from scanops.training.curve import Epoch

pytestmark = pytest.mark.tensorflow
SMALL = Training(architecture="cnn_small", epochs=3, batch_size=8)


def _data(size_px: int = 32) -> dataset.Batches:
    """Dark images and bright ones: a network learns them in an epoch or two."""
    rng = np.random.default_rng(0)
    targets = np.arange(48) % 2
    levels = rng.integers(0, 90, (48, size_px, size_px, 1)) + 120 * targets[:, None, None, None]
    pixels = np.repeat(levels, 3, axis=3).astype(np.uint8)
    part = dataset.Part(pixels, targets)
    return dataset.prepare(part, part, SMALL, Augmentation(flip_horizontal=False))


def _trained(
    params: Training = SMALL,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
) -> tuple[keras.Model, list[Epoch]]:
    keras.utils.clear_session()  # layers are numbered over a process, a stage is one
    fit.make_reproducible(params.seed)
    model = classifier.build(params, 2, 32)
    return model, fit.fit(model, _data(), params, on_epoch, checkpoint)


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Model, list[Epoch]]:
    """A small network, trained."""
    return _trained()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny backbone with batch normalisation, saved as users save theirs."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Conv2D(8, 3, strides=2, name="second")(x)
    path = tmp_path_factory.mktemp("weights") / "backbone.keras"
    keras.Model(image, x).save(path)
    return path


def test_same_seed_same_weights(trained: tuple[keras.Model, list[Epoch]], tmp_path: Path) -> None:
    """Two trainings with one seed give the same curve and, saved and loaded, the same weights."""
    again, curve = _trained()
    assert curve == trained[1]
    for name, model in (("a.keras", trained[0]), ("b.keras", again)):
        archive.save(model, tmp_path / name)
    first, second = (archive.load(tmp_path / name) for name in ("a.keras", "b.keras"))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_saving_twice_gives_the_same_bytes(
    trained: tuple[keras.Model, list[Epoch]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time of day gets into the archive."""
    archive.save(trained[0], tmp_path / "a.keras")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    archive.save(trained[0], tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    assert b"date_saved" in (tmp_path / "a.keras").read_bytes()


def test_best_weights_are_kept(trained: tuple[keras.Model, list[Epoch]]) -> None:
    """After training the model has the validation loss of its best epoch, not of its last."""
    model, curve = trained
    model.compile(loss="sparse_categorical_crossentropy")
    loss = model.evaluate(_data().val, verbose=0)
    assert loss == pytest.approx(min(point.val_loss for point in curve), rel=1e-4)


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd", "adamax"])
def test_what_is_kept_knows_no_optimiser(optimiser: Literal["adam", "adamw", "sgd", "adamax"]) -> None:
    """Whatever fitted it, a model is left with weights to answer with, and learns with each optimiser."""
    params = SMALL.model_copy(update={"optimiser": optimiser, "learning_rate": 0.02})
    model, points = _trained(params)
    assert points[-1].val_accuracy > 0.9
    assert len(model.optimizer.variables) <= 2


def test_early_stopping_stops() -> None:
    """With nothing left to gain, training ends before its last epoch."""
    params = SMALL.model_copy(update={"epochs": 50, "early_stopping_patience": 1, "learning_rate": 0.5})
    assert len(_trained(params)[1]) < 50


def test_nan_loss_keeps_the_last_good_weights(tmp_path: Path) -> None:
    """A loss that is not a number ends training with exit code 3 and the place of the last good weights."""
    fit.make_reproducible(1)
    model, seen = classifier.build(SMALL, 2, 32), []

    def poison(_: Epoch) -> None:
        seen.append(model.get_weights())
        if len(seen) == 2:
            model.set_weights([np.full_like(array, np.nan) for array in seen[-1]])

    with pytest.raises(VerdictError, match=r"epoch 3\. Lower training\.learning_rate.*epoch 2") as told:
        fit.fit(model, _data(), SMALL, poison, Checkpoint(tmp_path))
    kept = archive.load(Path(str(told.value).rsplit(" ", 1)[-1]))
    for one, other in zip(kept.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_nan_loss_at_once_leaves_no_weights(tmp_path: Path) -> None:
    """When no epoch ended well the message says so, and no model is left."""
    fit.make_reproducible(1)
    model = classifier.build(SMALL, 2, 32)
    model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])
    with pytest.raises(VerdictError, match="no good weights"):
        fit.fit(model, _data(), SMALL, lambda _: None, Checkpoint(tmp_path))
    assert not list(tmp_path.iterdir())


class _KilledError(Exception):
    """Stands for a kill after an epoch."""


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "sgd", "schedule": "reduce_on_plateau", "plateau_patience": 1, "learning_rate": 0.1},
        {"optimiser": "adamw", "schedule": "cyclical", "cycle_epochs": 2, "label_smoothing": 0.1},
        {"optimiser": "adamax", "schedule": "exponential", "mixed_precision": True},
        {
            "early_stopping_monitor": "val_balanced_accuracy",
            "warmup_epochs": 2,
            "fine_tune_from": "second",
            "fine_tune_learning_rate": 0.01,
        },
    ],
)
def test_a_resumed_training_is_the_same(
    tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object]
) -> None:
    """Killed twice and resumed, a training gives the same curve, and the same archive to the byte."""
    if "warmup_epochs" in changes:
        changes = {**changes, "architecture": "file", "weights": str(backbone)}
    params = Training.model_validate({**SMALL.model_dump(), "dropout": 0.5, **changes})
    model, curve = _trained(params)
    archive.save(model, tmp_path / "whole.keras")
    checkpoint = Checkpoint(tmp_path / "kept")

    def kill(point: Epoch) -> None:
        if point.epoch in kills:
            kills.remove(point.epoch)
            raise _KilledError

    kills = [1, 3]
    for _ in range(2):
        with pytest.raises(_KilledError):
            _trained(params, kill, checkpoint)
    again, resumed = _trained(params, lambda _: None, checkpoint)
    archive.save(again, tmp_path / "resumed.keras")
    assert resumed == curve
    printed = capsys.readouterr().out
    assert "resumed after epoch 1\n" in printed
    assert "resumed after epoch 3\n" in printed
    assert hash_file(tmp_path / "whole.keras") == hash_file(tmp_path / "resumed.keras")


def test_batch_statistics_are_held(backbone: Path) -> None:
    """Fine-tuning all of a backbone trains its kernels, and normalises as the backbone did."""
    params = Training(
        architecture="file",
        weights=str(backbone),
        epochs=1,
        warmup_epochs=0,
        fine_tune_learning_rate=0.1,
    )
    fit.make_reproducible(1)
    model = classifier.build(params, 2, 32)
    trunk = model.get_layer(classifier.TRUNK)
    before = {w.path: w.numpy() for w in trunk.weights}
    fit.fit(model, _data(), params, lambda _: None)
    changed = {w.path.split("/")[-2] for w in trunk.weights if (w.numpy() != before[w.path]).any()}
    assert changed == {"first", "second"}


def test_backbone_is_frozen_first(backbone: Path) -> None:
    """Warm-up leaves the backbone as it was, fine-tuning changes it, batch statistics never change."""
    params = Training(
        architecture="file", weights=str(backbone), epochs=1, warmup_epochs=1, fine_tune_from="second"
    )
    fit.make_reproducible(1)
    model = classifier.build(params, 2, 32)
    trunk = model.get_layer(classifier.TRUNK)
    before = {w.path: w.numpy() for w in trunk.weights}
    classifier.freeze(model, classifier.TRUNK)
    assert not trunk.trainable_weights
    curve = fit.fit(model, _data(), params, lambda _: None)
    assert [point.phase for point in curve] == ["warmup", "fit"]
    changed = {w.path.split("/")[-2] for w in trunk.weights if (w.numpy() != before[w.path]).any()}
    assert changed == {"second"}


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ("absent.keras", "is not a file"),
        ("broken.h5", "cannot be loaded"),
        ("broken.keras", "cannot be loaded"),
        ("grey.keras", "not three"),
        ("flat.keras", "not a feature map"),
    ],
)
def test_bad_weights_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, named: str
) -> None:
    """A weights file that is missing or no model ends with exit code 2."""
    monkeypatch.chdir(tmp_path)
    for name in ("broken.h5", "broken.keras"):
        Path(name).write_bytes(b"nothing")
    grey = keras.Input((None, None, 1))
    keras.Model(grey, keras.layers.Conv2D(2, 3)(grey)).save("grey.keras")
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.GlobalMaxPooling2D()(image)).save("flat.keras")
    with pytest.raises(ConfigError, match=named):
        classifier.build(Training(architecture="file", weights=weights), 2, 32)


def test_wrong_weights_hash_is_told(backbone: Path) -> None:
    """Weights other than the pinned ones are refused."""
    params = Training(architecture="file", weights=str(backbone), weights_sha256="0" * 64)
    with pytest.raises(ConfigError, match="weights_sha256"):
        classifier.build(params, 2, 32)


def test_unknown_layer_is_told(backbone: Path) -> None:
    """A layer to fine-tune from that is not there is refused, with the layers that are."""
    model = classifier.build(Training(architecture="file", weights=str(backbone)), 2, 32)
    with pytest.raises(ConfigError, match="second"):
        classifier.freeze(model, "third")


def test_bundle_follows_the_trained_model(trained: tuple[keras.Model, list[Epoch]], tmp_path: Path) -> None:
    """A trained network's bundle gives its labels and probabilities, and the layers behind them."""
    model, _ = trained
    export.write(tmp_path, export.convert(model, 17), _description())
    images = np.random.default_rng(1).integers(0, 256, (40, 32, 32, 3), np.uint8)
    found = parity.compare(model, tmp_path, images)
    parity.require(found, 1e-4)
    assert found.same_label == 40
    prediction = Predictor(tmp_path).predict(images)
    assert prediction.features.shape == (40, 2, 2, 128)
    np.testing.assert_allclose(prediction.features.max((1, 2)), prediction.embedding, atol=1e-4)


def test_converting_twice_gives_the_same_bytes(trained: tuple[keras.Model, list[Epoch]]) -> None:
    """The graph does not tell how often, or in what order, names were given out before."""
    first, second = (export.convert(trained[0], 17).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_bundle_of_another_model_is_refused(trained: tuple[keras.Model, list[Epoch]], tmp_path: Path) -> None:
    """Parity is a check that can fail: the bundle of a model with its classes swapped is refused."""
    model, _ = trained
    export.write(tmp_path, export.convert(model, 17), _description())
    swapped = keras.models.clone_model(model)
    swapped.set_weights([w[..., ::-1] if w.shape[-1] == 2 else w for w in model.get_weights()])
    images = np.random.default_rng(1).integers(0, 256, (40, 32, 32, 3), np.uint8)
    with pytest.raises(VerdictError, match="of 40 images"):
        parity.require(parity.compare(swapped, tmp_path, images), 1e-4)


def _description() -> dict[str, object]:
    return {
        "classes": ("dark", "light"),
        "architecture": "cnn_small",
        "size_px": 32,
        "fit": "pad",
        "model_sha256": "0" * 64,
        "data_sha256": "0" * 64,
        "params_sha256": "0" * 64,
    }
