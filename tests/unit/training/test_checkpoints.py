"""A checkpoint belongs to one training, is whole or not there, and costs no training its end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from scanops.model_rules import Augmentation, Training
from scanops.training import checkpoints
from scanops.training.checkpoints import Checkpoint, State
from scanops.training.curve import Epoch
from scanops.training.dataset import Part

pytestmark = pytest.mark.tensorflow
PARAMS = Training(architecture="cnn_small")
RULES = Augmentation()
POINT = Epoch(1, "fit", 0.1, 1 / 3, 0.5, 0.5, 2 / 3, 0.5, 0.1 + 0.2)


def _model(seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    image = keras.Input((4,))
    return keras.Model(image, keras.layers.Dense(2)(image))


def _part(shift: int = 0) -> Part:
    return Part(np.full((3, 4, 4, 3), 7 + shift, np.uint8), np.array([0, 1, 0]))


def _state() -> State:
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    return State([POINT], [kernel, np.array(5, np.int64)], [], [kernel * 2])


def test_a_state_comes_back(tmp_path: Path) -> None:
    """What is read is what was written, to the last bit, in number, shape and type."""
    checkpoint = Checkpoint(tmp_path / "one")
    assert checkpoint.read() is None
    assert not checkpoint.resumed
    checkpoint.write(_state())
    state = checkpoint.read()
    assert state is not None
    assert checkpoint.resumed
    assert state.curve == [POINT]
    assert (len(state.weights), len(state.optimiser), len(state.best)) == (2, 0, 1)
    for one, other in zip(state.weights, _state().weights, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["state.npz"]


@pytest.mark.parametrize("fault", ["cut", "empty", "other"])
def test_a_damaged_state_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str) -> None:
    """A state that cannot be read is told of, and training begins at its beginning."""
    checkpoint, file = Checkpoint(tmp_path), tmp_path / "state.npz"
    checkpoint.write(_state())
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "other": b"not an archive"}[fault])
    assert checkpoint.read() is None
    assert not checkpoint.resumed
    assert "begins anew" in capsys.readouterr().err


def test_a_full_disk_costs_the_checkpoint_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that cannot be written to is told of once; training goes on."""
    (tmp_path / "file").write_text("")
    checkpoint = Checkpoint(tmp_path / "file" / "below")
    checkpoint.write(_state())
    checkpoint.write(_state())
    assert capsys.readouterr().err.count("keeps no checkpoint") == 1


def test_each_training_has_its_key() -> None:
    """The same training has the same key; another picture, target, parameter, change or weight another."""
    base = checkpoints.key(_model(), [_part()], PARAMS, RULES)
    assert checkpoints.key(_model(), [_part()], PARAMS, RULES) == base
    target = Part(_part().pixels, np.array([1, 1, 0]))
    others = [
        checkpoints.key(_model(2), [_part()], PARAMS, RULES),
        checkpoints.key(_model(), [_part(1)], PARAMS, RULES),
        checkpoints.key(_model(), [target], PARAMS, RULES),
        checkpoints.key(_model(), [_part()], PARAMS.model_copy(update={"epochs": 9}), RULES),
        checkpoints.key(_model(), [_part()], PARAMS, Augmentation(rotation_deg=1)),
    ]
    assert len({base, *others}) == 6


def test_another_source_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the code that trains makes every kept state foreign."""
    before = checkpoints.key(_model(), [_part()], PARAMS, RULES)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read(self) + b"#" * (self.name == "fit.py"))
    assert checkpoints.key(_model(), [_part()], PARAMS, RULES) != before


def test_it_goes_when_training_ended_and_stays_when_it_did_not(tmp_path: Path) -> None:
    """The folder is removed after a good end, kept after an error, and found again by the same training."""
    training = (_model(), [_part()], PARAMS, RULES)

    def interrupted() -> None:
        with checkpoints.keeping(tmp_path, *training) as first:
            assert first is not None
            first.write(_state())
            (first.folder / ".state.npz.killed").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with checkpoints.keeping(tmp_path, *training) as second:
        assert second is not None
        assert second.read() is not None
        assert sorted(path.name for path in second.folder.iterdir()) == ["lock", "state.npz"]
    assert not list((tmp_path / "training").iterdir())


def test_two_at_once_do_not_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While a process trains, another of the same training keeps nothing, and takes nothing away."""
    training = (_model(), [_part()], PARAMS, RULES)
    with checkpoints.keeping(tmp_path, *training) as first:
        assert first is not None
        with checkpoints.keeping(tmp_path, *training) as second:
            assert second is None
        assert "another process" in capsys.readouterr().err
        assert first.folder.exists()


def test_a_place_that_cannot_be_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cache that is no folder costs the checkpoint, not the training."""
    (tmp_path / "cache").write_text("")
    with checkpoints.keeping(tmp_path / "cache", _model(), [_part()], PARAMS, RULES) as kept:
        assert kept is None
    assert "keeps no checkpoint" in capsys.readouterr().err


def test_old_ones_are_forgotten(tmp_path: Path) -> None:
    """What nobody came back to for two weeks is removed when another training begins."""
    for name, days in (("old", 15), ("young", 13)):
        (tmp_path / "training" / name).mkdir(parents=True)
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / "training" / name, (then, then))
    with checkpoints.keeping(tmp_path, _model(), [_part()], PARAMS, RULES):
        pass
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["young"]
