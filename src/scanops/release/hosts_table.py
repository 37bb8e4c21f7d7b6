"""What every host runs, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = ("host", "environment", "side", "digest", "model", "since", "health")


def table(record: Mapping[str, Any], promoted: str | None) -> list[str]:
    """Lay out what a playbook recorded.

    Args:
        record: Of `status`: `environment` and `hosts`.
        promoted: The digest that hosts should run, None where nobody knows.

    Returns:
        Lines: a heading, a line a host, and one for a drift between ledger and hosts.
    """
    rows, drifted = [list(COLUMNS)], []
    for host, entry in sorted(record["hosts"].items()):
        status = entry["status"]
        digest = status.get("digest")
        health = (
            entry["fault"]["text"].split("(")[0].split(". ")[0].strip()
            if entry["fault"]
            else str(status.get("health") or status.get("fault", "did not answer"))
        )
        # Of a host that did not answer nobody knows what it runs.
        if promoted and status and digest != promoted:
            drifted.append(host)
            health += ", drift"
        if status.get("unpromoted"):
            health += ", unpromoted"
        shown = [(digest or "-")[:19], (status.get("bundle") or "-")[:12], status.get("since") or "-"]
        rows.append([host, record["environment"], entry["kind"], *shown, health])
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    if drifted:
        lines.append(
            f"drift: {', '.join(drifted)} should run {promoted and promoted[:19]}; `make deploy` corrects it"
        )
    return lines
