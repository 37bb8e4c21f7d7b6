"""MLflow follows the ledger: its aliases are set from it, and it witnesses the last entry.

The ledger is what holds; an alias that lags behind (a process died, a server was away) is set right by the
next promotion. The witness is a tag of the registered model: a ledger that does not have the entry any more
was rewritten, even where no clone remembers.
"""

from __future__ import annotations

from collections.abc import Sequence

from scanops.config import Tracking
from scanops.errors import VerdictError
from scanops.release import ledger, registry, tracking
from scanops.release.ledger import Entry

WITNESS = "ledger_entry"  # value: number and hash of the last entry, `7:3f…`


def follow(rules: Tracking, entries: Sequence[Entry]) -> None:
    """Set every alias to what the ledger says, and note its last entry.

    Args:
        rules: Where the registry is.
        entries: The ledger.

    Raises:
        OutsideError: The registry cannot be reached.
    """
    if not entries:
        return
    with registry.opened(rules) as client:
        for stage in ledger.STAGES:
            held = ledger.at(entries, stage)
            if held and held.release.model == rules.model:
                client.set_registered_model_alias(rules.model, stage, held.release.model_version)
        last = entries[-1]
        client.set_registered_model_tag(rules.model, WITNESS, f"{last.number}:{last.sha256}")


def witness(rules: Tracking) -> str:
    """Tell the last entry that the registry has seen, empty where it has seen none.

    Args:
        rules: Where the registry is.

    Raises:
        OutsideError: The registry cannot be reached.
    """
    with registry.opened(rules) as client:
        known = client.search_registered_models(f"name = '{rules.model}'")
        return str(known[0].tags.get(WITNESS, "")) if known else ""


def require_witnessed(noted: str, entries: Sequence[Entry]) -> None:
    """Refuse a ledger that is not the one of which the registry has seen an entry.

    Args:
        noted: What `witness` told *before* the ledger was read: others may write in between.
        entries: The ledger.

    Raises:
        VerdictError: The ledger was rewritten.
    """
    number, _, sha256 = noted.partition(":")
    if noted and (int(number) > len(entries) or entries[int(number) - 1].sha256 != sha256):
        fault = f"has not the entry {number} ({sha256[:12]}) that the model registry saw"
        raise VerdictError("the ledger", f"was rewritten, or is another: it {fault}", ledger.REMEDY)


def training_run(rules: Tracking, model_sha256: str) -> str | None:
    """Find the run of the training that made a Keras model.

    Args:
        rules: Where runs are recorded.
        model_sha256: The model's hash.

    Returns:
        The id of the newest such run that ended well, or None where this server has none.
    """
    with registry.opened(rules) as client:
        experiments = [one.experiment_id for one in client.search_experiments()]
        found = tracking.find_training(experiments, model_sha256)
    return str(found.info.run_id) if found else None


def registration_run(rules: Tracking, version: str) -> str | None:
    """Tell the run that a registered version came from.

    Args:
        rules: Where the registry is.
        version: Its number.
    """
    with registry.opened(rules) as client:
        return client.get_model_version(rules.model, version).run_id
