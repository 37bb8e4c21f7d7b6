"""A bundle that was taught when to keep silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanops import novelty
from scanops.bundle import abstain
from scanops.bundle import bundle as bundles
from scanops.bundle.predictor import Predictor
from scanops.errors import ConfigError
from scanops.model_rules import Abstention
from tests.bundles import heads, make_bundle, teach_heads

SIDE = 64


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A bundle that knows heads."""
    folder = make_bundle(tmp_path_factory.mktemp("taught") / "bundle", ("a", "b"), SIDE)
    teach_heads(folder)
    return Predictor(folder)


def test_it_answers_heads_and_leaves_the_rest(taught: Predictor) -> None:
    """New heads are answered but for the few that were granted; noise and white are turned away."""
    known = taught.answer(heads(2000, 130).pixels)
    assert sum(reason is not None for reason in known.why) <= 0.1 * 130
    rng = np.random.default_rng(1)
    strangers = np.stack([rng.integers(0, 256, (SIDE, SIDE, 3)), np.full((SIDE, SIDE, 3), 255)])
    found = taught.answer(strangers.astype(np.uint8))
    assert found.why == ["unlike_training", "unlike_training"]
    assert found.novelty.min() > 3 * float(np.median(known.novelty))
    assert found.prediction.probabilities.shape == (2, 2)


def test_the_description_carries_the_limits(taught: Predictor) -> None:
    """bundle.json has both limits and the promise; a bundle that was not taught never abstains."""
    described = bundles.read(taught.folder).abstention
    assert described is not None
    assert described.false_rejection == 0.05
    assert described.min_confidence > 0
    assert taught.limits == described.limits


def test_an_older_bundle_answers_everything(tmp_path: Path) -> None:
    """Without a score there is no reason to abstain."""
    plain = Predictor(make_bundle(tmp_path / "bundle", size_px=SIDE))
    verdict = plain.answer(np.zeros((2, SIDE, SIDE, 3), np.uint8))
    assert (verdict.why, verdict.novelty.tolist(), plain.limits) == ([None, None], [0, 0], None)


def test_low_confidence_is_a_reason_of_its_own(taught: Predictor, tmp_path: Path) -> None:
    """A familiar picture that the network cannot place is left unanswered too."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), SIDE)
    (folder / bundles.NOVELTY).write_bytes((taught.folder / bundles.NOVELTY).read_bytes())
    described = taught.bundle.abstention
    assert described is not None
    strict = described.model_copy(update={"min_confidence": 1.0, "max_novelty": 1e9})
    bundles.write(folder, taught.bundle.model_copy(update={"abstention": strict}))
    assert set(Predictor(folder).answer(heads(0, 4).pixels).why) == {"low_confidence"}


def test_the_limits_come_from_validation_alone(taught: Predictor, tmp_path: Path) -> None:
    """Odd pictures in validation raise the limit; but for its unit the score is that of training."""
    folder = make_bundle(tmp_path / "bundle", ("a", "b"), SIDE)
    plain = Predictor(folder)
    val = heads(1000, 130)
    odd = val.pixels.copy()
    odd[:5] = 255
    limits = abstain.teach(plain, heads(0, 130), abstain.Sample(odd, val.labels, val.groups), Abstention())
    assert taught.limits is not None
    assert limits.novelty > 2 * taught.limits.novelty
    one, other = (novelty.unpack((where / bundles.NOVELTY).read_bytes()) for where in (folder, taught.folder))
    for view in novelty.VIEWS:
        clouds = [getattr(score, view)._replace(usual=np.float32(1)) for score in (one, other)]
        assert all(np.array_equal(a, b) for a, b in zip(*clouds, strict=True))


@pytest.mark.parametrize("content", [None, b"another"])
def test_a_changed_or_missing_score_is_refused(
    taught: Predictor, tmp_path: Path, content: bytes | None
) -> None:
    """Half a bundle is none: exit code 2 and a remedy."""
    for name in (bundles.GRAPH, bundles.DESCRIPTION):
        (tmp_path / name).write_bytes((taught.folder / name).read_bytes())
    if content is not None:
        (tmp_path / bundles.NOVELTY).write_bytes(content)
    with pytest.raises(ConfigError, match="does not match" if content else "cannot be read"):
        Predictor(tmp_path)
