"""Configuration that is wrong fails before any work starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scanops import config
from scanops.errors import ConfigError
from scanops.overrides import apply, words

ROOT = Path(__file__).parents[2]


@pytest.fixture
def values() -> dict[str, Any]:
    """The project's own parameters, raw."""
    return config.read_yaml(ROOT / "params.yaml")


def test_own_parameters_are_valid(values: dict[str, Any]) -> None:
    """The file in the repository is a valid configuration, with the phantom as its data."""
    assert config.parse(values).source.kind == "phantom"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("nonsense=1", "nonsense"),
        ("training.epoch=5", "training.epoch"),
        ("training.epochs=0", "training.epochs"),
        ("training.learning_rate=-1", "training.learning_rate"),
        ("training.learning_rate=.nan", "training.learning_rate"),
        ("gate.min_auroc=1.5", "gate.min_auroc"),
        ("gate.max_ece=-0.1", "gate.max_ece"),
        ("gate.max_bundle_mb=0", "gate.max_bundle_mb"),
        ("challenge.margin=0", "challenge.margin"),
        ("monitoring.false_alarm_rate=0", "monitoring.false_alarm_rate"),
        ("monitoring.min_psi=0.5", "may hide a shift of 0.3"),
        ("evaluation.detection_specificity=1.1", "evaluation.detection_specificity"),
        ("imaging.crop=head", "imaging.crop"),
        ("augmentation.shear_deg=50", "augmentation.shear_deg"),
        ("augmentation.noise_std=-1", "augmentation.noise_std"),
        ("dataset=absent", "absent"),
        ("split.fractions=0.5/0.5", "split.fractions"),
        ("split.fractions=0.5/0.4/0.2", "add up to 1"),
        ("split.fractions=1/0/0", "split.fractions.train"),
        ("training.weights=imagenet", "cnn_small"),
        ("training.architecture=file", "needs weights"),
        ("training.architecture=resnet5", "did you mean resnet50"),
        ("training.architecture=MobileNetV2", "did you mean mobilenet_v2"),
        ("training.architecture=transformer", "the catalogue has cnn_small"),
        ("validation.severity.blank=ignore", "validation.severity.blank"),
        ("sources.phantom.kind=ftp", "sources.phantom"),
        ("sources.phantom.images=1", "sources.phantom"),
        ("validation.patient_pattern='('", "validation.patient_pattern"),
        ("validation.patient_pattern=patient", "validation.patient_pattern"),
    ],
)
def test_fault_is_named(values: dict[str, Any], change: str, named: str) -> None:
    """An unknown key or a value out of range is refused with exit code 2, by its name."""
    with pytest.raises(ConfigError, match=named) as caught:
        config.parse(apply(values, [change]))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("name", "smallest_px"), [("inception_v3", 75), ("xception", 71), ("vgg16", 32)])
def test_side_below_the_networks_least_is_told(values: dict[str, Any], name: str, smallest_px: int) -> None:
    """An input too small for the network is refused before any work, with the least that it takes."""
    chosen = apply(values, [f"training.architecture={name}", f"imaging.size_px={smallest_px}"])
    assert config.parse(chosen).imaging.size_px == smallest_px
    with pytest.raises(ConfigError, match=f"{name}, which takes {smallest_px} or more"):
        config.parse(apply(chosen, [f"imaging.size_px={smallest_px - 1}"]))


def test_all_faults_are_told_at_once(values: dict[str, Any]) -> None:
    """A user does not have to run once a mistake."""
    with pytest.raises(ConfigError) as caught:
        config.parse(apply(values, ["gate.min_auroc=2", "training.batch_size=0", "extra=1"]))
    assert all(name in str(caught.value) for name in ("gate.min_auroc", "training.batch_size", "extra"))


@pytest.mark.parametrize("text", ["0.6/0.2/0.2", "0.7/0.15/0.15"])
def test_fractions_are_written_with_slashes(values: dict[str, Any], text: str) -> None:
    """The fractions that people use are taken as they write them."""
    fractions = config.parse(apply(values, [f"split.fractions={text}"])).split.fractions
    assert fractions.model_dump() == dict(
        zip(("train", "val", "test"), map(float, text.split("/")), strict=True)
    )


def test_configuration_is_frozen(values: dict[str, Any]) -> None:
    """Nothing can change a parameter once it was checked."""
    with pytest.raises(Exception, match="frozen"):
        config.parse(values).gate.min_auroc = 0.1


def test_fingerprint_follows_values_alone(values: dict[str, Any]) -> None:
    """The order of keys does not change a fingerprint; a value does."""
    reordered = dict(reversed(list(values.items())))
    assert config.fingerprint(config.parse(values)) == config.fingerprint(config.parse(reordered))
    other = config.parse(apply(values, ["split.key=other"]))
    assert config.fingerprint(config.parse(values)) != config.fingerprint(other)


@pytest.mark.parametrize("content", [None, "a: [", "- 1\n- 2", b"\xff\xfe\x00"])
def test_unreadable_file_is_told(tmp_path: Path, content: str | bytes | None) -> None:
    """A file that is missing, broken or no mapping ends with one message."""
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=r"params\.yaml"):
        config.load(path)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", []),
        ("a=1  b.c=2", ["a=1", "b.c=2"]),
        (r"pattern='(?P<p>\d+) x' d=$HOME", [r"pattern=(?P<p>\d+) x", "d=$HOME"]),
    ],
)
def test_changes_are_split_not_interpreted(text: str, changes: list[str]) -> None:
    """Quotes keep spaces together; backslashes, dollars and brackets stay what they are."""
    assert words(text) == changes


def test_an_open_quote_is_told() -> None:
    """A quote that is not closed ends with exit code 2."""
    with pytest.raises(ConfigError, match="Close the quotes"):
        words("a='1")


@pytest.mark.parametrize("change", ["training", "=1", "training.=1", "dataset.x=1", "none.there=1"])
def test_malformed_change_is_told(values: dict[str, Any], change: str) -> None:
    """A change that is not key=value is refused with an example of a right one."""
    with pytest.raises(ConfigError, match="SET="):
        apply(values, [change])
