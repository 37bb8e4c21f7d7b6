"""The crop keeps the head, whatever is around it, and keeps everything where there is no head."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scanops import brain_crop
from scanops.brain_crop import MARGIN_PX, SIDE_PX, CropTally
from tests.heads import Head
from tests.pictures import noise

SIDES = st.integers(64, 700)
CENTRES = st.floats(0.42, 0.58)
HALF_AXES = st.floats(0.2, 0.4)
HEADS = st.builds(
    Head,
    width=SIDES,
    height=SIDES,
    x=CENTRES,
    y=CENTRES,
    across=HALF_AXES,
    along=HALF_AXES,
    level=st.integers(60, 255),
)


def _factor(head: Head) -> int:
    return -(-max(head.width, head.height) // SIDE_PX)


@settings(max_examples=60, deadline=None)
@given(HEADS, st.integers(0, 2**32 - 1))
def test_the_box_holds_the_head_and_little_else(head: Head, seed: int) -> None:
    """A bright ellipse anywhere on a dark, noisy background lies in its box, which is hardly larger."""
    box = brain_crop.find(Image.fromarray(head.draw(seed)))
    if box is None:  # the ellipse and its margin fill the picture
        left, upper, right, lower = head.box
        grown = (right - left + 2 * (MARGIN_PX + 2) * _factor(head)) * (
            lower - upper + 2 * (MARGIN_PX + 2) * _factor(head)
        )
        assert grown > brain_crop.MAX_SHARE * head.width * head.height
        return
    outward = np.array([-1, -1, 1, 1])
    room = outward * (np.array(box) - np.array(head.box))
    assert room.min() >= 0
    assert room.max() <= (MARGIN_PX + 3) * _factor(head)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 900),
    st.integers(1, 900),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
    st.sampled_from(["L", "RGB"]),
)
def test_the_box_is_in_the_picture(width: int, height: int, seed: int, share: float, mode: str) -> None:
    """Whatever is shown, at any size, the box is none or a part of the picture that is worth having."""
    rng = np.random.default_rng(seed)
    blocks = (rng.random((-(-height // 40), -(-width // 40))) < share) * rng.integers(0, 256)
    grey = np.kron(blocks, np.ones((40, 40)))[:height, :width].astype(np.uint8)
    box = brain_crop.find(Image.fromarray(grey).convert(mode))
    if box is not None:
        left, upper, right, lower = box
        assert 0 <= left < right <= width
        assert 0 <= upper < lower <= height
        assert (
            brain_crop.MIN_SHARE
            <= (right - left) * (lower - upper) / (width * height)
            <= brain_crop.MAX_SHARE
        )


@settings(max_examples=60, deadline=None)
@given(HEADS, st.tuples(*[st.floats(0, 0.5)] * 4))
def test_black_borders_change_nothing(head: Head, borders: tuple[float, float, float, float]) -> None:
    """The same head is cut out of a picture with more black around it, but for the reduced copy's grain."""
    pixels = head.draw(background=0)
    left, right = (round(share * head.width) for share in borders[:2])
    upper, lower = (round(share * head.height) for share in borders[2:])
    bordered = np.pad(pixels, ((upper, lower), (left, right), (0, 0)))
    bare, framed = (brain_crop.find(Image.fromarray(shown)) for shown in (pixels, bordered))
    if bare is None or framed is None:
        assert max(head.across, head.along) > 0.35 or max(borders) > 0.25  # too large or too small a share
        return
    moved = np.array(framed) - [left, upper, left, upper]
    grain = -(-max(bordered.shape) // SIDE_PX)
    assert np.abs(moved - bare).max() <= (MARGIN_PX + 2) * grain
    assert (pixels[head.inside] > 0).all()
    cut = bordered[framed[1] : framed[3], framed[0] : framed[2]]
    assert int(cut.sum()) == int(bordered.sum()) == int(pixels.sum())  # all that is not black is kept


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(0, 255))
def test_a_blank_picture_has_no_head(width: int, height: int, level: int) -> None:
    """An even picture, black, grey or white, is left whole."""
    assert brain_crop.find(Image.new("L", (width, height), level)) is None


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.integers(1, 256))
def test_noise_has_no_head(width: int, height: int, seed: int, levels: int) -> None:
    """Noise is left whole, from the faintest to the strongest."""
    grey = np.random.default_rng(seed).integers(0, levels, (height, width), np.uint8)
    assert brain_crop.find(Image.fromarray(grey)) is None


