"""The dashboard that Grafana is provisioned with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "docker" / "compose" / "grafana" / "dashboards" / "scanops.json"


def load() -> dict[str, Any]:
    """Read it."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def expressions() -> list[tuple[str, str]]:
    """Return the title and the expression of each target of each panel."""
    return [(panel["title"], target["expr"]) for panel in load()["panels"] for target in panel["targets"]]
