"""May a new model take the place of the one in production? Arithmetic on their answers to the same images.

The challenger must be better, and surely not worse. *Better*: its balanced accuracy on today's test
split is above the champion's. *Surely not worse*: the lower end of the paired 95 % interval of the
difference is above minus the margin (non-inferiority; a one-sided test at 2.5 %, as in CONSORT's
extension, Piaggio et al. 2012, doi:10.1001/jama.2012.87802). So a challenger that is worse by the margin
or more passes at most about once in forty times, whatever the size of the test split (somewhat more often
below a hundred images), and one that is worse by less is held back by the first rule as well. A tie keeps
the champion: nothing is gained by changing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanops.config import Challenge, Evaluation
from scanops.errors import VerdictError
from scanops.evaluation import metrics
from scanops.evaluation.metrics import Floats, Integers
from scanops.intervals import Interval, bootstrap

DIGITS = 6
# Below this a difference is the last bits of two sums.
NOTHING = 1e-9


def compare(
    labels: Integers,
    champion: Integers,
    challenger: Integers,
    groups: npt.NDArray[np.generic],
    rules: Challenge,
    settings: Evaluation,
) -> dict[str, Any]:
    """Judge a challenger against a champion on the same test images.

    Args:
        labels: int64 [N] in [0, K).
        champion: int64 [N] in [0, K), the classes that the model in production answers.
        challenger: int64 [N] in [0, K), those of the new one.
        groups: [N], what group each image belongs to.
        rules: The margin.
        settings: Resamples and seed.

    Returns:
        What `reports/challenge.json` holds: `verdict`, which is `pass`, `tie` or `refused`; `champion`
        and `challenger` with accuracy and balanced accuracy, to which the caller adds who they are;
        `difference` in balanced accuracy, challenger less champion; `margin`; `mcnemar`; `test_images`
        and `groups`. Only `pass` promotes.

    Raises:
        VerdictError: There are fewer than two groups.
    """
    classes = 1 + int(max(labels.max(), champion.max(), challenger.max()))

    def statistic(weights: Integers) -> dict[str, Floats]:
        values = {}
        for name, predictions in (("champion", champion), ("challenger", challenger)):
            counts = metrics.confusion(labels, predictions, classes, weights)
            values[f"{name}.accuracy"] = metrics.accuracy(counts)
            values[f"{name}.balanced_accuracy"] = metrics.balanced_accuracy(counts)
        difference = values["challenger.balanced_accuracy"] - values["champion.balanced_accuracy"]
        return values | {"difference": difference}

    found = bootstrap(statistic, groups, resamples=settings.bootstrap_resamples, seed=settings.seed)
    sides = {
        name: {
            measured: _shown(found[f"{name}.{measured}"]) for measured in ("accuracy", "balanced_accuracy")
        }
        for name in ("champion", "challenger")
    }
    return {
        "verdict": verdict(found["difference"], rules.margin),
        **sides,
        "difference": _shown(found["difference"]),
        "margin": rules.margin,
        "mcnemar": mcnemar(labels, champion, challenger),
        "test_images": len(labels),
        "groups": len(np.unique(groups)),
    }


def verdict(difference: Interval, margin: float) -> str:
    """Decide by the difference in balanced accuracy, challenger less champion.

    Args:
        difference: With its paired 95 % interval.
        margin: How much worse the challenger must surely not be.

    Returns:
        `pass`: better, and the lower end is above -margin. `tie`: no difference. `refused`: all else,
        also where the difference or its interval is undefined.
    """
    if abs(difference.value) < NOTHING:
        return "tie"
    return "pass" if difference.value > 0 and difference.low > -margin else "refused"


def unopposed(test_images: int, rules: Challenge) -> dict[str, Any]:
    """Report that there is no champion: the gate alone decides.

    Args:
        test_images: How many there are.
        rules: The margin.

    Returns:
        What `compare` returns, with nothing compared.
    """
    return {
        "verdict": "pass",
        "champion": None,
        "challenger": {},
        "difference": None,
        "margin": rules.margin,
        "test_images": test_images,
    }


def require_same_classes(champion: Sequence[str], challenger: Sequence[str]) -> None:
    """Refuse to compare models that tell other things apart.

    Args:
        champion: Its classes, in any order.
        challenger: Its classes.

    Raises:
        VerdictError: They differ.
    """
    if set(champion) != set(challenger):
        odd = ", ".join(sorted(set(champion) ^ set(challenger)))
        remedy = "Promote it by hand with a reason, or train on the same classes"
        raise VerdictError("the challenge", f"is between models of different classes ({odd})", remedy)


def sentence(report: dict[str, Any]) -> str:
    """Say a challenge's outcome in one line.

    Args:
        report: What `compare` or `unopposed` returns.
    """
    if report["champion"] is None:
        return "challenge: there is no champion; the gate alone decides"
    (low, high), value = report["difference"]["ci95"], report["difference"]["value"]
    sides = " against ".join(
        f"{report[name]['balanced_accuracy']['value']:.3f}" for name in ("challenger", "champion")
    )
    ends = "" if None in (low, high) else f" ({low:+.3f} to {high:+.3f})"
    return (
        f"challenge: balanced accuracy {sides} on {report['test_images']} images, "
        f"difference {value:+.3f}{ends}: {report['verdict']}"
    )


def fault(report: dict[str, Any]) -> str:
    """Say why the champion stays.

    Args:
        report: One whose verdict is not `pass`.
    """
    if report["verdict"] == "tie":
        return "ends in a tie"
    if (report["difference"]["value"] or 0) <= 0:
        return "was lost: the new model is worse"
    return f"is not won for sure: the new model may be worse by more than {report['margin']}"


def mcnemar(labels: Integers, champion: Integers, challenger: Integers) -> dict[str, int | float]:
    """Test whether two models are right equally often, by the images on which one of them alone is.

    The exact test: under equality each such image is a fair coin (McNemar 1947, Psychometrika
    12:153-157). It takes images for independent, which those of a group are not, and knows no classes:
    it is reported beside the interval, and decides nothing.

    Args:
        labels: int64 [N].
        champion: int64 [N].
        challenger: int64 [N].

    Returns:
        `champion_alone` and `challenger_alone`, how many images only one of them got right, and
        `p_value`, two-sided, in (0, 1].
    """
    old, new = champion == labels, challenger == labels
    ours, theirs = int((new & ~old).sum()), int((old & ~new).sum())
    flips = ours + theirs
    # Whole numbers, however large: no rounding before the one division.
    tail = sum(math.comb(flips, heads) for heads in range(min(ours, theirs) + 1))
    p_value = min(1.0, 2 * tail / 2**flips)
    return {"champion_alone": theirs, "challenger_alone": ours, "p_value": round(p_value, DIGITS)}


def _shown(interval: Interval) -> dict[str, Any]:
    value, low, high = (
        round(end, DIGITS) if math.isfinite(end) else None
        for end in (interval.value, interval.low, interval.high)
    )
    return {"value": value, "ci95": [low, high]}
