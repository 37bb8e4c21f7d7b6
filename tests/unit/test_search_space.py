"""A search is checked before any work, and gives the same candidates each time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import given
from hypothesis import strategies as st

from scanops import search_space
from scanops.errors import ConfigError
from scanops.model_rules import SMALLEST_SIDES_PX
from tests.contract.imports import ROOT

PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def search(**kinds: Any) -> search_space.Search:
    """Parse a search of one kind."""
    return search_space.parse({"name": "s", **kinds}, "s.yaml")


def test_a_grid_is_every_combination_once() -> None:
    """Each value meets each other one; a value that is written twice is tried once."""
    points = search(
        grid={
            "training.architecture": ["cnn_small", "cnn_padded", "cnn_small"],
            "training.dropout": [0.1, 0.2],
        }
    ).points()
    assert len(points) == 4
    assert {(point["training.architecture"], point["training.dropout"]) for point in points} == {
        (name, rate) for name in ("cnn_small", "cnn_padded") for rate in (0.1, 0.2)
    }


@given(seed=st.integers(0, 2**31), low=st.floats(1e-6, 0.4), width=st.floats(1e-3, 0.5), log=st.booleans())
def test_random_draws_stay_within_their_range(seed: int, low: float, width: float, log: bool) -> None:
    """Every draw lies in its range or among its values, and the same seed draws the same."""
    space = {
        "training.learning_rate": {"low": low, "high": low + width, "log": log},
        "training.optimiser": ["adam", "sgd"],
    }
    rules = {"samples": 5, "seed": seed, "space": space}
    points = search(random=rules).points()
    assert points == search(random=rules).points()
    for point in points:
        assert low <= float(str(point["training.learning_rate"])) <= low + width
        assert point["training.optimiser"] in ("adam", "sgd")


@given(seed=st.integers(0, 2**31), low=st.integers(1, 60), width=st.integers(1, 200), log=st.booleans())
def test_between_whole_numbers_whole_ones_are_drawn(seed: int, low: int, width: int, log: bool) -> None:
    """A batch size can be searched: each draw is one that `params.yaml` takes."""
    space = {"training.batch_size": {"low": low, "high": low + width, "log": log}}
    for point in search(random={"samples": 5, "seed": seed, "space": space}).points():
        drawn = point["training.batch_size"]
        assert type(drawn) is int
        assert low <= drawn <= low + width
        assert search_space.configure(PARAMS, point).training.batch_size == drawn


def test_both_ends_of_a_range_of_whole_numbers_are_drawn() -> None:
    """Each end about as often as what lies between, also with even draws of the logarithm."""
    for log in (False, True):
        space = {"training.epochs": {"low": 1, "high": 3, "log": log}}
        draws = list(search(random={"samples": 300, "space": space})._each())
        counts = [draws.count({"training.epochs": epochs}) for epochs in (1, 2, 3)]
        assert min(counts) > 30


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ({}, "one of grid, random and candidates"),
        ({"grid": {"training.dropout": [0]}, "candidates": [{}]}, "one of grid, random and candidates"),
        ({"grid": {"split.key": ["a", "b"]}}, "split.key"),
        ({"grid": {"training.dropout": []}}, "dropout"),
        ({"random": {"samples": 2, "space": {"training.dropout": {"low": 1, "high": 0}}}}, "below high"),
        ({"candidates": [{}], "job": 2}, "job"),
    ],
)
def test_a_wrong_search_is_refused(kinds: dict[str, Any], told: str) -> None:
    """The message names what is wrong; data and split cannot differ between candidates."""
    with pytest.raises(ConfigError, match=told):
        search(**kinds)


def test_a_wrong_value_is_refused_before_any_work() -> None:
    """A candidate's parameters are checked like those of params.yaml."""
    with pytest.raises(ConfigError, match=r"mobilnet.*did you mean mobilenet"):
        search_space.configure(PARAMS, {"training.architecture": "mobilnet"})


@pytest.mark.parametrize(
    "value",
    [True, None, 3, 0.25, 1e-05, "none", "-1..1", "1", "1e5", "true", "null", "a b/c.keras", "0.7/0.15/0.15"],
)
def test_a_change_keeps_its_type(value: search_space.Value) -> None:
    """What DVC writes into params.yaml reads back as what was checked: no text turns into a number."""
    (word,) = search_space.words({"a.b": value})
    with tempfile.TemporaryDirectory() as folder:
        params = Path(folder) / "params.yaml"
        params.write_text("a: {b: 0}\n", encoding="utf-8")
        apply_overrides(params, [word])
        back = yaml.safe_load(params.read_text(encoding="utf-8"))["a"]["b"]
    # YAML 1.1 takes 1e-05 for a text; the types of the configuration make it a number again.
    assert float(back) == value if isinstance(value, float) else back == value


def test_texts_that_dvc_would_interpret_are_refused() -> None:
    """A quote or an interpolation in a value ends the command before anything is run."""
    for text in ("it's", "${oc.env:HOME}", "a\\b"):
        with pytest.raises(ConfigError):
            search(candidates=[{"training.weights": text}])


@pytest.mark.parametrize("file", ["compare.yaml", "compare.phantom.yaml"])
def test_the_searches_at_hand_are_valid(file: str) -> None:
    """Every candidate of the files in the project comes to valid parameters."""
    values = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    held = search_space.parse(values, file)
    for point in held.points():
        search_space.configure(PARAMS, {**held.base, **point})


def test_the_small_search_has_every_architecture() -> None:
    """None is left out but `file`, which needs somebody's weights."""
    values = yaml.safe_load((ROOT / "compare.phantom.yaml").read_text(encoding="utf-8"))
    named = set(values["grid"]["training.architecture"])
    assert named == set(SMALLEST_SIDES_PX) - {"file"}
