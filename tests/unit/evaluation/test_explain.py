"""The gallery shows the worst mistakes and right answers of every class, and says when there are none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanops.evaluation import explain
from scanops.evaluation.measures import Answers

CLASSES = ("glioma", "pays_$5_or_$6", "none")


def answers(count: int, wrong: int, classes: int = 3) -> Answers:
    """Answers of which the first are wrong, later ones more confidently."""
    labels = np.arange(count) % classes
    said = np.where(np.arange(count) < wrong, (labels + 1) % classes, labels)
    sure = 0.6 + 0.3 * np.arange(count) / max(1, count)
    probabilities = np.full((count, classes), 0.0)
    probabilities[:] = ((1 - sure) / (classes - 1))[:, None]
    probabilities[np.arange(count), said] = sure
    names = [*CLASSES, *(f"class {place}" for place in range(classes))][:classes]
    return Answers(labels, probabilities.astype(np.float32), np.arange(count), names)


def draw(given: Answers, *, maps: bool = True) -> bytes:
    """Draw the gallery of some answers."""
    chosen = explain.choose(given)
    count = len(chosen.all)
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    shares = rng.random((count, 4, 4)) if maps else None
    looked = explain.Looked(pictures, shares, [f"{number:012}" for number in range(count)])
    return explain.gallery(given, chosen, looked, "Not for diagnosis.")


def test_the_surest_mistakes_come_first() -> None:
    """Of twenty mistakes the nine with most confidence in a wrong class, in falling order."""
    chosen = explain.choose(answers(60, 20))
    assert chosen.mistakes.tolist() == list(range(19, 10, -1))


def test_each_class_shows_right_answers() -> None:
    """Three a class, spread over its images; a class with fewer shows what it has."""
    given = answers(30, 3)
    right = explain.choose(given).right
    assert np.bincount(given.labels[right]).tolist() == [3, 3, 3]
    assert right[:3].tolist() == [3, 15, 27]
    few = answers(4, 0)
    assert sorted(explain.choose(few).right.tolist()) == [0, 1, 2, 3]


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(1, 80), st.data(), st.integers(2, 50))
def test_nothing_is_shown_as_what_it_is_not(count: int, data: st.DataObject, classes: int) -> None:
    """Mistakes are mistaken, right answers right, none is shown twice, and the page stays bounded."""
    given = answers(count, data.draw(st.integers(0, count)), classes)
    chosen = explain.choose(given)
    wrong = given.predictions != given.labels
    assert wrong[chosen.mistakes].all()
    assert not wrong[chosen.right].any()
    assert len(set(chosen.all.tolist())) == len(chosen.all) <= explain.ERRORS + explain.MOST_RIGHT
    assert len(chosen.mistakes) == min(explain.ERRORS, int(wrong.sum()))


@pytest.mark.parametrize(
    ("wrong", "first", "second"),
    [
        (0, "No mistakes among 12 test images", "Right answers of each class"),
        (2, "Mistakes: 2 of 2 among 12 test images, the most confident first", "Right answers of each class"),
        (12, "Mistakes: 9 of 12 among 12 test images, the most confident first", "No right answers"),
    ],
)
def test_a_part_without_images_says_so(wrong: int, first: str, second: str) -> None:
    """No mistakes, or nothing but mistakes: the gallery says it and is drawn all the same."""
    given = answers(12, wrong)
    assert explain.headings(given, explain.choose(given)) == (first, second)
    assert draw(given).startswith(b"\x89PNG")


def test_the_same_answers_give_the_same_bytes() -> None:
    """The PNG is an output of the graph: no clock, no version; without maps it is another one."""
    given = answers(12, 2)
    drawn = draw(given)
    assert draw(given) == drawn != draw(given, maps=False)
    with Image.open(io.BytesIO(drawn)) as image:
        assert not {"Software", "Creation Time", "date"} & set(image.info)