@pytest.mark.parametrize(
    "parts",
    [
        [Head(400, 400, 0.5, 0.5, 0.05, 0.05)],
        [Head(400, 400, 0.5, 0.5, 0.7, 0.7)],
        [Head(400, 400, x, y, 0.15, 0.15) for x in (0.25, 0.75) for y in (0.25, 0.75)],
    ],
    ids=["a_spot", "all_of_it", "four_slices"],
)
def test_what_is_no_head_is_left_whole(parts: list[Head]) -> None:
    """A spot, something that fills the picture, and a sheet of slices are not cut."""
    shown = np.max([part.draw() for part in parts], axis=0)
    assert brain_crop.find(Image.fromarray(shown)) is None


def test_lines_and_letters_do_not_count() -> None:
    """A thin bright frame and specks around a head change its box by nothing."""
    head = Head(400, 300)
    marked = head.draw()
    marked[[0, -1]] = marked[:, [0, -1]] = 255
    marked[10:14, 10:60:6] = 255
    expected = brain_crop.find(Image.fromarray(head.draw()))
    assert expected is not None
    assert brain_crop.find(Image.fromarray(marked)) == expected


def test_a_ring_is_as_large_as_what_it_holds() -> None:
    """A bright skull around a dark brain with a bright tumour gives the skull's box."""
    head, tumour = Head(300, 300, 0.5, 0.5, 0.35, 0.35), Head(300, 300, 0.5, 0.5, 0.1, 0.1)
    inner = Head(300, 300, 0.5, 0.5, 0.33, 0.33)
    pixels = head.draw()
    pixels[inner.inside] = 10
    pixels[tumour.inside] = 250
    expected = brain_crop.find(Image.fromarray(head.draw()))
    assert expected is not None
    assert brain_crop.find(Image.fromarray(pixels)) == expected


@settings(max_examples=30, deadline=None)
@given(HEADS)
def test_grey_and_its_three_channels_agree(head: Head) -> None:
    """A grey picture has one box, whether it is stored in one channel or in three equal ones."""
    colour = Image.fromarray(head.draw())
    assert brain_crop.find(colour) == brain_crop.find(colour.convert("L"))


def _flooded(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """List the boxes of all regions, found by walking from neighbour to neighbour."""
    left, boxes = {tuple(place) for place in np.argwhere(mask)}, []
    while left:
        waiting, region = [left.pop()], []
        while waiting:
            row, column = waiting.pop()
            region.append((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            waiting.extend(near)
        rows, columns = zip(*region, strict=True)
        boxes.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1))
    return boxes


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_regions_are_those_of_a_flood(height: int, width: int, seed: int, share: float) -> None:
    """The largest region found by joining runs is one that filling by hand finds, and none is larger."""
    mask = np.random.default_rng(seed).random((height, width)) < share
    found, boxes = brain_crop._largest(mask), _flooded(mask)
    if found is None:
        assert not boxes
        return
    areas = [(right - left) * (lower - upper) for left, upper, right, lower in boxes]
    assert found in boxes
    assert areas[boxes.index(found)] == max(areas)


def test_winding_regions_end() -> None:
    """A spiral, a comb and a chequerboard of the largest copy are one region each."""
    comb = np.ones((SIDE_PX, SIDE_PX), bool)
    comb[:-1, 1::2] = False
    spiral = np.zeros((SIDE_PX, SIDE_PX), bool)
    for turn in range(0, SIDE_PX // 2, 2):
        end = SIDE_PX - turn
        spiral[turn, max(0, turn - 1) : end] = spiral[turn:end, end - 1] = True
        spiral[end - 1, turn:end] = spiral[turn + 2 : end, turn] = True
    board = np.indices((SIDE_PX, SIDE_PX)).sum(axis=0) % 2 == 0
    for mask in (comb, spiral, board):
        assert brain_crop._largest(mask) == (0, 0, SIDE_PX, SIDE_PX)


def test_fallbacks_are_counted_by_many_threads() -> None:
    """Each picture counts once, however many are counted at a time; the remark says how many."""
    tally = CropTally()
    assert tally.remark() == ""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tally.add(found=number % 5 != 0), range(2000)))
    assert tally.counts() == {"images": 2000, "fallbacks": 400}
    assert tally.remark().startswith("; 400 of 2000 pictures left whole")


def test_noise_pictures_of_the_tests_have_no_head() -> None:
    """The pictures that other tests use are left whole, so that they may compare whole pixels."""
    assert brain_crop.find(Image.fromarray(noise(1))) is None
