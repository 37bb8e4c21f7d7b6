"""Where a bundle comes from: only what it has not learnt from may examine it."""

from __future__ import annotations

from pathlib import Path

from scanops.bundle.bundle import Bundle
from scanops.digest import hash_file
from scanops.errors import ConfigError

REMEDY = "Run `make repro`, so that manifest, splits and bundle are of one run"


def of(manifest: Path, splits: Path, rules_sha256: str) -> dict[str, str]:
    """Note what a bundle is made from.

    Args:
        manifest: The manifest.
        splits: The splits.
        rules_sha256: `config.fingerprint` of the section `split`.

    Returns:
        Fields of `Bundle`.
    """
    return {
        "data_sha256": hash_file(manifest),
        "splits_sha256": hash_file(splits),
        "split_rules_sha256": rules_sha256,
    }


def require(bundle: Bundle, manifest: Path, splits: Path) -> None:
    """Refuse to examine a bundle by other tables than those that it was made from.

    After another split the test images may be among those that the network learnt from.

    Args:
        bundle: Its description.
        manifest: The manifest of today.
        splits: The splits of today.

    Raises:
        ConfigError: One of them is not what the bundle was made from, or the bundle does not say.
    """
    promised = {manifest: bundle.data_sha256, splits: bundle.splits_sha256}
    for table, sha256 in promised.items():
        try:
            held = hash_file(table)
        except OSError as error:
            raise ConfigError(str(table), f"cannot be read ({error})", "Make it with `make repro`") from error
        if sha256 is None:
            raise ConfigError("the bundle", f"does not say that it was made from {table}", REMEDY)
        if held != sha256:
            raise ConfigError("the bundle", f"was not made from {table} as it is now", REMEDY)


def doubt(champion: Bundle, challenger: Bundle, joined: int) -> str | None:
    """Say when an older bundle may have learnt from images that are test images today.

    Under the same rules, a picture that was there before keeps its part, unless an added one joined its group
    with another: that can take it from train to test.

    Args:
        champion: Its description.
        challenger: The description of the bundle of today's split.
        joined: How many test images lie in groups of several stable keys.

    Returns:
        A sentence, or None where that cannot be.
    """
    if champion.split_rules_sha256 == challenger.split_rules_sha256:
        if champion.data_sha256 == challenger.data_sha256 or not joined:
            return None
        return (
            f"the champion comes from other data: of the {joined} test images in groups that have joined it "
            "may have learnt from some, which flatters it"
        )
    known = "was split by other rules" if champion.split_rules_sha256 else "does not say how it was split"
    return f"the champion {known}: it may have learnt from some of these test images, which flatters it"
