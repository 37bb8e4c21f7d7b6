"""Rates: a bucket a client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanops.serving import rates
from scanops.serving.rates import Buckets, by_address


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


def test_a_burst_is_granted_then_the_rate() -> None:
    """What is refused is told how long to wait, and is granted after that time."""
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0.0  # another client's bucket is its own
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


@given(
    rate=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    waits=st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_pattern_gets_more_than_burst_and_rate(rate: float, burst: int, waits: list[float]) -> None:
    """Over any time, at most the burst and what has flowed in since."""
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    granted = 0
    for wait in waits:
        clock.now += wait
        granted += buckets.take("a") == 0.0
    assert granted <= burst + rate * sum(waits) + 1e-6


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses ask; who asked last is remembered."""
    monkeypatch.setattr(rates, "MOST_CLIENTS", 100)
    buckets = Buckets(0.001, 1, Clock())
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.take("999") > 0


def test_no_rate_bounds_nothing() -> None:
    """Off by default, and then nothing is kept."""
    buckets = Buckets(0, 1, Clock())
    assert {buckets.take("a") for _ in range(100)} == {0.0}
    assert len(buckets) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        (None, "x" * 10_000, True),
    ],
)
def test_a_client_is_its_address_or_its_network(one: str | None, other: str, same: bool) -> None:
    """A client that has a whole IPv6 network has one bucket; what is no address shares one."""
    assert (by_address(one) == by_address(other)) is same
