"""Does a bundle in eight bits answer as well as the one in 32? Arithmetic on answers to the same images.

The test is that of non-inferiority alone: the lower end of the paired 95 % interval of the difference in
balanced accuracy is above minus the margin (see `challenge`). The smaller bundle need not be better: it is
smaller and faster, which is what was asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanops.config import Challenge, Evaluation
from scanops.evaluation import challenge
from scanops.evaluation.metrics import Integers, Probabilities


def compare(
    labels: Integers,
    full: Probabilities,
    small: Probabilities,
    groups: npt.NDArray[np.generic],
    margin: float,
    settings: Evaluation,
) -> dict[str, Any]:
    """Judge the smaller bundle against the full one.

    Args:
        labels: int64 [N] in [0, K), of images that the network has not learnt from.
        full: float32 [N, K], the answers of the bundle in float32.
        small: float32 [N, K], those of the bundle in eight bits.
        groups: [N], what group each image belongs to.
        margin: How much worse in balanced accuracy it must surely not be.
        settings: Resamples and seed.

    Returns:
        `kept`; `float32` and `int8` with accuracy and balanced accuracy; `difference` in balanced
        accuracy, eight bits less full; `margin`; `mcnemar`, see `challenge.mcnemar`; `same_label`, how
        many images got the same label from both; `validation_images` and `groups`.

    Raises:
        VerdictError: There are fewer than two groups.
    """
    before, after = full.argmax(axis=1), small.argmax(axis=1)
    found = challenge.compare(labels, before, after, groups, Challenge(margin=margin), settings)
    low = found["difference"]["ci95"][0]
    tests = found["mcnemar"]
    return {
        # Answers that are no numbers would all count as the first class.
        "kept": bool(low is not None and low > -margin and np.isfinite(small).all()),
        "float32": found["champion"],
        "int8": found["challenger"],
        "difference": found["difference"],
        "margin": margin,
        "mcnemar": {
            "float32_alone": tests["champion_alone"],
            "int8_alone": tests["challenger_alone"],
            "p_value": tests["p_value"],
        },
        "same_label": int((before == after).sum()),
        "validation_images": found["test_images"],
        "groups": found["groups"],
    }


def sentence(report: dict[str, Any]) -> str:
    """Say what became of the smaller bundle.

    Args:
        report: What `compare` returns.
    """
    (low, high), value = report["difference"]["ci95"], report["difference"]["value"]
    ends = "" if None in (low, high) else f" ({low:+.3f} to {high:+.3f})"
    outcome = "kept" if report["kept"] else f"not kept, it may be worse by more than {report['margin']}"
    return (
        f"int8 is {outcome}: balanced accuracy {report['int8']['balanced_accuracy']['value']:.3f} against "
        f"{report['float32']['balanced_accuracy']['value']:.3f} on {report['validation_images']} validation "
        f"images, difference {value:+.3f}{ends}"
    )
