"""A version is judged by what its answers show, and not by one stray error."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scanops_host.judgement import FALSE_ALARMS, Timing, exceeds, judge

from tests.unit.host.settings import make_settings

FOLDER = Path(__file__).parent  # nothing is written by a judgement
BOUND = 0.01


def alarms(rate: float, requests: int, versions: int) -> float:
    """Watch versions of one error rate, looking after each request; say what share is put back."""
    draw, put_back = random.Random(1), 0  # noqa: S311 -- a simulation
    for _ in range(versions):
        failed = 0
        for sent in range(1, requests + 1):
            if draw.random() < rate:
                failed += 1
                if exceeds(failed, sent, BOUND):
                    put_back += 1
                    break
    return put_back / versions


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.floats(0.0001, 0.99))
def test_a_share_within_the_bound_is_never_a_fault(failed: int, sent: int, bound: float) -> None:
    """What was counted has to be worse than the bound to speak against a version."""
    failed = min(failed, int(bound * sent))
    assert not exceeds(failed, sent, bound)


@given(st.integers(1, 500), st.integers(1, 2000), st.floats(0.001, 0.3))
def test_more_errors_among_as_many_requests_never_acquit(failed: int, sent: int, bound: float) -> None:
    """A fault stays one when another of the same requests fails."""
    failed = min(failed, sent - 1)
    if exceeds(failed, sent, bound):
        assert exceeds(failed + 1, sent, bound)


@pytest.mark.parametrize("sent", [2, 20, 40, 60, 100, 1000])
def test_one_stray_error_is_no_fault(tmp_path: Path, sent: int) -> None:
    """A good version stays, however few requests a quiet night brings."""
    assert judge(make_settings(tmp_path), Timing(sent, 1, [0.01] * sent), None) is None


def test_a_version_at_the_bound_is_put_back_as_seldom_as_promised() -> None:
    """Looked at after each of 1,500 requests, about one in a hundred goes."""
    assert alarms(BOUND, 1500, 400) <= FALSE_ALARMS + 0.01
    assert alarms(BOUND / 2, 1500, 200) <= FALSE_ALARMS


def test_an_error_in_twenty_is_found_in_a_quiet_minute() -> None:
    """The role's own probes alone, 600 in its minute, find a leak of 5 % in 99 of 100 versions and more."""
    assert alarms(0.05, 600, 400) >= 0.99


def test_a_version_that_answers_nothing_is_found_at_once(tmp_path: Path) -> None:
    """Two failures and nothing else are enough; the message has the rate, the number and the bound."""
    assert exceeds(2, 2, BOUND)
    fault = judge(make_settings(tmp_path), Timing(20, 20, []), None)
    assert fault == "error rate 100.0% of 20 requests, at most 1.0%"


def test_a_bound_of_nothing_and_one_of_everything() -> None:
    """With 0 each failure is too many, with 1 none is."""
    assert exceeds(1, 10_000, 0.0)
    assert not exceeds(0, 10_000, 0.0)
    assert not exceeds(10, 10, 1.0)


@pytest.mark.parametrize(("new_ms", "before_ms", "bad"), [(60, 20, True), (39, 20, False), (12, 3, False)])
def test_slowness_is_a_multiple_and_more_than_the_slack(
    tmp_path: Path, new_ms: float, before_ms: float, bad: bool
) -> None:
    """Three times as slow is a fault; three times a very short time is none."""
    settings = make_settings(tmp_path)
    fault = judge(settings, Timing(10, 0, [new_ms / 1e3] * 10), before_ms)
    assert bool(fault) == bad
