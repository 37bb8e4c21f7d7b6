"""When counted answers speak against a version: too many errors, or too slow beside the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scanops_host.settings import Settings

# Of a hundred versions whose error rate is exactly at the bound at most one is put back, however long they
# are watched and however often somebody looks.
FALSE_ALARMS = 0.01
# The error rates that a version may have if not a permitted one, as multiples of the bound.
ALTERNATIVES = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 90.0)


@dataclass
class Timing:
    """Answers of one version, counted.

    Attributes:
        sent: Requests.
        failed: Of them, those without an answer or with one of 500 and above.
        seconds: Time to each answer.
    """

    sent: int
    failed: int
    seconds: list[float]

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of the time to answer, the nearest rank."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] if ordered else 0.0


def exceeds(failed: int, sent: int, bound: float) -> bool:
    """Say whether errors show a rate above a bound, and not only that chance was against the version.

    The mean, over several higher rates, of how much likelier each makes what was counted than the bound
    does: as long as the rate is at most the bound, that mean ever reaches 1 / FALSE_ALARMS with a
    probability of at most FALSE_ALARMS (Ville 1939; Wald 1945, Sequential Tests of Statistical Hypotheses,
    for one rate). So one may look after each request, and one stray error in a quiet night is no fault.

    Args:
        failed: Requests that failed.
        sent: Requests.
        bound: Largest permitted share, from 0 to 1; with 0 each failure is one too many.

    Returns:
        Whether it is.
    """
    if not failed or bound >= 1:
        return False
    if bound <= 0:
        return True
    rates = [bound * times for times in ALTERNATIVES if bound * times < 1] or [(1 + bound) / 2]
    logs = [
        failed * math.log(rate / bound) + (sent - failed) * math.log((1 - rate) / (1 - bound))
        for rate in rates
    ]
    most = max(logs)
    mean = most + math.log(sum(math.exp(one - most) for one in logs) / len(logs))
    return mean >= -math.log(FALSE_ALARMS)


def judge(settings: Settings, timing: Timing, before_p95_ms: float | None) -> str | None:
    """Say what is wrong with counted answers.

    Args:
        settings: What is too much.
        timing: What was counted.
        before_p95_ms: Of the old version, None where there is none.

    Returns:
        The fault in words, or None.
    """
    if exceeds(timing.failed, timing.sent, settings.max_error_rate):
        share = timing.failed / timing.sent
        return f"error rate {share:.1%} of {timing.sent} requests, at most {settings.max_error_rate:.1%}"
    if before_p95_ms is not None:
        most = max(settings.max_p95_ratio * before_p95_ms, before_p95_ms + settings.latency_slack_ms)
        if timing.p95_ms > most:
            return f"p95 {timing.p95_ms:.0f} ms, at most {most:.0f} ms beside {before_p95_ms:.0f} ms before"
    return None
