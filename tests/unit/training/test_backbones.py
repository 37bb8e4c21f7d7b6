"""Weights come from where they were asked for, or a message says what to do."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any, NoReturn

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from scanops.digest import hash_file
from scanops.errors import ConfigError, OutsideError
from scanops.model_rules import SMALLEST_SIDES_PX, Training
from scanops.training import architectures, backbones

pytestmark = pytest.mark.tensorflow
PUBLISHED = [name for name, entry in architectures.CATALOGUE.items() if entry.published]


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of Keras, and no way out: nothing listens where the proxy should be."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    return tmp_path


def test_offline_the_message_says_which_file_goes_where(keras_home: Path) -> None:
    """Without network and cache, training ends with exit code 4, the file's name and its folder."""
    with pytest.raises(OutsideError) as caught:
        backbones.build(Training(architecture="mobilenet", weights="imagenet"), 128)
    assert caught.value.exit_code == 4
    assert f"Put mobilenet_1_0_128_tf_no_top.h5 into {keras_home / 'models'}" in caught.value.remedy


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in ("mobilenet", "resnet101v2")])
@pytest.mark.parametrize("size_px", [96, 300])
def test_named_file_is_the_one_that_keras_asks_for(
    name: str, size_px: int, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue's file name is the end of the address that Keras fetches."""
    asked = []

    def refuse(origin: str, *_more: Any) -> NoReturn:
        asked.append(origin)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(file_utils, "urlretrieve", refuse)
    with pytest.raises(OutsideError) as caught:
        backbones.build(Training(architecture=name, weights="imagenet"), size_px)
    assert f"Put {asked[0].rsplit('/', 1)[-1]} into" in caught.value.remedy


def test_cached_weights_are_used(keras_home: Path) -> None:
    """A file in Keras' cache is taken without network, and its hash is checked where one is given."""
    place = keras_home / "models" / "mobilenet_1_0_128_tf_no_top.h5"
    place.parent.mkdir()
    source = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(128, 128, 3))
    _save_as_published(source, place)
    params = Training(architecture="mobilenet", weights="imagenet")
    built = backbones.build(params, 128)
    for one, other in zip(source.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pinned = params.model_copy(update={"weights_sha256": hash_file(place)})
    assert backbones.build(pinned, 128).count_params() == source.count_params()
    with pytest.raises(ConfigError, match="weights_sha256"):
        backbones.build(params.model_copy(update={"weights_sha256": "0" * 64}), 128)


def test_a_pin_that_cannot_be_checked_is_refused(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Keras keeps its files elsewhere, as it may, the pin is not passed over."""
    place = keras_home / "models" / "mobilenet_1_0_128_tf_no_top.h5"
    place.parent.mkdir()
    source = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(128, 128, 3))
    _save_as_published(source, place)
    monkeypatch.setenv("KERAS_HOME", str(keras_home / "elsewhere"))
    pinned = Training(architecture="mobilenet", weights="imagenet", weights_sha256=hash_file(place))
    with pytest.raises(ConfigError, match="cannot be checked"):
        backbones.build(pinned, 128)


def test_statistics_of_a_drawn_network_follow_its_weights() -> None:
    """After ten steps, batch normalisation has forgotten two thirds of where it started, not a tenth."""
    trunk = backbones.build(Training(architecture="cnn_padded"), 64)
    memories = [one.momentum for one in trunk.layers if isinstance(one, keras.layers.BatchNormalization)]
    assert memories
    assert all(memory**10 < 0.35 for memory in memories)


def test_damaged_cache_is_told(keras_home: Path) -> None:
    """A file in Keras' cache that is no file of weights ends with exit code 4, and the way out."""
    place = keras_home / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    place.parent.mkdir()
    place.write_bytes(b"half a download")
    with pytest.raises(OutsideError, match="damaged"):
        backbones.build(Training(architecture="mobilenet", weights="imagenet"), 224)


def test_weights_alone_fill_the_named_architecture(tmp_path: Path) -> None:
    """A file that `save_weights` wrote starts the architecture that it is of."""
    source = backbones.build(Training(architecture="cnn_small"), 32)
    source.save_weights(tmp_path / "own.weights.h5")
    params = Training(architecture="cnn_small", weights=str(tmp_path / "own.weights.h5"))
    for one, other in zip(source.get_weights(), backbones.build(params, 32).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_of_the_wrong_shape_are_told(tmp_path: Path) -> None:
    """Weights of another network end with exit code 2, and one line instead of a layer's configuration."""
    image = keras.Input((32, 32, 3))
    wrong = keras.layers.Conv2D(5, 3, padding="same", use_bias=False, name="block1_conv")(image)
    keras.Model(image, wrong).save_weights(tmp_path / "other.weights.h5")
    params = Training(architecture="cnn_small", weights=str(tmp_path / "other.weights.h5"))
    with pytest.raises(ConfigError, match="does not fit cnn_small") as caught:
        backbones.build(params, 32)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_weights_alone_are_no_backbone(tmp_path: Path) -> None:
    """Architecture `file` needs layers: a file without them is told apart from a damaged one."""
    backbones.build(Training(architecture="cnn_small"), 32).save_weights(tmp_path / "own.weights.h5")
    params = Training(architecture="file", weights=str(tmp_path / "own.weights.h5"))
    with pytest.raises(ConfigError, match=r"training\.architecture"):
        backbones.build(params, 32)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_is_refused_and_does_not_run(
    suffix: str, nested: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of weights is somebody else's: a layer that holds Python code ends with exit code 2, unrun."""
    monkeypatch.chdir(tmp_path)
    image = keras.Input((32, 32, 3))
    planted = keras.layers.Lambda(lambda x: __import__("pathlib").Path("ran").touch() or x)
    inner = keras.Model(image, planted(keras.layers.Conv2D(4, 3)(image)))
    outer = keras.Input((32, 32, 3))
    (keras.Model(outer, inner(outer)) if nested else inner).save(tmp_path / f"backbone{suffix}")
    (tmp_path / "ran").unlink()
    for architecture in ("file", "cnn_small"):
        params = Training(architecture=architecture, weights=str(tmp_path / f"backbone{suffix}"))
        with pytest.raises(ConfigError, match=f"backbone{suffix}: cannot be loaded"):
            backbones.build(params, 32)
    assert not (tmp_path / "ran").exists()


def test_backbone_of_another_side_is_told(tmp_path: Path) -> None:
    """A backbone that was saved for one side names it."""
    image = keras.Input((48, 48, 3))
    keras.Model(image, keras.layers.Conv2D(4, 3)(image)).save(tmp_path / "fixed.keras")
    params = Training(architecture="file", weights=str(tmp_path / "fixed.keras"))
    with pytest.raises(ConfigError, match=r"imaging\.size_px to 48"):
        backbones.build(params, 32)


@pytest.mark.parametrize("name", ["cnn_padded", "inception_v3", "xception", "mobilenet"])
def test_smallest_side_leaves_a_feature_map(name: str) -> None:
    """At the side that the configuration lets pass there is a map; one pixel less, Keras refuses."""
    params, smallest_px = Training(architecture=name), SMALLEST_SIDES_PX[name]
    _, height, width, channels = backbones.build(params, smallest_px).output_shape
    assert min(height, width, channels) >= 1
    with pytest.raises(ValueError, match=r"at least|negative dimension|non-positive|[Ss]hape"):
        backbones.build(params, smallest_px - 1)


def _save_as_published(model: keras.Model, place: Path) -> None:
    """Write weights in the format of those that Keras publishes."""
    with h5py.File(place, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
