"""A bundle is what its description says, or it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from scanops import temperature
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.errors import ConfigError, ImageError
from tests.bundles import make_bundle
from tests.pictures import encode, noise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small bundle."""
    return make_bundle(tmp_path / "bundle", ("a", "b"), 32)


def test_a_sound_bundle_answers(folder: Path) -> None:
    """A batch gets probabilities that add up to 1, in the order of the batch."""
    predictor = Predictor(folder)
    batch = np.stack([predictor.prepare(encode(noise(i))) for i in range(3)])
    found = predictor.predict(batch)
    assert found.probabilities.shape == (3, 2)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    alone = [predictor.predict(batch[i : i + 1]).probabilities[0] for i in range(3)]
    np.testing.assert_allclose(found.probabilities, alone, atol=1e-6)


def test_bad_bytes_are_an_image_error(folder: Path) -> None:
    """What is no image is refused by its kind, never answered."""
    with pytest.raises(ImageError) as caught:
        Predictor(folder).prepare(b"nothing")
    assert caught.value.kind == "undecodable"


def test_a_changed_graph_is_refused(folder: Path) -> None:
    """One byte more in the graph, and the bundle is not loaded."""
    with (folder / bundles.GRAPH).open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(ConfigError, match="does not match"):
        Predictor(folder)


@pytest.mark.parametrize("name", [bundles.GRAPH, bundles.DESCRIPTION])
def test_a_missing_file_is_told(folder: Path, name: str) -> None:
    """Half a bundle ends with exit code 2 and a remedy."""
    (folder / name).unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        Predictor(folder)


@pytest.mark.parametrize("content", ["{}", "[1]", "nothing", '{"classes": ["a"]}'])
def test_a_broken_description_is_told(folder: Path, content: str) -> None:
    """A description that is none is refused."""
    (folder / bundles.DESCRIPTION).write_text(content)
    with pytest.raises(ConfigError, match="invalid description"):
        Predictor(folder)


def test_a_bundle_older_than_the_crop_takes_whole_pictures(folder: Path) -> None:
    """A description without `crop` is read as `none`; one that is unknown is refused."""
    description = json.loads((folder / bundles.DESCRIPTION).read_text())
    assert description.pop("crop") == "none"
    (folder / bundles.DESCRIPTION).write_text(json.dumps(description))
    assert bundles.read(folder).crop == "none"
    (folder / bundles.DESCRIPTION).write_text(json.dumps({**description, "crop": "skull"}))
    with pytest.raises(ConfigError, match="crop"):
        bundles.read(folder)


def test_the_name_follows_the_content(folder: Path, tmp_path: Path) -> None:
    """Equal bundles have one name; another class, hash or size gives another."""
    twin = make_bundle(tmp_path / "twin", ("a", "b"), 32)
    other = make_bundle(tmp_path / "other", ("a", "c"), 32)
    assert bundles.hash_bundle(folder) == bundles.hash_bundle(twin) != bundles.hash_bundle(other)


@pytest.mark.parametrize(("side_px", "sizes"), [(32, [8, 1]), (224, [2, 2, 2, 2, 1]), (480, [1] * 9)])
def test_one_thread_takes_no_more_at_a_time_than_its_cache_holds(
    tmp_path: Path, side_px: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large batch is answered in several runs of the graph, in its order and alike; no picture is lost."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), side_px)
    whole, cut = Predictor(folder), Predictor(folder, threads=1)
    batch = np.stack([whole.prepare(encode(noise(i))) for i in range(9)])
    expected, graph = whole.run_graph(batch), Mock(wraps=cut._session)
    monkeypatch.setattr(cut, "_session", graph)
    found = cut.run_graph(batch)
    assert [len(call.args[1]["image"]) for call in graph.run.call_args_list] == sizes
    for name in ("probabilities", "embedding", "features"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5)
    assert len(cut.run_graph(batch[:0], maps=False).probabilities) == 0


def test_telemetry_is_off() -> None:
    """ONNX Runtime is told to report to nobody before it loads."""
    import os  # noqa: PLC0415  (after the import under test)

    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_probabilities_are_calibrated_and_nothing_else_is(folder: Path) -> None:
    """The description's temperature changes the probabilities; the graph alone gives what it gave."""
    plain = Predictor(folder)
    bundles.write(folder, plain.bundle.model_copy(update={"temperature": 2.5}))
    calibrated = Predictor(folder)
    batch = np.stack([plain.prepare(encode(noise(i))) for i in range(3)])
    raw, found = plain.predict(batch), calibrated.predict(batch)
    np.testing.assert_array_equal(found.probabilities, temperature.scale(raw.probabilities, 2.5))
    assert (found.probabilities.max(1) < raw.probabilities.max(1)).all()
    np.testing.assert_array_equal(found.embedding, raw.embedding)
    np.testing.assert_array_equal(calibrated.run_graph(batch).probabilities, raw.probabilities)
    assert calibrated.bundle_sha256 != plain.bundle_sha256


def test_a_bundle_without_a_temperature_answers_as_its_graph(folder: Path) -> None:
    """A bundle that is older than calibration is read, and its probabilities are left alone."""
    description = json.loads((folder / bundles.DESCRIPTION).read_text())
    del description["temperature"]
    (folder / bundles.DESCRIPTION).write_text(json.dumps(description))
    predictor = Predictor(folder)
    batch = predictor.prepare(encode(noise(1)))[None]
    np.testing.assert_array_equal(
        predictor.predict(batch).probabilities, predictor.run_graph(batch).probabilities
    )


@pytest.mark.parametrize("value", [0.0, -1.0, "NaN", "Infinity"])
def test_a_temperature_that_is_none_is_refused(folder: Path, value: object) -> None:
    """A description with an impossible temperature is not loaded."""
    description = json.loads((folder / bundles.DESCRIPTION).read_text())
    description["temperature"] = float(value)
    (folder / bundles.DESCRIPTION).write_text(json.dumps(description))
    with pytest.raises(ConfigError, match="invalid description"):
        Predictor(folder)


def test_all_files_of_a_bundle_are_weighed(folder: Path) -> None:
    """Its size is that of what travels: the graph, the description, and whatever lies beside them."""
    sizes = [(folder / name).stat().st_size for name in (bundles.GRAPH, bundles.DESCRIPTION)]
    (folder / "card").mkdir()
    (folder / "card" / "card.md").write_bytes(b"x" * 100)
    assert bundles.size_bytes(folder) == sum(sizes) + 100
