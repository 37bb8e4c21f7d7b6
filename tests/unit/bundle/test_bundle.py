"""A bundle is what its description says, or it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


def test_the_name_follows_the_content(folder: Path, tmp_path: Path) -> None:
    """Equal bundles have one name; another class, hash or size gives another."""
    twin = make_bundle(tmp_path / "twin", ("a", "b"), 32)
    other = make_bundle(tmp_path / "other", ("a", "c"), 32)
    assert bundles.hash_bundle(folder) == bundles.hash_bundle(twin) != bundles.hash_bundle(other)


def test_telemetry_is_off() -> None:
    """ONNX Runtime is told to report to nobody before it loads."""
    import os  # noqa: PLC0415  (after the import under test)

    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
